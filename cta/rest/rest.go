// Package rest holds the common parts of clients of HTTP services: a Schema Registry, a
// REST Proxy, Kafka Connect and ksqlDB. Access authenticates a client, and an Error is a
// service's refusal.
package rest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Access authenticates a client. The zero value means the user and password in the URL,
// if any, and the system's certificate authorities.
type Access struct {
	// User and Password are for basic authentication. Default: those in the URL.
	User, Password string
	// Token returns the bearer token of the next request. It takes precedence over
	// User and Password. Default: none.
	Token func(context.Context) (string, error)
	// TLS holds the trusted certificate authorities and the client's certificate
	// for an https URL. Default: the system's authorities, and no certificate.
	TLS *tls.Config
}

// Error is an answer of a service other than success. It may be the cause of a
// [*cta.ServiceError]: find it by errors.As.
type Error struct {
	Status  int    // HTTP; 200 when something was refused inside a success
	Code    int    // the service's own error_code; 0 without one
	Message string // one line, cut short, without secrets
	Body    []byte // the whole answer, which may hold secrets

	After         time.Duration // least pause until the next try; 0: none
	PermanentCode bool          // Code alone tells that no further try can succeed
}

// Permanent reports whether no further try can succeed, as with a wrong key.
func (e *Error) Permanent() bool {
	if e == nil {
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return e.PermanentCode || e.Status/100 == 3
}

// Error names status, code and message.
func (e *Error) Error() string {
	status := fmt.Sprintf("HTTP %d", e.Status)
	// Some servers' messages begin with the status.
	message := strings.TrimLeft(strings.TrimPrefix(e.Message, status), ": ")
	if e.Code != 0 && e.Code != e.Status {
		status += fmt.Sprintf(", code %d", e.Code)
	}
	return status + ": " + message
}
