package ctaproducer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/schemas"
)

// ProducerConfig holds the optional settings of a [Producer]. The zero value is ready to use.
type ProducerConfig struct {
	// Topics names the topics, and determines whether each station has its own.
	Topics cta.Topics
	// Partitions is the number of partitions of a topic in the shared layout, if
	// Prepare creates it. From 1 to 1000. Default: 12.
	Partitions int32
	// MaxBuffered bounds the events accepted but not yet acknowledged, which cost about
	// 200 bytes each. At the bound, Run blocks. Default: 16384.
	MaxBuffered int
	// Log receives the steps of Prepare. Default: silent.
	Log *slog.Logger
	// Metrics receives the count of events. Default: none.
	Metrics prometheus.Registerer
}

func (c ProducerConfig) withDefaults() ProducerConfig {
	c.Topics.Layout = cmp.Or(c.Topics.Layout, cta.LayoutPerStation)
	c.Partitions = cmp.Or(c.Partitions, 12)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

func (c ProducerConfig) validate() error {
	var faults []error
	if _, err := cta.ParseLayout(string(c.Topics.Layout)); err != nil {
		faults = append(faults, fmt.Errorf("Topics: %w", err))
	}
	if c.Partitions < 1 || c.Partitions > 1000 {
		faults = append(faults, fmt.Errorf("Partitions is %d, want 1 to 1000", c.Partitions))
	}
	if c.MaxBuffered < 0 {
		faults = append(faults, fmt.Errorf("MaxBuffered is %d, want 1 or more, or 0 for the default", c.MaxBuffered))
	}
	return errors.Join(faults...)
}

// Producer emits the arrivals and entries at the stations of a network. It is safe for
// concurrent use.
type Producer struct {
	client *kafka.Client
	out    *kafka.Producer
	net    *cta.Network
	cfg    ProducerConfig

	arrivals   wire.Records[cta.Key, cta.Arrival]
	turnstiles wire.Records[cta.Key, cta.TurnstileEntry]
	weather    wire.Records[cta.Key, cta.Weather]
	stations   map[int]*Station
	gates      map[int]*Turnstile
}

// NewProducer returns a producer for the stations of net. The error lists every wrong
// setting. Nothing is contacted yet. Call Prepare before the first event, which needs
// its topic. Close the producer before the client.
func NewProducer(client *kafka.Client, reg *wire.Registry, net *cta.Network, cfg ProducerConfig) (*Producer, error) {
	if client == nil || reg == nil || net == nil {
		return nil, errors.New("ctaproducer: producer: want a Kafka client, a registry and a network, found nil")
	}
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("ctaproducer: producer: %w", err)
	}
	p := &Producer{
		client: client, net: net, cfg: cfg,
		stations: make(map[int]*Station, len(net.Stations)),
		gates:    make(map[int]*Turnstile, len(net.Stations)),
	}
	var err error
	if p.arrivals, err = wire.AvroRecords[cta.Key, cta.Arrival](reg, schemas.ArrivalKey, schemas.ArrivalValue); err != nil {
		return nil, fmt.Errorf("ctaproducer: arrivals: %w", err)
	}
	if p.turnstiles, err = wire.AvroRecords[cta.Key, cta.TurnstileEntry](reg, schemas.TurnstileKey, schemas.TurnstileValue); err != nil {
		return nil, fmt.Errorf("ctaproducer: turnstiles: %w", err)
	}
	if p.weather, err = wire.AvroRecords[cta.Key, cta.Weather](reg, schemas.WeatherKey, schemas.WeatherValue); err != nil {
		return nil, fmt.Errorf("ctaproducer: weather: %w", err)
	}
	if p.out, err = client.NewProducer(kafka.ProducerConfig{MaxBuffered: cfg.MaxBuffered}); err != nil {
		return nil, fmt.Errorf("ctaproducer: producer: %w", err)
	}
	events := metric.Counter(cfg.Metrics, "ctalive_events_emitted_total",
		"Events accepted for delivery, by kind: arrival or entry.", "kind")
	arrivals, entries := events.WithLabelValues("arrival"), events.WithLabelValues("entry")
	for _, s := range net.Stations {
		partition := cta.PartitionKey(s.ID)
		p.stations[s.ID] = &Station{producer: p, station: s, topic: cfg.Topics.Arrivals(s), partition: partition, emitted: arrivals}
		p.gates[s.ID] = &Turnstile{producer: p, station: s, topic: cfg.Topics.Turnstiles(s), partition: partition, emitted: entries,
			values: make([]atomic.Pointer[[]byte], len(s.Lines))}
	}
	return p, nil
}

