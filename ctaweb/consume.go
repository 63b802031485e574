package ctaweb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/retry"
	"github.com/seed-921eec07/ctalive/schemas"
)

const (
	weatherSince = 26 * time.Hour // also dates the counts of a day
	// Sources repeat predictions every two minutes, of which a replay's may be slow.
	predictionsSince = 10 * time.Minute
	probeWait        = 5 * time.Second
	retryFirst       = 100 * time.Millisecond
	retryLast        = 5 * time.Second
	maxLogged        = 1000 // pairs of reason and topic that were logged

	// Reasons.
	impossible = "impossible event time"
	unknown    = "not in this network"
)

// Kinds of topics, as metrics name them.
const (
	kindArrivals = "arrivals"
	kindWeather  = "weather"
	kindStations = "stations"
	kindCounts   = "counts"
	kindAlerts   = "alerts"

	kindPredictions = "predictions"
)

// ConsumeConfig holds the optional settings of [Consume]. The zero value is
// ready to use.
type ConsumeConfig struct {
	// ArrivalsBack is how far back, by the wall clock, arrivals are read at the start. From
	// 1m to 24h. Default: 2h. Older arrivals do not affect the present.
	ArrivalsBack time.Duration
	// Refresh is the time between searches for new topics. From 10ms to 1m. Default:
	// 2s.
	Refresh time.Duration
	// Log receives unreadable records, once for each reason and topic, and trouble with
	// services. Default: silent.
	Log *slog.Logger
	// Metrics receives the metrics of reading. Default: none.
	Metrics prometheus.Registerer

	// Now is the wall clock. Default: time.Now.
	Now func() time.Time
}

func (c ConsumeConfig) withDefaults() ConsumeConfig {
	c.ArrivalsBack = cmp.Or(c.ArrivalsBack, 2*time.Hour)
	c.Refresh = cmp.Or(c.Refresh, 2*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c ConsumeConfig) validate() error {
	var faults []error
	if c.ArrivalsBack < time.Minute || c.ArrivalsBack > 24*time.Hour {
		faults = append(faults, fmt.Errorf("ArrivalsBack is %v, want 1m to 24h", c.ArrivalsBack))
	}
	if c.Refresh < 10*time.Millisecond || c.Refresh > time.Minute {
		faults = append(faults, fmt.Errorf("Refresh is %v, want 10ms to 1m", c.Refresh))
	}
	return errors.Join(faults...)
}

// Client reads from Kafka, as [github.com/seed-921eec07/ctalive/cta/kafka.Client] does.
type Client interface {
	// Read passes the records of the topics that match to handle, until ctx ends or, with
	// StopAtEnd, all that exist have been handled.
	Read(ctx context.Context, cfg record.ReadConfig, handle func(context.Context, record.Record) error) error
	// Last returns the newest record of each partition.
	Last(ctx context.Context, match record.Match) ([]record.Record, error)
	// Topics returns the names of the topics that match. The error reports that the cluster
	// does not answer.
	Topics(ctx context.Context, match record.Match) ([]string, error)
}

// Consume feeds m from the topics until ctx ends, and then returns nil. It needs no
// consumer group, and reads both layouts:
//
//   - the tables from their start
//   - arrivals since cfg.ArrivalsBack, the agency's predictions of the last ten minutes, and
//     the weather of 26 hours
//   - then all new records, also of topics that appear later
//
// Once Consume has caught up, m is ready. Then Consume reads the arrivals of the last 26
// hours of event time, 300,000 at most, for the history of lines.
//
// A record that can't be read, or exceeds a bound of m, is counted, logged once for each
// reason and topic, and skipped. While a service is away, Consume retries, and m is not ready.
func Consume(ctx context.Context, client Client, reg *wire.Registry, topics cta.Topics, m *Model, cfg ConsumeConfig) error {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return fmt.Errorf("ctaweb: consume: %w", err)
	}
	c := &consumer{
		model: m, topics: topics, log: cfg.Log, now: cfg.Now,
		metrics: newConsumeMetrics(cfg.Metrics), logged: map[string]bool{}, trouble: map[string]bool{},
	}
	if err := c.formats(reg); err != nil {
		return fmt.Errorf("ctaweb: consume: %w", err)
	}
	m.SetNotReady("reading what is there")
	m.wrong = c.wrongClock
	m.hold()
	defer m.release(cfg.Now)

	ctx, cancel := context.WithCancel(ctx)
	var probing sync.WaitGroup
	defer probing.Wait()
	defer cancel()
	probing.Go(func() { c.probe(ctx, client, cfg.Refresh) })
	probing.Go(func() { c.past(ctx, client, cfg.Refresh, cfg.ArrivalsBack) })

	if err := c.lastWeather(ctx, client); err != nil {
		return consumed(ctx, err)
	}
	now := cfg.Now()
	err := client.Read(ctx, record.ReadConfig{
		Match: func(topic string) bool { return c.kind(topic) != "" },
		Since: func(topic string) time.Time {
			switch c.kind(topic) {
			case kindArrivals:
				return now.Add(-cfg.ArrivalsBack)
			case kindWeather:
				return now.Add(-weatherSince)
			case kindPredictions:
				return now.Add(-predictionsSince)
			}
			return time.Time{} // all
		},
		Refresh:  cfg.Refresh,
		CaughtUp: c.caughtUp,
	}, c.handle)
	return consumed(ctx, err)
}

