package ctastream

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/internal/restclient"
)

// ksqlEntity is the result of one statement; its type determines the members present.
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

// topicNamed returns the topic of the stream or table of that name, if it exists.
func topicNamed(name string, sources []ksqlSource) string {
	is := isNamed(name)
	for _, s := range sources {
		if is(s.Name) {
			return s.Topic
		}
	}
	return ""
}

// isNamed compares names. Some versions put some names in back quotes.
func isNamed(name string) func(string) bool {
	return func(s string) bool { return strings.Trim(s, "`") == name }
}

// ksqlQuery is a query and its outputs. The first 5.x versions name the topic, later
// ones the table, the newest both.
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

// UnmarshalJSON accepts both forms.
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

// later reports whether the server asks for a retry: it is starting, or overloaded. Its
// 500 can be a statement's fault.
func later(e *rest.Error) bool {
	return e.Code == 42900 || e.Code/100 == 503 || restclient.ByStatus(e) && (e.Status != http.StatusInternalServerError || e.Code == 0)
}

// says reports whether a refusal of the server contains one of these texts.
func says(err error, texts ...string) bool {
	var e *rest.Error
	return errors.As(err, &e) && slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(strings.ToLower(e.Message), text)
	})
}

// exists reports whether a statement was refused because its name is taken, by the same
// object or by another.
func exists(err error) bool { return says(err, "already exists", "already registered") }

// gone reports whether the object to drop or to terminate no longer exists.
func gone(err error) bool { return says(err, "does not exist", "unknown queryid") }

// inTheWay returns the error for one of our names that is taken by an object that
// doesn't count for us. Drop removes it.
type inTheWay string

func (e inTheWay) Error() string { return string(e) }

var unknownProperty = regexp.MustCompile(`(?i)recognizable as .*property: *'?([\w.-]+)`)

// missingTopic matches the message for a missing topic: "Kafka topic does not exist:
// x", or from 7.4 on "Topic 'x' does not exist."
var missingTopic = regexp.MustCompile(`(?i)\btopic( '[^']*')? does not exist`)

func ksqlHint(err error) string {
	var e *rest.Error
	switch {
	case errors.As(err, new(inTheWay)):
		return "remove it with KSQL.Drop if nobody else needs it"
	case !errors.As(err, &e):
		return ""
	}
	property := unknownProperty.FindStringSubmatch(e.Message)
	switch {
	case property != nil:
		return "leave " + property[1] + " out of the request's member streamsProperties, and set it in the server's configuration"
	case e.Code == 40301:
		return "let the Kafka user that the server itself has use that topic, by an ACL of the brokers; the user in the server's URL is another"
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return "check the user and password in the server's URL"
	case later(e):
		return "it is still starting, or busy: try again, or see its log"
	case missingTopic.MatchString(e.Message):
		return "create the topic first: start a producer with the shared layout"
	case says(err, "different partition"):
		return "the topic is another engine's: end that, and delete the topic, which is counted anew"
	case says(err, "terminat"):
		return "end the other queries that the message names by TERMINATE, then try again"
	case e.Status == http.StatusUnsupportedMediaType || e.Status == http.StatusNotAcceptable || e.Status == http.StatusNotFound:
		return "check that the URL is a ksqlDB server's"
	case e.Status >= 500:
		return "see the server's log"
	}
	return "the statement is refused: see the message, and what SHOW STREAMS and SHOW TABLES list"
}
