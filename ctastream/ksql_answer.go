package ctastream

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

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
	Name  string `json:"name"`
	Topic string `json:"topic"`
}

// topicNamed returns the topic of the stream or table of that name, if it is there.
func topicNamed(name string, sources []ksqlSource) string {
	is := isNamed(name)
	for _, s := range sources {
		if is(s.Name) {
			return s.Topic
		}
	}
	return ""
}

// isNamed compares names, of which some versions put some in back quotes.
func isNamed(name string) func(string) bool {
	return func(s string) bool { return strings.Trim(s, "`") == name }
}

// ksqlQuery is a query and what it writes, which versions tell in several ways:
// the first 5.x by the topic, later ones by the table, the newest by both.
type ksqlQuery struct {
	ID     ksqlID   `json:"id"` // as CTAS_TURNSTILE_SUMMARY_1
	Topic  string   `json:"kafkaTopic"`
	Sinks  []string `json:"sinks"`
	Topics []string `json:"sinkKafkaTopics"`
}

func (q ksqlQuery) writes(table, topic string) bool {
	return slices.ContainsFunc(q.Sinks, isNamed(table)) || slices.Contains(q.Sinks, topic) ||
		q.Topic == topic || slices.Contains(q.Topics, topic) || strings.HasPrefix(string(q.ID), "CTAS_"+table+"_")
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
	status  int           // HTTP
	after   time.Duration // when to come back; 0: not said
	Code    int           `json:"error_code"`
	Message string        `json:"message"`
}

// Error is status, code and the message in one line.
func (e *ksqlError) Error() string {
	s := "refused"
	if e.status != http.StatusOK {
		s = fmt.Sprintf("answered %d %s", e.status, http.StatusText(e.status))
	}
	if e.Code != 0 {
		s += fmt.Sprintf(" (code %d)", e.Code)
	}
	if m := oneLine(e.Message); m != "" {
		s += ": " + m
	}
	return s
}

// oneLine joins the lines of a message, without those of a Java stack trace, and
// cuts it to a readable length.
func oneLine(message string) string {
	var kept []string
	for line := range strings.Lines(message) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "at ") && !strings.HasPrefix(line, "... ") {
			kept = append(kept, line)
		}
	}
	const limit = 500
	text := strings.ToValidUTF8(strings.Join(kept, " "), "?")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
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

// exists reports whether a statement was refused because its name is taken, by
// what it wants to create or by something else.
func (e *ksqlError) exists() bool {
	text := strings.ToLower(e.Message)
	return strings.Contains(text, "already exists") || strings.Contains(text, "already registered")
}

// gone reports whether there was nothing to drop or to terminate any more.
func (e *ksqlError) gone() bool {
	text := strings.ToLower(e.Message)
	return strings.Contains(text, "does not exist") || strings.Contains(text, "unknown queryid")
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

// inTheWay is the fault that a name of ours is taken by what doesn't count for us.
// Drop removes it.
type inTheWay string

func (e inTheWay) Error() string { return string(e) }

var unknownProperty = regexp.MustCompile(`(?i)recognizable as .*property: *'?([\w.-]+)`)

func (k *KSQL) hint(err error) string {
	var e *ksqlError
	switch {
	case errors.As(err, new(inTheWay)):
		return "drop it first, if nobody else needs it: examples/turnstiles -engine ksqldb -drop"
	case !errors.As(err, &e):
		return "start it, or check the address given by -ksql"
	}
	text := strings.ToLower(e.Message)
	property := unknownProperty.FindStringSubmatch(e.Message)
	switch {
	case property != nil:
		return "leave " + property[1] + " out of the request's member streamsProperties, and set it in the server's configuration"
	case e.Code == 40301:
		return "let the Kafka user that the server itself has use that topic, by an ACL of the brokers; the user in the server's URL is another"
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		return "check the user and password in the server's URL"
	case e.later():
		return "it is still starting, or busy: try again, or see its log"
	case strings.Contains(text, "topic does not exist"):
		return "create the topic first: start a producer with the shared layout"
	case strings.Contains(text, "different partition"):
		return "the topic is another engine's: end that, and delete the topic, which is counted anew"
	case strings.Contains(text, "terminat"):
		return "end the other queries that the message names by TERMINATE, then try again"
	case e.status == http.StatusUnsupportedMediaType || e.status == http.StatusNotAcceptable || e.status == http.StatusNotFound:
		return "check that the URL is a ksqlDB server's"
	case e.status >= 500:
		return "see the server's log"
	}
	return "the statement is refused: see the message, and what SHOW STREAMS and SHOW TABLES list"
}
