package ctaproducer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/internal/restclient"
)

// Answers of a REST Proxy's API v2 to a produce request. Confluent's proxy reports a
// record's failure inside a 200, Karapace by 422 for the whole; both list the records'
// outcomes under "offsets". The sets of codes differ between Confluent 5.x, 6.2 and
// later, 7.2 and later, and Karapace: all are understood.

type produceAnswer struct {
	Offsets []struct {
		Offset    *int64 `json:"offset"`
		ErrorCode *int   `json:"error_code"`
		Error     string `json:"error"`
	} `json:"offsets"`
}

// Codes of one record's failure, first Confluent's, then Karapace's.
const (
	codeFatal      = 50002
	codeRetriable  = 50003
	codeFatalKara  = 1
	codeRetryKara  = 2
	codeNoTopic    = 40401
	codeNoLeader   = 40404
	codeRegistry   = 40801
	codeBadSchema  = 42205
	codeSerialize  = 42207
	codePoolEmpty  = 50301
	codeBrokerAway = 50302
)

// check returns why the one record of a post is not in the topic. err is the request's
// error.
func (w *Weather) check(answer []byte, err error) error {
	status := http.StatusOK
	refused := (*rest.Error)(nil)
	if errors.As(err, &refused) {
		status, answer = refused.Status, refused.Body
	} else if err != nil {
		return err
	}
	var body produceAnswer
	known := json.Unmarshal(answer, &body) == nil
	if known {
		for _, o := range body.Offsets {
			if o.ErrorCode == nil && o.Error == "" {
				continue
			}
			e := &rest.Error{Status: status}
			if refused != nil {
				*e = *refused
			}
			e.Code, e.Message = 0, restclient.OneLine(w.proxy.Scrub(o.Error))
			if o.ErrorCode != nil {
				e.Code = *o.ErrorCode
			}
			e.Message = cmp.Or(e.Message, "record refused without a reason")
			return e
		}
	}
	if err != nil {
		return err
	}
	if !known || len(body.Offsets) != 1 || body.Offsets[0].Offset == nil {
		return &rest.Error{Status: status, Message: "an answer without the record's offset"}
	}
	return nil
}

// weatherPasses reports whether a record or a request that was refused may be
// taken the next time.
func weatherPasses(e *rest.Error) bool {
	switch e.Code {
	case codeRetriable, codeRetryKara, codeNoLeader, codePoolEmpty, codeBrokerAway:
		return true
	case codeRegistry, codeSerialize:
		return !registryRefuses.MatchString(cmp.Or(string(e.Body), e.Message))
	case codeFatal, codeFatalKara, 50001, 50101:
		return false
	}
	return restclient.ByStatus(e)
}

// registryRefuses matches the answer of a proxy whose registry has refused the schemas
// for good: the registry's own code, or its reason. The proxy's code alone also stands
// for a registry that is away, and is retried. The message repeats the schemas: its end,
// with the reason, may only be in the body.
var registryRefuses = regexp.MustCompile(`(?i)incompatible|error code: 4(01|03|04|09|22)`)

// weatherHints holds the remedy by code, or by status where there is no code.
var weatherHints = map[int]string{
	codeFatalKara:  "see the REST Proxy's log; check that its brokers are up and that {topic} takes records",
	codeRetryKara:  "check that the REST Proxy's brokers are up and that {topic} has a leader",
	codeFatal:      "see the REST Proxy's log; check that {topic} takes records of this size and from this user",
	codeRetriable:  "check that the REST Proxy's brokers are up and that {topic} exists",
	400:            "the proxy doesn't take the record: check that its registry's schemas of {topic}-key and {topic}-value are this program's",
	401:            "give user and password in the REST Proxy's URL",
	403:            "allow the REST Proxy's user to write to {topic}",
	404:            "this is not the root of a REST Proxy: check address and path, as http://127.0.0.1:8082",
	405:            "this is not the root of a REST Proxy: check address and path, as http://127.0.0.1:8082",
	406:            "this proxy has no API v2: use Confluent's REST Proxy from 5.0 or Karapace",
	408:            "check that the REST Proxy reaches its Schema Registry and brokers",
	413:            "raise the largest request of the REST Proxy and max.message.bytes of {topic}",
	415:            "this proxy takes no Avro: use Confluent's REST Proxy or Karapace, set up with a Schema Registry",
	422:            "the proxy doesn't take the request: check that it is a REST Proxy with API v2",
	429:            "the REST Proxy limits its clients: raise its limit, or slow the simulation down",
	500:            "see the REST Proxy's log; check that it reaches its Schema Registry and brokers",
	502:            "check the service behind the gateway at that address",
	503:            "check that the REST Proxy's brokers are up",
	504:            "check the service behind the gateway at that address",
	40001:          "check the name {topic} and the REST Proxy's settings",
	40002:          "check that {topic} is a valid name for a topic",
	40101:          "give the REST Proxy an identity that its brokers take",
	40301:          "allow the REST Proxy's user to write to {topic} and to register its schemas",
	codeNoTopic:    "create topic {topic} first: the simulation does when it is started",
	codeNoLeader:   "check that the brokers of {topic} are up",
	codeRegistry:   "check that the REST Proxy's Schema Registry is up, and that subjects {topic}-key and {topic}-value hold no incompatible schema",
	42201:          "the proxy lost the key's schema: check what stands between this program and the REST Proxy",
	42202:          "the proxy lost the value's schema: check what stands between this program and the REST Proxy",
	42203:          "the registry's schemas of {topic}-key and {topic}-value are not this program's: remove or correct them",
	codeBadSchema:  "the registry's schemas of {topic}-key and {topic}-value are not this program's: remove or correct them",
	codeSerialize:  "check that the REST Proxy's Schema Registry is up, and that subjects {topic}-key and {topic}-value hold no incompatible schema",
	42901:          "the brokers limit this client: raise its quota",
	50001:          "check the REST Proxy's ZooKeeper, or use a newer REST Proxy",
	50101:          "give the brokers a listener that the REST Proxy can use",
	codePoolEmpty:  "raise the REST Proxy's pool of consumers",
	codeBrokerAway: "check that the REST Proxy's brokers are up",
}

func (w *Weather) hint(err error) string {
	var hint string
	var e *rest.Error
	switch {
	case errors.As(err, &e):
		hint = cmp.Or(weatherHints[e.Code], weatherHints[e.Status])
		if e.Status == http.StatusOK && e.Code == 0 || e.Status/100 == 3 {
			hint = weatherHints[http.StatusNotFound]
		}
	case errors.Is(err, context.DeadlineExceeded) && !restclient.Unreachable(err):
		hint = "check that the REST Proxy reaches its brokers; the reading may be in {topic} nevertheless"
	}
	return strings.ReplaceAll(hint, "{topic}", w.topic)
}
