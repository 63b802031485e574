package ctastream

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
)

// ksqlEntity is one statement's result: of the members, those of its type.
type ksqlEntity struct {
	CommandID     string             `json:"commandId"`
	CommandStatus *ksqlCommandStatus `json:"commandStatus"`
	Streams       []ksqlSource       `json:"streams"`
	Tables        []ksqlSource       `json:"tables"`
	Queries       []ksqlQuery        `json:"queries"`
}

type ksqlCommandStatus struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type ksqlSource struct {
	Name string `json:"name"`
}

func named(name string) func(ksqlSource) bool {
	return func(s ksqlSource) bool { return s.Name == name }
}

type ksqlQuery struct {
	ID    ksqlID   `json:"id"`
	Sinks []string `json:"sinks"`
}

// ksqlID is a query's id: text, or in some 5.x versions an object that holds it.
type ksqlID string

// UnmarshalJSON takes both forms.
func (id *ksqlID) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*id = ksqlID(text)
		return nil
	}
	var object struct {
		ID string `json:"id"`
	}
	err := json.Unmarshal(data, &object)
	*id = ksqlID(object.ID)
	return err
}

// ksqlError is an answer of the server other than success.
type ksqlError struct {
	status  int    // HTTP
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

// Error is status, code and the first line of the message.
func (e *ksqlError) Error() string {
	s := "refused"
	if e.status != http.StatusOK {
		s = fmt.Sprintf("answered %d %s", e.status, http.StatusText(e.status))
	}
	if e.Code != 0 {
		s += fmt.Sprintf(" (code %d)", e.Code)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(e.Message), "\n")
	const limit = 500
	if len(first) > limit {
		first = strings.ToValidUTF8(first[:limit], "") + "…"
	}
	if first != "" {
		s += ": " + first
	}
	return s
}

func parseKSQLError(status int, body []byte) *ksqlError {
	e := &ksqlError{status: status}
	if json.Unmarshal(body, e) != nil && !strings.HasPrefix(strings.TrimSpace(string(body)), "<") {
		e.Message = string(body)
	}
	return e
}

// later reports whether the server wants to be asked again: it is starting, or
// has too much to do.
func (e *ksqlError) later() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable || e.Code == 42900 || e.Code/100 == 503
}

// done reports whether a statement failed because there was nothing left to do:
// somebody else was quicker.
func (e *ksqlError) done(statement string) bool {
	switch text := strings.ToLower(e.Message); {
	case strings.HasPrefix(statement, "CREATE"):
		return strings.Contains(text, "already exists") || strings.Contains(text, "already registered")
	default: // DROP, TERMINATE
		return strings.Contains(text, "does not exist") || strings.Contains(text, "unknown queryid")
	}
}

// fail names the service, its address and a remedy.
func (k *KSQL) fail(err error) error {
	if err == nil {
		return nil
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("ctastream: %w", &cta.ServiceError{Service: "ksqlDB", Addr: k.url.String(), Hint: k.hint(err), Err: err})
}

func (k *KSQL) hint(err error) string {
	var e *ksqlError
	if !errors.As(err, &e) {
		return "start it, or check the address given by -ksql"
	}
	text := strings.ToLower(e.Message)
	switch {
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		return "check the user and password in the server's URL"
	case e.later():
		return "it is still starting, or busy: try again, or see its log"
	case strings.Contains(text, "topic does not exist"):
		return "create the topic first: start a producer with the shared layout"
	case e.status == http.StatusUnsupportedMediaType || e.status == http.StatusNotAcceptable || e.status == http.StatusNotFound:
		return "check that the URL is a ksqlDB server's"
	case e.status >= 500:
		return "see the server's log"
	}
	return "the statement is refused: see the message, and what SHOW STREAMS and SHOW TABLES list"
}