// consumed returns the result of Consume: nil if ctx has ended.
func consumed(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("ctaweb: consume: %w", err)
}

// consumer reads records into a model. All methods but probe, past and status run in the
// reading goroutine.
type consumer struct {
	model       *Model
	topics      cta.Topics
	log         *slog.Logger
	now         func() time.Time
	metrics     *consumeMetrics
	arrivals    wire.Records[cta.Key, cta.Arrival]
	weather     wire.Records[cta.Key, cta.Weather]
	counts      tables.TurnstileCounts
	alerts      wire.Records[alert.Key, alert.Alert]
	predictions wire.Records[cta.PredictionKey, cta.Prediction]
	logged      map[string]bool

	mu      sync.Mutex
	done    bool            // caught up
	trouble map[string]bool // the present troubles
}

func (c *consumer) formats(reg *wire.Registry) error {
	var errs [4]error
	c.arrivals, errs[0] = wire.AvroRecords[cta.Key, cta.Arrival](reg, schemas.ArrivalKey, schemas.ArrivalValue)
	c.weather, errs[1] = wire.AvroRecords[cta.Key, cta.Weather](reg, schemas.WeatherKey, schemas.WeatherValue)
	c.alerts, errs[2] = wire.AvroRecords[alert.Key, alert.Alert](reg, schemas.AlertKey, schemas.AlertValue)
	c.predictions, errs[3] = wire.AvroRecords[cta.PredictionKey, cta.Prediction](reg, schemas.PredictionKey, schemas.PredictionValue)
	return errors.Join(errs[:]...)
}

// kind returns the kind of a topic, or "" if the topic isn't read.
func (c *consumer) kind(topic string) string {
	switch {
	case c.topics.IsArrivals(topic):
		return kindArrivals
	case topic == c.topics.Weather():
		return kindWeather
	case topic == c.topics.StationsTable():
		return kindStations
	case topic == c.topics.TurnstileSummary():
		return kindCounts
	case topic == c.topics.Alerts():
		return kindAlerts
	case topic == c.topics.Predictions():
		return kindPredictions
	}
	return ""
}

// lastWeather reads the latest weather, however old it is. An unreachable cluster is
// not an error: the next read waits for it.
func (c *consumer) lastWeather(ctx context.Context, client Client) error {
	records, err := client.Last(ctx, func(topic string) bool { return topic == c.topics.Weather() })
	if err != nil {
		c.log.Warn("cannot read the latest weather", "err", err)
		return nil
	}
	for _, r := range records {
		// An unreadable record is reported when its topic is read.
		if reason, err := c.insist(ctx, kindWeather, r); err != nil && reason == "" {
			return err
		}
	}
	return nil
}

// handle reads a record. It fails only when ctx ends.
func (c *consumer) handle(ctx context.Context, r record.Record) error {
	kind := c.kind(r.Topic)
	reason, err := c.insist(ctx, kind, r)
	if err != nil && reason == "" {
		return err
	}
	c.metrics.records.WithLabelValues(kind).Inc()
	if err != nil {
		c.skip(kind, reason, r, err)
	}
	return nil
}

// insist reads a record, and retries while the registry is away. An error without a
// reason means that ctx has ended.
func (c *consumer) insist(ctx context.Context, kind string, r record.Record) (reason string, err error) {
	const away = "the schema registry does not answer"
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		reason, err := c.read(ctx, kind, r)
		if err == nil || reason != "" {
			c.status(away, false)
			return reason, err
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if c.status(away, true) {
			c.log.Warn("Schema Registry does not answer; retrying", "err", err)
		}
		if err := retry.Pause(ctx, wait); err != nil {
			return "", err
		}
	}
}

