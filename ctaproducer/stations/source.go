package stations

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// SourceConfig holds the optional settings of a [Source]. The zero
// value is ready to use.
type SourceConfig struct {
	// Topics names the topic to write, [cta.Topics.Stations].
	Topics cta.Topics
	// Postgres is the database with table public.stations, as
	// postgres://user:password@host:5432/cta. Default: none, the network's own rows
	// are sent.
	Postgres string
	// PollInterval is the time between searches for new rows. From 100ms. Default: 5s.
	PollInterval time.Duration
	// Wait bounds the wait for a missing database or table at the start. Default: 30s.
	Wait time.Duration
	// Log receives the rows sent and trouble with the database. Default: silent.
	Log *slog.Logger
	// Metrics receives the counts of rows and failures. Default: none.
	Metrics prometheus.Registerer
}

func (c SourceConfig) withDefaults() SourceConfig {
	c.PollInterval = cmp.Or(c.PollInterval, 5*time.Second)
	c.Wait = cmp.Or(c.Wait, 30*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

func (c SourceConfig) validate() error {
	var faults []error
	if c.PollInterval < 100*time.Millisecond {
		faults = append(faults, fmt.Errorf("PollInterval is %v, want 100ms or more", c.PollInterval))
	}
	if c.Wait < 0 {
		faults = append(faults, fmt.Errorf("Wait is %v, want a positive duration", c.Wait))
	}
	return errors.Join(faults...)
}

// Source copies the rows of table stations to topic [cta.Topics.Stations],
// without Kafka Connect. Like the JDBC source in incrementing mode, it finds rows with a
// new, higher stop_id; it does not see changes and deletions.
//
// Values are the bytes that Connect's JsonConverter would write, of the table's columns in
// their order; keys are null:
//
//   - Integers, floats, texts (text, varchar, char), booleans, dates and timestamps are
//     written. Columns of other types are skipped, and logged once.
//   - A value that JSON cannot hold becomes null, and is logged with row and column: an
//     infinite value, a NaN, a date or timestamp before the year 1.
//   - A row that exceeds the limit of the brokers or the topic is skipped and logged.
//
// At the start, a Source sends the rows that the topic lacks. So a restart misses no
// row, however the last run, or Connect, ended. A row that is sent twice has no effect:
// rows are upserts by stop_id.
//
// Without a database, the network's own rows are sent again if they differ from the
// topic's. Rows of stops that the network no longer has stay.
type Source struct {
	client   *kafka.Client
	net      *cta.Network
	cfg      SourceConfig
	db       *database // nil: the network's own rows
	rows     *prometheus.CounterVec
	failures *prometheus.CounterVec
}

// NewSource returns a source that writes through client. The error lists every
// wrong setting. Nothing is contacted before Run.
func NewSource(client *kafka.Client, net *cta.Network, cfg SourceConfig) (*Source, error) {
	cfg = cfg.withDefaults()
	s := &Source{client: client, net: net, cfg: cfg}
	var dbErr error
	if cfg.Postgres != "" {
		s.db, dbErr = newDatabase(cfg.Postgres)
	}
	if err := errors.Join(dbErr, cfg.validate()); err != nil {
		return nil, fmt.Errorf("stations: source: %w", err)
	}
	s.rows = metric.Counter(cfg.Metrics, "ctalive_station_source_rows_total", "Rows of the stations table sent to Kafka.")
	s.failures = metric.Counter(cfg.Metrics, "ctalive_station_source_failures_total",
		"Reads of the stations table, or sends of its rows, that failed and were tried again.")
	return s, nil
}

// Run sends the rows that the topic lacks. Without a database, it returns nil once they
// are acknowledged. With one, it continues with new rows, and returns nil when ctx
// ends.
//
// At the start, Run waits up to SourceConfig.Wait for a missing database or table, then
// returns a [*cta.ServiceError]. A wrong password or a missing right ends Run at once.
// Later, Run waits without a limit, and logs the reason.
func (s *Source) Run(ctx context.Context) error {
	err := s.run(ctx)
	switch _, service := errors.AsType[*cta.ServiceError](err); {
	case err == nil, ctx.Err() != nil:
		return nil
	case service:
		return err // names the service and the place
	}
	return fmt.Errorf("stations: source: %w", err)
}

func (s *Source) run(ctx context.Context) (err error) {
	topic := s.cfg.Topics.Stations()
	if err := s.client.EnsureTopics(ctx, kafka.EventTopic(topic, 1)); err != nil {
		return err
	}
	sent, err := s.sent(ctx, topic)
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	s.cfg.Log.Info("station source starts", "topic", topic, "stops already there", len(sent))
	producer, err := s.client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, producer.Close()) }()
	out := &rowSender{source: s, producer: producer, topic: topic, sent: sent}
	if s.db == nil {
		return out.network(ctx)
	}
	return out.follow(ctx)
}

