package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// entries makes the records of entries, as the library's producers do.
type entries struct {
	topic    string
	stations []*cta.Station
	format   wire.Records[cta.Key, cta.TurnstileEntry]
	made     int
}

func (b *system) entriesOf(ctx context.Context, topic string) (*entries, error) {
	if err := b.kafka.EnsureTopics(ctx, kafka.EventTopic(topic, int32(b.partitions))); err != nil {
		return nil, err
	}
	codecs, err := wire.AvroRecords[cta.Key, cta.TurnstileEntry](b.registry, schemas.TurnstileKey, schemas.TurnstileValue)
	if err != nil {
		return nil, err
	}
	return &entries{topic: topic, stations: cta.Chicago().Stations, format: codecs}, nil
}

// next returns the next entry: the stations take turns.
func (e *entries) next(ctx context.Context) (kafka.Record, *cta.Station, error) {
	s := e.stations[e.made%len(e.stations)]
	line := s.Lines[e.made/len(e.stations)%len(s.Lines)]
	e.made++
	r, err := e.format.Record(ctx, e.topic, cta.Key{Timestamp: time.Now().UnixMilli()}, cta.TurnstileEntry{StationID: s.ID, StationName: s.Name, Line: line})
	r.PartitionBy = cta.PartitionKey(s.ID)
	return r, s, err
}

// fill writes n entries, which wait.
func (b *system) fill(ctx context.Context, topic string, n int) error {
	e, err := b.entriesOf(ctx, topic)
	if err != nil {
		return err
	}
	p, err := b.kafka.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		return err
	}
	var failed atomic.Pointer[error]
	for range n {
		r, _, err := e.next(ctx)
		if err == nil {
			err = p.Send(ctx, r, func(err error) {
				if err != nil {
					failed.Store(&err)
				}
			})
		}
		if err != nil {
			return errors.Join(err, p.Close())
		}
	}
	if err := p.Close(); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return fmt.Errorf("entries for %s: %w", topic, *err)
	}
	return nil
}

// createCounts creates the topic of a peer's counts.
func (b *system) createCounts(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return b.kafka.EnsureTopics(ctx, kafka.TableTopic(topic, 1))
}

// follow hands the committed counts of a topic to f until it returns false or ctx ends.
func (b *system) follow(ctx context.Context, topic string, f func(c tables.TurnstileCount) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return b.kafka.Read(ctx, kafka.ReadConfig{Match: kafka.Names(topic), Refresh: 50 * time.Millisecond}, func(_ context.Context, r kafka.Record) error {
		c, deleted, err := tables.ParseTurnstileCount(r.Key, r.Value)
		if err != nil || deleted {
			return err
		}
		if !f(c) {
			cancel()
		}
		return nil
	})
}
