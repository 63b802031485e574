package cta

import (
	"fmt"
	"strings"
)

// DataError is one fault in a data file.
type DataError struct {
	File   string
	Line   int    // from 1; 0 when the whole file is meant
	Column string // the column's name; empty when the whole line is meant
	// Char is the position of the field's first byte in the line, from 1, as compilers
	// and editors count; 0 when the whole line is meant.
	Char  int
	Found string // a quoted value, or a description
	Want  string // what was wanted
	Err   error  // an underlying cause; may be nil
}

// Error formats the fault as file:line:column, what was found and what was wanted:
// `stations.csv:3:17: latitude is "north", want a number from -90 to 90`.
func (e *DataError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
		if e.Char > 0 {
			fmt.Fprintf(&b, ":%d", e.Char)
		}
	}
	b.WriteString(": ")
	if e.Column != "" {
		b.WriteString(e.Column + " is ")
	}
	b.WriteString(e.Found)
	if e.Want != "" {
		b.WriteString(", want " + e.Want)
	}
	return b.String()
}

// Unwrap returns the cause, nil if the fault is only in the data.
func (e *DataError) Unwrap() error { return e.Err }

// ServiceError reports that a service outside this process is unreachable or refuses a
// request. Such services are a broker, a registry, a REST Proxy and a database.
type ServiceError struct {
	Service string // such as "schema registry"
	Addr    string // without credentials
	Hint    string // the remedy, such as "start it, or check RegistryConfig.URL"; may be empty
	Err     error  // the cause
}

// Error names service, address, cause and remedy in one line.
func (e *ServiceError) Error() string {
	s := fmt.Sprintf("%s at %s: %v", e.Service, e.Addr, e.Err)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *ServiceError) Unwrap() error { return e.Err }