// Prepare creates the missing topics of raw events (arrivals, entries, weather, rows of
// the stations table, dead letters), and registers their schemas. Nothing that exists is
// changed, so any number of producers may call Prepare at any time.
func (p *Producer) Prepare(ctx context.Context) error {
	began := time.Now()
	arrivals := p.topicNames(p.cfg.Topics.Arrivals)
	turnstiles := p.topicNames(p.cfg.Topics.Turnstiles)
	partitions := int32(1)
	if p.cfg.Topics.Layout == cta.LayoutShared {
		partitions = p.cfg.Partitions
	}
	var topics []kafka.TopicSpec
	for _, name := range slices.Concat(arrivals, turnstiles) {
		topics = append(topics, kafka.EventTopic(name, partitions))
	}
	for _, name := range []string{p.cfg.Topics.Weather(), p.cfg.Topics.Stations(), p.cfg.Topics.DeadLetter()} {
		topics = append(topics, kafka.EventTopic(name, 1))
	}

	g, gctx := errgroup.WithContext(ctx) // the first fault stands for all: they are alike
	g.Go(func() error { return p.client.EnsureTopics(gctx, topics...) })
	subjects := len(arrivals) + len(turnstiles) + 1
	var done atomic.Int32
	register := func(kind interface {
		Register(context.Context, ...string) error
	}, topics ...string) {
		for _, topic := range topics {
			g.Go(func() error {
				defer done.Add(1)
				return kind.Register(gctx, topic)
			})
		}
	}
	register(p.arrivals, arrivals...)
	register(p.turnstiles, turnstiles...)
	register(p.weather, p.cfg.Topics.Weather())
	ended := make(chan error, 1)
	go func() { ended <- g.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("ctaproducer: prepare: %w", err)
			}
			p.cfg.Log.Info("topics and schemas are ready", "topics", len(topics), "took", time.Since(began).Round(time.Millisecond))
			return nil
		case <-time.After(5 * time.Second):
			p.cfg.Log.Info("registering schemas", "topics", done.Load(), "of", subjects)
		}
	}
}

// topicNames returns the topics of a kind of event, each once.
func (p *Producer) topicNames(topic func(*cta.Station) string) []string {
	names := make([]string, len(p.net.Stations))
	for i, s := range p.net.Stations {
		names[i] = topic(s)
	}
	return slices.Compact(names) // in the shared layout, all are one
}

// Station returns the sensor of the trains at a station.
func (p *Producer) Station(id int) (*Station, error) {
	if s := p.stations[id]; s != nil {
		return s, nil
	}
	return nil, p.unknown(id)
}

// Turnstile returns the turnstiles of a station.
func (p *Producer) Turnstile(id int) (*Turnstile, error) {
	if t := p.gates[id]; t != nil {
		return t, nil
	}
	return nil, p.unknown(id)
}

func (p *Producer) unknown(id int) error {
	return fmt.Errorf("ctaproducer: no station %d in %s (%d stations)", id, p.net.Name, len(p.net.Stations))
}

// LastEvent returns the newest event time among the latest arrivals and entries in the
// topics, or zero without any. The time of one wrong clock is left out: no other
// partition comes near, and others agree. A simulation can continue from the result
// (SimulationConfig.After).
func (p *Producer) LastEvent(ctx context.Context) (time.Time, error) {
	topics := p.cfg.Topics
	records, err := p.client.Last(ctx, kafka.AnyOf(topics.IsArrivals, topics.IsTurnstiles))
	if err != nil {
		return time.Time{}, fmt.Errorf("ctaproducer: last event: %w", err)
	}
	var times []time.Time
	for _, r := range records {
		codec := p.arrivals.Key
		if topics.IsTurnstiles(r.Topic) {
			codec = p.turnstiles.Key
		}
		key, err := codec.Decode(ctx, r.Key)
		if wire.Reason(err) != "" {
			continue // not an event: the dead-letter topic's business
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("ctaproducer: last event: topic %s: %w", r.Topic, err)
		}
		if key.Check(r.Time) == nil {
			times = append(times, key.Time())
		}
	}
	if len(times) == 0 {
		return time.Time{}, nil
	}
	slices.SortFunc(times, time.Time.Compare)
	for i := len(times) - 1; i > 0; i-- {
		if times[i].Sub(times[i-1]) < agreeWithin {
			return times[i], nil
		}
	}
	return times[len(times)-1], nil
}

// agreeWithin is how near two partitions' last events are, at most, to confirm each other:
// some station has riders every few minutes.
const agreeWithin = 10 * time.Minute

// Flush waits until every event accepted so far is acknowledged. It returns the
// failures since the last Flush.
func (p *Producer) Flush(ctx context.Context) error {
	if err := p.out.Flush(ctx); err != nil {
		return fmt.Errorf("ctaproducer: %w", err)
	}
	return nil
}

// Close delivers the accepted events, for up to 3 s, and returns the failures that no
// Flush has returned.
func (p *Producer) Close() error {
	if err := p.out.Close(); err != nil {
		return fmt.Errorf("ctaproducer: %w", err)
	}
	return nil
}