// read puts a record into the model. An error with a reason is permanent, because the
// record is wrong; an error without one may pass.
func (c *consumer) read(ctx context.Context, kind string, r record.Record) (reason string, err error) {
	switch kind {
	case kindArrivals:
		k, v, err := c.arrivals.Decode(ctx, r)
		if err != nil {
			return wire.Reason(err), err
		}
		if err := k.Check(r.Time); err != nil {
			return impossible, err
		}
		if err := cta.CheckTopic(r.Topic, v.StationID); err != nil { // it would vote for another sensor
			return "wrong topic", err
		}
		err = c.model.ApplyArrival(k, v, r.Time)
		if errors.Is(err, live.ErrUnknown) {
			return unknown, fmt.Errorf("no line %.20q stops at station %d", v.Line, v.StationID)
		}
		return refused(err)
	case kindWeather:
		k, v, err := c.weather.Decode(ctx, r)
		if err != nil {
			return wire.Reason(err), err
		}
		if err := k.Check(r.Time); err != nil {
			return impossible, err
		}
		return refused(c.model.ApplyWeather(k, v, r.Time))
	case kindStations:
		if tables.Deleted(r.Value) {
			id, line, err := tables.ParseStationKey(string(r.Key))
			if err != nil {
				return "key that does not fit", err
			}
			c.model.RemoveStation(id, line)
			return "", nil
		}
		v, err := wire.DecodeJSON[tables.StationRecord](r.Value)
		if err != nil {
			return wire.Reason(err), err
		}
		return refused(c.model.ApplyStation(v))
	case kindAlerts:
		k, err := c.alerts.Key.Decode(ctx, r.Key)
		if err != nil {
			return wire.Reason(err), err
		}
		if r.Value == nil {
			c.model.RemoveAlert(k.ID)
			return "", nil
		}
		a, err := c.alerts.Value.Decode(ctx, r.Value)
		if err != nil {
			return wire.Reason(err), err
		}
		a.ID = k.ID
		return refused(c.model.ApplyAlert(a))
	case kindPredictions:
		k, err := c.predictions.Key.Decode(ctx, r.Key)
		if err != nil {
			return wire.Reason(err), err
		}
		if r.Value == nil {
			c.model.RemovePrediction(k.TrainID)
			return "", nil
		}
		p, err := c.predictions.Value.Decode(ctx, r.Value)
		if err != nil {
			return wire.Reason(err), err
		}
		p.TrainID = k.TrainID
		if err := (cta.Key{Timestamp: p.Made}).Check(r.Time); err != nil {
			return impossible, err
		}
		return refused(c.model.ApplyPrediction(p))
	case kindCounts:
		v, deleted, err := c.counts.Read(r.Key, r.Value)
		switch {
		case err != nil:
			return "count that does not fit", err
		case deleted:
			c.model.RemoveCount(v.StationID, r.Time)
		default:
			return refused(c.model.ApplyCount(v, r.Time))
		}
	}
	return "", nil
}

// refused returns why the model refused a record. A known record is not a fault. Neither is
// one of another network, but for arrivals: their senders vote on the time.
func refused(err error) (reason string, _ error) {
	switch {
	case errors.Is(err, live.ErrInvalid):
		return "impossible value", err
	case errors.Is(err, live.ErrFull):
		return "too many", err
	}
	return "", nil
}

// wrongClock logs that a station's clock was found to be wrong, or right again, and
// sets the metric. The model calls it with its lock held.
func (c *consumer) wrongClock(id int, wrong bool) {
	whose, name := "a station", ""
	if id == weatherSensor {
		whose, name = "the weather sensor", "weather"
	} else if st := c.model.net.Station(id); st != nil {
		name = st.Name
	}
	if !wrong {
		c.metrics.wrongClocks.DeleteLabelValues(strconv.Itoa(id), name)
		c.log.Info("the clock of "+whose+" is right again", "station", id, "name", name)
		return
	}
	c.metrics.wrongClocks.WithLabelValues(strconv.Itoa(id), name).Set(1)
	c.log.Warn("the clock of "+whose+" is wrong; its events get the time of receipt", "station", id, "name", name)
}

// skip counts an unreadable record.
func (c *consumer) skip(kind, reason string, r record.Record, err error) {
	c.metrics.unreadable.WithLabelValues(kind, reason).Inc()
	key := reason + "\x00" + r.Topic
	if reason == unknown { // a page of a few lines of many finds it in every topic
		key = reason
	}
	if c.logged[key] || len(c.logged) >= maxLogged {
		return
	}
	c.logged[key] = true
	c.log.Warn("record skipped; more of the same are only counted",
		"topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "reason", reason, "err", err)
}

func (c *consumer) caughtUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	c.model.release(c.now)
	c.tell()
}

// status records the start or the end of a trouble. It reports whether that changed
// anything.
func (c *consumer) status(what string, wrong bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble[what] == wrong {
		return false
	}
	c.trouble[what] = wrong
	c.tell()
	return true
}

// tell passes the readiness to the model. It is called with mu held.
func (c *consumer) tell() {
	for what, wrong := range c.trouble {
		if wrong {
			c.model.SetNotReady(what)
			return
		}
	}
	if c.done {
		c.model.SetReady()
		return
	}
	c.model.SetNotReady("reading what is there")
}

// probe asks the cluster regularly, because a reader only waits while its cluster is
// away.
func (c *consumer) probe(ctx context.Context, client Client, every time.Duration) {
	for retry.Pause(ctx, every) == nil {
		asking, cancel := context.WithTimeout(ctx, probeWait)
		_, err := client.Topics(asking, func(string) bool { return false })
		cancel()
		if ctx.Err() == nil {
			c.status("the Kafka cluster does not answer", err != nil)
		}
	}
}
