package cta

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/cta/internal/sheet"
)

// DefaultPrefix starts the names of the system's topics and consumer groups,
// except TURNSTILE_SUMMARY, whose name is ksqlDB's.
const DefaultPrefix = "org.chicago.cta."

// Layout says how a network's arrivals and entries are spread over topics.
type Layout string

// Every Layout. Readers take both, whatever they are set to.
const (
	// PerStation is a topic of one partition for each station and kind.
	PerStation Layout = "per-station"
	// Shared is one topic a kind, with partitions chosen by the station: what
	// ksqlDB needs, and better for networks of thousands of stations.
	Shared Layout = "shared"
)

// ParseLayout returns the layout that s names, or an error that lists the names.
func ParseLayout(s string) (Layout, error) {
	switch l := Layout(s); l {
	case PerStation, Shared:
		return l, nil
	}
	return "", fmt.Errorf("layout is %q, want %s or %s", s, PerStation, Shared)
}

// Topics names the topics and the consumer groups of one system. Systems with
// different prefixes share a cluster without sharing a topic or a group. The zero
// value has the default prefix and the layout [PerStation].
type Topics struct {
	Prefix string // default: DefaultPrefix
	Layout Layout // default: PerStation
	// Summary is the name of the topic of counts. Default: TURNSTILE_SUMMARY with
	// the default prefix, and <Prefix>TURNSTILE_SUMMARY with another.
	Summary string
}

func (t Topics) prefix() string {
	if t.Prefix == "" {
		return DefaultPrefix
	}
	return t.Prefix
}

func (t Topics) station(kind string, s *Station) string {
	if t.Layout == Shared {
		return t.prefix() + kind
	}
	return t.prefix() + kind + "." + s.Slug()
}

// Arrivals is the topic of the arrivals at s. It is put together anew at each
// call: one that sends many events keeps it.
func (t Topics) Arrivals(s *Station) string { return t.station("station.arrivals", s) }

// Turnstiles is the topic of the entries at s. See [Topics.Arrivals].
func (t Topics) Turnstiles(s *Station) string { return t.station("station.turnstiles", s) }

// IsArrivals reports whether name is a topic of arrivals, in either layout.
func (t Topics) IsArrivals(name string) bool { return t.is("station.arrivals", name) }

// IsTurnstiles reports whether name is a topic of entries, in either layout.
func (t Topics) IsTurnstiles(name string) bool { return t.is("station.turnstiles", name) }

func (t Topics) is(kind, name string) bool {
	rest, ok := strings.CutPrefix(name, t.prefix()+kind)
	return ok && (rest == "" || rest[0] == '.')
}

// Weather is the topic of weather readings.
func (t Topics) Weather() string { return t.prefix() + "weather" }

// Stations is the topic of raw rows of the stations table.
func (t Topics) Stations() string { return t.prefix() + "stations" }

// StationsTable is the compacted topic of [StationRecord] values.
func (t Topics) StationsTable() string { return t.prefix() + "stations.table" }

// DeadLetter is the topic of records that could not be read.
func (t Topics) DeadLetter() string { return t.prefix() + "dead-letter" }

// TurnstileSummary is the compacted topic of [TurnstileCount] values.
func (t Topics) TurnstileSummary() string {
	switch {
	case t.Summary != "":
		return t.Summary
	case t.prefix() == DefaultPrefix:
		return "TURNSTILE_SUMMARY"
	}
	return t.prefix() + "TURNSTILE_SUMMARY"
}

// Group is the consumer group of the workers of one kind, such as "inspector".
// Their transactional ids begin with it.
func (t Topics) Group(worker string) string { return t.prefix() + worker }

// maxTopicName is Kafka's own bound, in bytes.
const maxTopicName = 249

// longestTopic is the longest name after the prefix, but for a station's part.
const longestTopic = "station.turnstiles."

// Validate returns every fault of t's fields: an unknown layout, a prefix or
// a name that Kafka would refuse, or under which topics of the system would have
// the same name.
func (t Topics) Validate() error {
	var faults []error
	if t.Layout != "" {
		if _, err := ParseLayout(string(t.Layout)); err != nil {
			faults = append(faults, err)
		}
	}
	if limit := maxTopicName - maxSlug - len(longestTopic); !legalTopic(t.prefix()) || len(t.prefix()) > limit {
		faults = append(faults, fmt.Errorf("prefix is %s, want up to %d ASCII letters, digits, dots, hyphens or underscores", sheet.Quote(t.prefix()), limit))
	}
	if strings.Contains(t.prefix(), "station.arrivals.") || strings.Contains(t.prefix(), "station.turnstiles.") {
		faults = append(faults, fmt.Errorf("prefix is %s, want one without station.arrivals. and station.turnstiles.: another system would read its topics", sheet.Quote(t.prefix())))
	}
	switch name := t.TurnstileSummary(); {
	case t.Summary == "": // legal if the prefix is
	case !LegalTopic(name):
		faults = append(faults, fmt.Errorf("summary topic is %s, want up to %d ASCII letters, digits, dots, hyphens or underscores", sheet.Quote(name), maxTopicName))
	case name == t.Weather() || name == t.Stations() || name == t.StationsTable() || name == t.DeadLetter() || t.IsArrivals(name) || t.IsTurnstiles(name):
		faults = append(faults, fmt.Errorf("summary topic is %s, want a name that no other topic has", sheet.Quote(name)))
	}
	return errors.Join(faults...)
}

// LegalTopic reports whether Kafka takes a name for a topic.
func LegalTopic(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxTopicName && legalTopic(name)
}

func legalTopic(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	})
}

// PartitionKey is the text by whose hash (Java's murmur2) a record about a
// station is put in a partition, so that all of a station's records stay in order.
func PartitionKey(stationID int) []byte { return strconv.AppendInt(nil, int64(stationID), 10) }
