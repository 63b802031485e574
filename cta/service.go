package cta

import "fmt"

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
