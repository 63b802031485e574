package cta

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/internal/sheet"
	"github.com/seed-921eec07/ctalive/internal/topicname"
)

// DefaultPrefix is the default prefix of topics and consumer groups. ksqlDB's
// TURNSTILE_SUMMARY has no prefix.
const DefaultPrefix = "org.chicago.cta."

// Layout is the assignment of arrivals and entries to topics.
type Layout string

// Every Layout. Readers accept both, whatever their setting.
const (
	// LayoutPerStation has a topic with one partition for each station and kind of event.
	LayoutPerStation Layout = "per-station"
	// LayoutShared has one topic per kind of event, partitioned by station. ksqlDB needs it,
	// and it suits networks of thousands of stations better.
	LayoutShared Layout = "shared"
)

// ParseLayout returns the layout named s, or an error that lists the names.
func ParseLayout(s string) (Layout, error) {
	switch l := Layout(s); l {
	case LayoutPerStation, LayoutShared:
		return l, nil
	}
	return "", fmt.Errorf("layout is %q, want %s or %s", s, LayoutPerStation, LayoutShared)
}

// Topics names the topics and the consumer groups of one system. Systems with different
// prefixes can share a cluster without sharing a topic or a group. The zero value has
// the default prefix and layout [LayoutPerStation].
type Topics struct {
	Prefix string // default: DefaultPrefix
	Layout Layout // default: LayoutPerStation
	// Counts is the topic of counts. Default: TURNSTILE_SUMMARY with the default
	// prefix, and <Prefix>TURNSTILE_SUMMARY with another.
	Counts string
}

// NamePrefix returns the first part of all names: Prefix, or [DefaultPrefix].
func (t Topics) NamePrefix() string { return cmp.Or(t.Prefix, DefaultPrefix) }

func (t Topics) station(kind string, s *Station) string {
	if t.Layout == LayoutShared {
		return t.NamePrefix() + kind
	}
	return t.NamePrefix() + kind + "." + s.Slug()
}

// Arrivals returns the topic of the arrivals at s. Each call builds the name; keep it
// to send many events.
func (t Topics) Arrivals(s *Station) string { return t.station("station.arrivals", s) }

// Turnstiles returns the topic of the entries at s. See [Topics.Arrivals].
func (t Topics) Turnstiles(s *Station) string { return t.station("station.turnstiles", s) }

// TopicStation returns the station whose events a topic holds, in layout
// [LayoutPerStation]; ok is false for other topics. Their last part is a slug: see
// [Station.Slug].
func TopicStation(topic string) (id int, ok bool) {
	digits, _, named := strings.Cut(topic[strings.LastIndexByte(topic, '.')+1:], "-")
	id, err := strconv.Atoi(digits)
	return id, named && err == nil // a topic such as entries.2026 is of all stations
}

// CheckTopic returns an error if a topic of one station has an event of another.
func CheckTopic(topic string, station int) error {
	if id, ok := TopicStation(topic); ok && id != station {
		return fmt.Errorf("station %d in the topic of station %d", station, id)
	}
	return nil
}

// IsArrivals reports whether name is a topic of arrivals, in either layout.
func (t Topics) IsArrivals(name string) bool { return t.is("station.arrivals", name) }

// IsTurnstiles reports whether name is a topic of entries, in either layout.
func (t Topics) IsTurnstiles(name string) bool { return t.is("station.turnstiles", name) }

func (t Topics) is(kind, name string) bool {
	rest, ok := strings.CutPrefix(name, t.NamePrefix()+kind)
	return ok && (rest == "" || rest[0] == '.')
}

// Weather returns the topic of weather readings.
func (t Topics) Weather() string { return t.NamePrefix() + "weather" }

// Alerts returns the compacted topic of the notices to riders.
func (t Topics) Alerts() string { return t.NamePrefix() + "alerts" }

// Predictions returns the topic of [Prediction] values.
func (t Topics) Predictions() string { return t.NamePrefix() + "predictions" }

// Stations returns the topic of raw rows of the stations table.
func (t Topics) Stations() string { return t.NamePrefix() + "stations" }

// StationsTable returns the compacted topic of the stations of each line.
func (t Topics) StationsTable() string { return t.NamePrefix() + "stations.table" }

// DeadLetter returns the topic of unreadable records.
func (t Topics) DeadLetter() string { return t.NamePrefix() + "dead-letter" }

// TurnstileSummary returns the compacted topic of the counts of entries.
func (t Topics) TurnstileSummary() string {
	switch {
	case t.Counts != "":
		return t.Counts
	case t.NamePrefix() == DefaultPrefix:
		return "TURNSTILE_SUMMARY"
	}
	return t.NamePrefix() + "TURNSTILE_SUMMARY"
}

// Group returns the consumer group of the workers of one kind, such as "inspector".
// Their transactional ids begin with it.
func (t Topics) Group(worker string) string { return t.NamePrefix() + worker }

// longestTopic is the longest name after the prefix, without a station's slug.
const longestTopic = "station.turnstiles."

// Check returns every fault of t's fields: an unknown layout, a name that Kafka refuses,
// or a name of two topics, in this system or with another one.
func (t Topics) Check() error {
	_, err := ParseLayout(string(cmp.Or(t.Layout, LayoutPerStation)))
	faults := []error{err}
	if limit := topicname.Max - maxSlug - len(longestTopic); !topicname.LegalPart(t.NamePrefix()) || len(t.NamePrefix()) > limit {
		faults = append(faults, fmt.Errorf("prefix is %s, want up to %d ASCII letters, digits, dots, hyphens or underscores", sheet.Quote(t.NamePrefix()), limit))
	}
	if strings.Contains(t.NamePrefix(), "station.arrivals.") || strings.Contains(t.NamePrefix(), "station.turnstiles.") {
		faults = append(faults, fmt.Errorf("prefix is %s, want one without station.arrivals. and station.turnstiles.: another system would read its topics", sheet.Quote(t.NamePrefix())))
	}
	switch name := t.TurnstileSummary(); {
	case t.Counts == "": // legal if the prefix is
	case !topicname.Legal(name):
		faults = append(faults, fmt.Errorf("summary topic is %s, want up to %d ASCII letters, digits, dots, hyphens or underscores", sheet.Quote(name), topicname.Max))
	case name == t.Weather() || name == t.Alerts() || name == t.Predictions() || name == t.Stations() || name == t.StationsTable() || name == t.DeadLetter() || t.IsArrivals(name) || t.IsTurnstiles(name):
		faults = append(faults, fmt.Errorf("summary topic is %s, want a name that no other topic has", sheet.Quote(name)))
	}
	return errors.Join(faults...)
}

// PartitionKey returns the text whose hash (Java's murmur2) chooses the partition of a
// station's records, so that they stay in order.
func PartitionKey(stationID int) []byte { return strconv.AppendInt(nil, int64(stationID), 10) }
