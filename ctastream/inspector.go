package ctastream

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// Inspector reads arrivals and weather, and publishes dead letters of the unreadable
// records. Pages read the same topics and skip such records, but do not write to Kafka.
//
// Three kinds of readable records are dead letters too:
//
//   - reason "wrong topic": an arrival at another station than its topic's
//   - reason "impossible value": see [cta.Arrival.Check] and [cta.Weather.Check]
//   - reason "impossible event time": see [cta.Key.Check]; or an event time a day or
//     more from the time of its record, if the times of other stations are nearer
type Inspector struct {
	worker
	arrivals wire.Records[cta.Key, cta.Arrival]
	weather  wire.Records[cta.Key, cta.Weather]
	// apart holds the distance between the latest event time of each station, 0 for the
	// weather, and the time of its record.
	apart map[int]time.Duration
}

const (
	astray      = 24 * time.Hour // from the record's time, while others are nearer
	maxStations = 10_000         // in apart
)

// NewInspector returns an inspector that reads and writes through client. The error
// lists every wrong setting. Nothing is contacted before Run. cfg.Input, if set, must
// be a topic of arrivals or weather by cfg.Topics.
func NewInspector(client *kafka.Client, reg *wire.Registry, cfg Config) (*Inspector, error) {
	cfg = cfg.withDefaults("inspector", "")
	cfg.Output = ""
	err := cfg.validate()
	if in := cfg.Input; err == nil && in != "" && in != cfg.Topics.Weather() && !cfg.Topics.IsArrivals(in) {
		err = fmt.Errorf("Input is %s, want a topic of arrivals or %s", in, cfg.Topics.Weather())
	}
	if err != nil {
		return nil, fmt.Errorf("ctastream: inspector: %w", err)
	}
	x := &Inspector{apart: make(map[int]time.Duration), worker: newWorker(client, cfg, kafka.AnyOf(cfg.Topics.IsArrivals, kafka.Names(cfg.Topics.Weather())))}
	if x.arrivals, err = wire.AvroRecords[cta.Key, cta.Arrival](reg, schemas.ArrivalKey, schemas.ArrivalValue); err != nil {
		return nil, fmt.Errorf("ctastream: inspector: arrivals: %w", err)
	}
	if x.weather, err = wire.AvroRecords[cta.Key, cta.Weather](reg, schemas.WeatherKey, schemas.WeatherValue); err != nil {
		return nil, fmt.Errorf("ctastream: inspector: weather: %w", err)
	}
	return x, nil
}

// Run creates the topic of dead letters, and inspects until ctx ends. Then it publishes
// its findings, leaves the group and returns nil, all within 5 s. It returns
// [kafka.ErrFenced] when a newer worker of the same InstanceID has taken over, or the
// error of a request that the cluster refused. Don't call it concurrently.
func (x *Inspector) Run(ctx context.Context) error {
	if err := x.run(ctx, (*inspection)(x)); err != nil {
		return fmt.Errorf("ctastream: inspector: %w", err)
	}
	return nil
}

// inspection is an Inspector's kafka.Transformer. Its state is the dead letters
// written, and the last clock of each station.
type inspection Inspector

func (x *inspection) Assign(_ context.Context, gained []kafka.Assigned) (install func(), err error) {
	return func() { x.dead.begin(gained) }, nil
}

func (*inspection) Needs(kafka.Assigned) []kafka.Partition { return nil }

func (*inspection) Revoke([]kafka.Partition) {}

// Transform returns the dead letters of a batch.
func (x *inspection) Transform(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	var out []kafka.Record
	for _, r := range batch {
		station := 0
		key, err := readable(ctx, &x.worker, func(ctx context.Context) (k cta.Key, err error) {
			if r.Topic == x.cfg.Topics.Weather() {
				k, v, err := x.weather.Decode(ctx, r)
				return k, possible(err, v)
			}
			k, v, err := x.arrivals.Decode(ctx, r)
			station = v.StationID
			if err == nil {
				err = inTopic(r.Topic, station)
			}
			return k, possible(err, v)
		})
		if err == nil {
			err = x.checkTime(station, key, r.Time)
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return nil, err
		}
		if out, err = x.dead.add(ctx, out, r, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// possible returns err or, if a value was read, the reason why it is impossible.
func possible(err error, v interface{ Check() error }) error {
	if err == nil {
		if err = v.Check(); err != nil {
			err = unreadable("impossible value", err)
		}
	}
	return err
}

// checkTime returns an error for an impossible event time: by itself, or because three
// quarters of the stations have event times near those of their records.
func (x *inspection) checkTime(station int, k cta.Key, sent time.Time) error {
	if err := k.Check(sent); err != nil {
		return unreadable("impossible event time", err)
	}
	off := k.Time().Sub(sent)
	if _, known := x.apart[station]; known || len(x.apart) < maxStations {
		x.apart[station] = off
	}
	if off.Abs() < astray {
		return nil
	}
	others, near := 0, 0
	for id, o := range x.apart {
		if id == station {
			continue
		}
		others++
		// In an accelerated simulation, one station after the other comes to lie a day
		// from its records' times.
		if o.Abs() < astray && (off-o).Abs() > astray/2 {
			near++
		}
	}
	if others < 3 || 4*near < 3*others {
		return nil
	}
	return unreadable("impossible event time", fmt.Errorf("timestamp is %d, which is %v from the record's time; at %d of %d other stations it is less than %v",
		k.Timestamp, off.Round(time.Minute), near, others, astray))
}