// sent returns the latest row of each stop that the topic holds.
func (s *Source) sent(ctx context.Context, topic string) (map[int64][]byte, error) {
	stops := make(map[int64][]byte)
	err := s.client.Read(ctx, kafka.ReadConfig{Match: kafka.Names(topic), StopAtEnd: true},
		func(_ context.Context, r kafka.Record) error {
			if tables.Deleted(r.Value) {
				if id, err := tables.StopID(r.Key); err == nil { // deleted since
					delete(stops, id)
				}
			} else if id, err := tables.StopID(r.Value); err == nil { // or not a row: for the transformer to judge
				stops[id] = bytes.Clone(r.Value)
			}
			return nil
		})
	return stops, errors.Join(err, ctx.Err())
}

// rowSender sends rows in one run.
type rowSender struct {
	source   *Source
	producer *kafka.Producer
	topic    string
	sent     map[int64][]byte // what was there before; nil after the first pass
}

// sendError is a failure to send, not to read.
type sendError struct{ error }

func (e *sendError) Unwrap() error { return e.error }

// send sends rows that are missing or different, and returns when all are acknowledged.
// A row that is too large is left out, and logged once.
func (o *rowSender) send(ctx context.Context, rows []tableRow) error {
	var (
		n      int
		mu     sync.Mutex
		failed error
	)
	for _, row := range rows {
		// Of the network's own rows, changed ones are known too.
		if before, ok := o.sent[row.stopID]; ok && (o.source.db != nil || bytes.Equal(before, row.json)) {
			continue
		}
		// One partition for all, if there are several: rows stay in their order.
		r := kafka.Record{Topic: o.topic, Value: row.json, PartitionBy: []byte(stationsTable)}
		done := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				n++
			case errors.Is(err, kafka.ErrTooLarge):
				o.source.cfg.Log.Warn("station row exceeds the size limit of its topic; left out", "stop_id", row.stopID, "bytes", len(row.json), "err", err)
			default:
				failed = err
			}
		}
		if err := o.producer.Send(ctx, r, done); errors.Is(err, kafka.ErrTooLarge) {
			done(err)
		} else if err != nil {
			return &sendError{err}
		}
		for _, odd := range row.odd {
			o.source.cfg.Log.Warn("cannot write value; sent null",
				"stop_id", row.stopID, "column", odd.column, "value", odd.value, "err", odd.err)
		}
	}
	if err := o.producer.Flush(ctx); err != nil {
		return &sendError{err}
	}
	mu.Lock()
	defer mu.Unlock()
	if failed != nil {
		return &sendError{failed}
	}
	if n == 0 {
		return nil
	}
	o.source.rows.WithLabelValues().Add(float64(n))
	o.source.cfg.Log.Info("station rows sent", "rows", n, "up to stop", rows[len(rows)-1].stopID)
	return nil
}

// network sends the network's own rows.
func (o *rowSender) network(ctx context.Context) error {
	var rows []tableRow
	for _, r := range tables.Rows(o.source.net) {
		rows = append(rows, tableRow{stopID: int64(r.StopID), json: r.AppendJSON(nil)})
	}
	return o.send(ctx, rows)
}

// follow sends the table's rows, and new ones as they come, until ctx ends.
func (o *rowSender) follow(ctx context.Context) error {
	s := o.source
	table := &tableReader{db: s.db, log: s.cfg.Log, position: -1, left: make(map[string]bool)} // where the JDBC source begins
	defer table.close()
	limit, starting := s.cfg.Wait, true
	var said string // the last reason to wait that was logged
	again := func(err error) (time.Duration, bool) {
		if starting && lasting(err) {
			return 0, false
		}
		s.failures.WithLabelValues().Inc()
		if err := o.failure(err); err.Error() != said {
			said = err.Error()
			s.cfg.Log.Warn("cannot send station rows; retrying", "err", err)
		}
		return 0, true
	}
	for {
		if err := retry.System.Run(ctx, limit, again, func(ctx context.Context) error { return o.drain(ctx, table) }); err != nil {
			return o.failure(err)
		}
		o.sent = nil // whatever comes now is new
		starting, limit, said = false, retry.Forever, ""
		if retry.Pause(ctx, s.cfg.PollInterval) != nil {
			return nil
		}
	}
}

func (o *rowSender) failure(err error) error {
	if _, ok := errors.AsType[*sendError](err); ok {
		return err
	}
	return o.source.db.fail(err)
}

// drain sends all rows after the position.
func (o *rowSender) drain(ctx context.Context, table *tableReader) error {
	for {
		rows, err := table.next(ctx)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := o.send(ctx, rows); err != nil {
			return err
		}
		// Not before: what failed is read again.
		table.position = rows[len(rows)-1].stopID
	}
}
