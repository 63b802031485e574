package ctatest

import (
	"strconv"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

// At returns a time of day on Wednesday 7 October 2026 in Chicago, the day on
// which the project's simulations start.
func At(hour, minute int) time.Time {
	return time.Date(2026, time.October, 7, hour, minute, 0, 0, cta.Chicago().Location)
}

// Arrival returns the arrival of a train in service, at its first station and in
// direction a. Callers change other fields as needed.
func Arrival(station *cta.Station, line, train string) cta.Arrival {
	return cta.Arrival{
		StationID: station.ID, TrainID: train, Line: line,
		Direction: cta.DirectionA, TrainStatus: cta.TrainInService,
	}
}

// ArrivalFrom returns the arrival of a train in service that comes from another station
// in direction d.
func ArrivalFrom(prev, station *cta.Station, d cta.Direction, line, train string) cta.Arrival {
	a := Arrival(station, line, train)
	a.Direction, a.PrevStationID, a.PrevDirection = d, &prev.ID, &d
	return a
}

// Arrive publishes arrivals that happened at the same time, to their stations'
// topics, and returns when the broker has them.
func (s *System) Arrive(at time.Time, arrivals ...cta.Arrival) {
	s.tb.Helper()
	records := make([]kafka.Record, len(arrivals))
	for i, a := range arrivals {
		records[i] = event(s, s.arrivals, s.Topics.Arrivals(s.station(a.StationID)), a.StationID, at, a)
	}
	s.sendEvents(records)
}

// Enter publishes n entries of riders to the station's topic of turnstiles, and
// returns when the broker has them.
func (s *System) Enter(at time.Time, station *cta.Station, n int) {
	s.tb.Helper()
	entry := cta.TurnstileEntry{StationID: station.ID, StationName: station.Name}
	if len(station.Lines) > 0 {
		entry.Line = station.Lines[0]
	}
	r := event(s, s.entries, s.Topics.Turnstiles(station), station.ID, at, entry)
	records := make([]kafka.Record, n)
	for i := range records {
		records[i] = r
	}
	s.sendEvents(records)
}

// Observe publishes a reading of the weather hardware, and returns when the
// broker has it.
func (s *System) Observe(at time.Time, w cta.Weather) {
	s.tb.Helper()
	r := event(s, s.weather, s.Topics.Weather(), 0, at, w)
	r.PartitionBy = nil
	s.ensure(kafka.EventTopic(r.Topic, 1))
	s.Send(r)
}

// SendRows publishes rows of the stations table as Kafka Connect would, and returns
// when the broker has them.
func (s *System) SendRows(rows ...tables.StationRow) {
	s.tb.Helper()
	s.ensure(kafka.EventTopic(s.Topics.Stations(), 1))
	records := make([]kafka.Record, len(rows))
	for i, row := range rows {
		records[i] = kafka.Record{Topic: s.Topics.Stations(), Value: row.AppendJSON(nil)}
	}
	s.Send(records...)
}

// Send publishes records unchanged, such as malformed ones, and returns when the broker
// has them. Their topics must exist: see [kafka.Client.EnsureTopics].
func (s *System) Send(records ...kafka.Record) {
	s.tb.Helper()
	ctx, cancel := s.context()
	defer cancel()
	for _, r := range records {
		if err := s.producer.Send(ctx, r, nil); err != nil {
			s.tb.Fatalf("ctatest: send to %s: %v", r.Topic, err)
		}
	}
	if err := s.producer.Flush(ctx); err != nil {
		s.tb.Fatalf("ctatest: send %d records, and wait for the broker: %v", len(records), err)
	}
}

// station is what a topic's name needs of a station; one of another network
// than Chicago's has its id for a name.
func (s *System) station(id int) *cta.Station {
	if st := cta.Chicago().Station(id); st != nil {
		return st
	}
	return &cta.Station{ID: id, Name: strconv.Itoa(id)}
}

func event[V any](s *System, f wire.Records[cta.Key, V], topic string, station int, at time.Time, v V) kafka.Record {
	s.tb.Helper()
	ctx, cancel := s.context()
	defer cancel()
	r, err := f.Record(ctx, topic, cta.KeyAt(at), v)
	if err != nil {
		s.tb.Fatalf("ctatest: event for %s: %v", topic, err)
	}
	r.PartitionBy = cta.PartitionKey(station)
	return r
}

// sendEvents sends records of stations, with topics as the layout has them.
func (s *System) sendEvents(records []kafka.Record) {
	s.tb.Helper()
	partitions := int32(1)
	if s.Topics.Layout == cta.LayoutShared {
		partitions = SharedPartitions
	}
	for _, r := range records {
		s.ensure(kafka.EventTopic(r.Topic, partitions))
	}
	s.Send(records...)
}

// ensure creates a topic, once a test.
func (s *System) ensure(topic kafka.TopicSpec) {
	s.tb.Helper()
	if s.ensured[topic.Name] {
		return
	}
	ctx, cancel := s.context()
	defer cancel()
	if err := s.Kafka.EnsureTopics(ctx, topic); err != nil {
		s.tb.Fatalf("ctatest: topic %s: %v", topic.Name, err)
	}
	s.ensured[topic.Name] = true
}
