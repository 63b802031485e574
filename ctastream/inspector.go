package ctastream

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// Inspector reads arrivals and weather and publishes nothing but the dead letters
// of those that can't be read. Dashboards, which read the same topics, skip such
// records; they don't write to Kafka.
type Inspector struct {
	worker
	arrivals kafka.Format[cta.Key, cta.Arrival]
	weather  kafka.Format[cta.Key, cta.Weather]
}

// NewInspector returns an inspector that reads and writes through client. The
// error lists every wrong setting. Nothing is contacted before Run. With
// cfg.Input, that topic must be of arrivals or weather by cfg.Topics.
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
	x := &Inspector{worker: newWorker(client, cfg, kafka.AnyOf(cfg.Topics.IsArrivals, kafka.Names(cfg.Topics.Weather())))}
	arrivals, err := wire.AvroEvents[cta.Arrival](reg, schemas.ArrivalKey, schemas.ArrivalValue)
	if err != nil {
		return nil, fmt.Errorf("ctastream: inspector: arrivals: %w", err)
	}
	weather, err := wire.AvroEvents[cta.Weather](reg, schemas.WeatherKey, schemas.WeatherValue)
	if err != nil {
		return nil, fmt.Errorf("ctastream: inspector: weather: %w", err)
	}
	x.arrivals = kafka.Format[cta.Key, cta.Arrival]{Key: arrivals.Key, Value: arrivals.Value}
	x.weather = kafka.Format[cta.Key, cta.Weather]{Key: weather.Key, Value: weather.Value}
	return x, nil
}

// Run creates the topic of dead letters, and inspects until ctx ends; then it
// publishes what it has found, leaves the group and returns nil, all within 5 s.
// It returns [kafka.ErrFenced] when a newer worker of the same InstanceID has
// taken over, or what the cluster has refused. Call it once at a time.
func (x *Inspector) Run(ctx context.Context) error {
	if err := x.run(ctx, (*inspection)(x)); err != nil {
		return fmt.Errorf("ctastream: inspector: %w", err)
	}
	return nil
}

// inspection is an Inspector as the transactions see it. It has no state but what
// dead letters are written.
type inspection Inspector

func (x *inspection) Assign(ctx context.Context, gained []kafka.Partition) (take func(), err error) {
	return x.restoreLetters(ctx, gained)
}

func (*inspection) Revoke([]kafka.Partition) {}

// Transform returns the dead letters of a batch.
func (x *inspection) Transform(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	var out []kafka.Record
	for _, r := range batch {
		_, err := readable(ctx, &x.worker, func(ctx context.Context) (struct{}, error) {
			var err error
			if r.Topic == x.cfg.Topics.Weather() {
				_, _, err = x.weather.Decode(ctx, r)
			} else {
				_, _, err = x.arrivals.Decode(ctx, r)
			}
			return struct{}{}, err
		})
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return nil, err
		}
		out = x.dead.add(out, r, err)
	}
	return out, nil
}
