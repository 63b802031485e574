package ctastream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// worker is the common part of this package's workers. They decode records, process
// them, publish the results, and write dead letters.
type worker struct {
	client   *kafka.Client
	cfg      Config
	match    kafka.Match
	writes   []kafka.TopicSpec
	output   []kafka.Partition // of the topic of that name
	dead     *deadLetters
	restored prometheus.Gauge
	took     prometheus.Gauge
	progress *atomic.Pointer[kafka.Progress] // nil before the first report of Run
}

// newWorker returns a worker that reads cfg.Input or, without it, the topics of match.
func newWorker(client *kafka.Client, cfg Config, match kafka.Match) worker {
	if cfg.Input != "" {
		match = kafka.Names(cfg.Input)
	}
	w := worker{
		client: client,
		cfg:    cfg,
		match:  match,
		writes: []kafka.TopicSpec{kafka.EventTopic(cfg.Topics.DeadLetter(), 1)},
		dead:   newDeadLetters(client, cfg),
		restored: metric.Gauge(cfg.Metrics, "ctalive_stream_restored_keys",
			"Keys of the output that the last restoration of state read.", "group").WithLabelValues(cfg.Group),
		took: metric.Gauge(cfg.Metrics, "ctalive_stream_restore_seconds",
			"Time that the last restoration of state took.", "group").WithLabelValues(cfg.Group),
		progress: new(atomic.Pointer[kafka.Progress]),
	}
	if cfg.Output != "" {
		w.writes = append(w.writes, kafka.TableTopic(cfg.Output, 1))
	}
	return w
}

// run creates the topics, and runs t until ctx ends.
func (w *worker) run(ctx context.Context, t kafka.Transformer) error {
	if err := w.client.EnsureTopics(ctx, w.writes...); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if w.cfg.Output != "" {
		var err error
		if w.output, err = w.client.Partitions(ctx, w.cfg.Output); err != nil {
			return nil // ctx has ended
		}
	}
	defer w.progress.Store(nil)
	return w.client.Transform(ctx, kafka.TransformConfig{
		Group:          w.cfg.Group,
		Match:          w.match,
		InstanceID:     w.cfg.InstanceID,
		SessionTimeout: w.cfg.SessionTimeout,
		Refresh:        w.cfg.Refresh,
		Progress:       func(p kafka.Progress) { w.progress.Store(&p) },
	}, t)
}

// Ready returns nil when the worker has caught up, and else an error with the reason to
// wait. The worker is then a member of its group, has restored its state, and has
// committed the recent end of its topics. That end is at most twice Config.Refresh old,
// or 2 s more while a broker hangs. A worker that stands by, or has no topics yet, has
// caught up too.
func (w *worker) Ready() error {
	p := w.progress.Load()
	switch {
	case p == nil:
		return fmt.Errorf("%s: not running", w.cfg.Group)
	case p.Err != nil:
		return fmt.Errorf("%s: %w", w.cfg.Group, p.Err)
	case !p.CaughtUp:
		return fmt.Errorf("%s: %d records behind", w.cfg.Group, p.Behind)
	}
	return nil
}

func (w *worker) restore(ctx context.Context, from []kafka.Partition, handle func(kafka.Record)) error {
	began, records := time.Now(), 0
	err := w.client.Restore(ctx, from, func(r kafka.Record) {
		handle(r)
		records++
	})
	if err != nil {
		return err
	}
	w.took.Set(time.Since(began).Seconds())
	w.cfg.Log.Info("state restored", "topic", w.cfg.Output, "records", records, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// readable runs f until it returns a value, or an error that marks the record as
// unreadable. It retries after any other error, such as a registry that is away.
func readable[T any](ctx context.Context, w *worker, f func(context.Context) (T, error)) (T, error) {
	logged := false
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		v, err := f(ctx)
		if err == nil || wire.Reason(err) != "" {
			return v, err
		}
		if ctx.Err() != nil {
			return v, ctx.Err()
		}
		if !logged {
			w.cfg.Log.Warn("waiting for the Schema Registry", "err", err)
			logged = true
		}
		if err := retry.Pause(ctx, retry.Spread(wait)); err != nil {
			return v, err
		}
	}
}

const (
	firstWait = 50 * time.Millisecond
	lastWait  = 2 * time.Second
)
