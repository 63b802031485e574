// Package fakeksql answers as a ksqlDB or KSQL server does, for tests: it takes
// the statements that count entries, and lists what they have made. What else a
// server may answer, a test has it replay.
package fakeksql

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Answer is one answer of a server.
type Answer struct {
	Status     int
	Body       string
	RetryAfter int // seconds; 0: not said
}

// Query is the id of the query that fills the table.
const Query = "CTAS_TURNSTILE_SUMMARY_1"

// Server is a server of some version, at its URL. Close it.
type Server struct {
	*httptest.Server
	version string

	mu         sync.Mutex
	replayed   map[string][]Answer
	statements []string
	sequence   int    // of the last command
	stream     string // the topic of TURNSTILE; empty: there is none
	table      string // the topic of TURNSTILE_SUMMARY
	running    bool   // the query
}

// New starts a server. What begins as a key of replayed, a statement or a path, gets
// those answers in turn, and the last one from then on; it has no effect.
func New(version string, replayed map[string][]Answer) *Server {
	s := &Server{version: version, replayed: maps.Clone(replayed)}
	s.Server = httptest.NewServer(s)
	return s
}

// Statements returns those received, but for the ones that list.
func (s *Server) Statements() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statements
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what := r.URL.EscapedPath()
	if what == "/ksql" {
		var body struct {
			KSQL       string            `json:"ksql"`
			Properties map[string]string `json:"streamsProperties"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Properties["ksql.streams.auto.offset.reset"] != "earliest" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		what = body.KSQL
		if !strings.HasPrefix(what, "LIST") {
			s.statements = append(s.statements, what)
		}
	}
	a := s.answer(what)
	w.Header().Set("Content-Type", "application/vnd.ksql.v1+json")
	if a.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.RetryAfter))
	}
	w.WriteHeader(a.Status)
	fmt.Fprint(w, a.Body)
}

func (s *Server) answer(what string) Answer {
	for begin, answers := range s.replayed {
		if strings.HasPrefix(what, begin) {
			if len(answers) > 1 {
				s.replayed[begin] = answers[1:]
			}
			return answers[0]
		}
	}
	switch {
	case what == "/info":
		return OK(fmt.Sprintf(`{"KsqlServerInfo":{"version":%q,"kafkaClusterId":"c","ksqlServiceId":"default_"}}`, s.version))
	case strings.HasPrefix(what, "LIST"):
		return OK(List(s.stream, s.table, s.running))
	case strings.HasPrefix(what, "CREATE STREAM"):
		return s.create(&s.stream, "stream", "TURNSTILE", what)
	case strings.HasPrefix(what, "CREATE TABLE"):
		a := s.create(&s.table, "table", "TURNSTILE_SUMMARY", what)
		s.running = s.running || a.Status == http.StatusOK
		return a
	case what == "TERMINATE "+Query+";" && s.running:
		s.running = false
		return s.done(what, "terminate/"+Query+"/execute", "Query terminated.")
	case strings.HasPrefix(what, "DROP TABLE"):
		return s.drop(&s.table, "table", "TURNSTILE_SUMMARY", what)
	case strings.HasPrefix(what, "DROP STREAM"):
		return s.drop(&s.stream, "stream", "TURNSTILE", what)
	}
	return Refuse(http.StatusNotFound, 40400, "nothing is there")
}

var topicOf = regexp.MustCompile(`KAFKA_TOPIC='([^']*)'`)

func (s *Server) create(topic *string, kind, name, statement string) Answer {
	if *topic != "" {
		return s.refuse("Topic already registered: "+name,
			fmt.Sprintf("Cannot add %s '%s': A %[1]s with the same name already exists", kind, name))
	}
	*topic = topicOf.FindStringSubmatch(statement)[1]
	return s.done(statement, kind+"/`"+name+"`/create", "Created")
}

func (s *Server) drop(topic *string, kind, name, statement string) Answer {
	switch {
	case *topic == "":
		return s.refuse("Source "+name+" does not exist.", strings.ToUpper(kind[:1])+kind[1:]+" "+name+" does not exist.")
	case s.running:
		text := fmt.Sprintf("Cannot drop %s.\nThese queries use it: [%s].\nYou need to terminate them before dropping %[1]s.", name, Query)
		return s.refuse(text, text)
	}
	*topic = ""
	return s.done(statement, kind+"/`"+name+"`/drop", "Source `"+name+"` was dropped.")
}

// refuse answers in the words of KSQL 5, or of later versions.
func (s *Server) refuse(five, later string) Answer {
	if strings.HasPrefix(s.version, "5.") {
		return Refuse(http.StatusBadRequest, 40001, five)
	}
	return Refuse(http.StatusBadRequest, 40001, later)
}

func (s *Server) done(statement, command, message string) Answer {
	s.sequence++
	return Done(statement, command, "SUCCESS", message, s.sequence)
}

// OK is a success with a body.
func OK(body string) Answer { return Answer{Status: http.StatusOK, Body: body} }

// Done is the answer to a command that has got to a status.
func Done(statement, command, status, message string, sequence int) Answer {
	return OK(fmt.Sprintf(`[{"@type":"currentStatus","statementText":%q,"commandId":%q,`+
		`"commandStatus":{"status":%q,"message":%q,"queryId":null},"commandSequenceNumber":%d,"warnings":[]}]`, statement, command, status, message, sequence))
}

// Refuse is an answer with an error.
func Refuse(status, code int, message string) Answer {
	return Answer{Status: status, Body: fmt.Sprintf(`{"@type":"statement_error","error_code":%d,"message":%q,"stackTrace":["at io.confluent"],"statementText":"","entities":[]}`, code, message)}
}

// List is the answer to what lists streams, tables and queries: TURNSTILE and
// TURNSTILE_SUMMARY over those topics, where they aren't empty, the query, and one
// that is somebody else's.
func List(stream, table string, running bool) string {
	var streams, tables string
	if stream != "" {
		streams = fmt.Sprintf(`{"type":"STREAM","name":"TURNSTILE","topic":%q,"keyFormat":"NONE","valueFormat":"AVRO","isWindowed":false}`, stream)
	}
	if table != "" {
		tables = fmt.Sprintf(`{"type":"TABLE","name":"TURNSTILE_SUMMARY","topic":%q,"keyFormat":"JSON","valueFormat":"JSON","isWindowed":false}`, table)
	}
	queries := `{"queryString":"CREATE …","sinks":["OTHER"],"sinkKafkaTopics":["OTHER"],"id":"CSAS_OTHER_1"}`
	if running {
		queries += fmt.Sprintf(`,{"queryString":"CREATE …","sinks":["TURNSTILE_SUMMARY"],"sinkKafkaTopics":[%q],"id":%q}`, table, Query)
	}
	return fmt.Sprintf(`[{"@type":"streams","streams":[%s],"warnings":[]},{"@type":"tables","tables":[%s],"warnings":[]},{"@type":"queries","queries":[%s],"warnings":[]}]`,
		streams, tables, queries)
}
