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
	// Char is where in the line the fault is: the number of the field's first byte,
	// from 1, as compilers and editors count; 0 when the whole line is meant.
	Char  int
	Found string // what was there: a value in quotes, or words
	Want  string // what was wanted
	Err   error  // the cause, if it came from elsewhere; may be nil
}

// Error is file:line:column, what was found and what was wanted, as
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

// Unwrap returns the cause, nil when the fault is in the data alone.
func (e *DataError) Unwrap() error { return e.Err }

// ServiceError is returned where a service outside this process (a broker, a
// registry, a REST Proxy, a database) can't be reached or refuses.
type ServiceError struct {
	Service string // what it is, as "schema registry"
	Addr    string // where, without credentials
	Hint    string // what to do, as "start it, or leave out -registry"; may be empty
	Err     error  // what went wrong
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
