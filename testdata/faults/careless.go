package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// runCareless is a worker that counts at least once, as is commonly done: it publishes,
// and moves its group's positions a moment later. By it the harness shows that it sees
// wrong counts.
func runCareless(ctx context.Context, s *settings) error {
	h := &run{s: s}
	var err error
	if h.network, err = s.network(); err != nil {
		return err
	}
	w := careless{opts: []kgo.Opt{kgo.SeedBrokers(s.seeds()...)}, topics: h.entryTopics(), summary: s.topics().TurnstileSummary()}
	w.client, err = kgo.NewClient(append(w.opts, kgo.ConsumerGroup("careless"), kgo.ConsumeTopics(w.topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.SessionTimeout(s.session),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), // the topic of counts has one
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { w.forget() }))...)
	if err != nil {
		return err
	}
	defer w.client.Close()
	if err := createTopic(ctx, w.client, w.summary, 1, -1); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := w.batch(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, err)
			w.forget()
		}
	}
	return nil
}

type careless struct {
	opts    []kgo.Opt
	client  *kgo.Client
	topics  []string
	summary string

	mu     sync.Mutex
	counts map[int]int64 // by station; nil: not known
}

// forget has the next batch read what is published.
func (w *careless) forget() {
	w.mu.Lock()
	w.counts = nil
	w.mu.Unlock()
}

func (w *careless) batch(ctx context.Context) error {
	fetches := w.client.PollRecords(ctx, 10_000)
	if fetches.NumRecords() == 0 {
		return fetches.Err()
	}
	w.mu.Lock()
	counts := w.counts
	w.mu.Unlock()
	if counts == nil {
		counts = make(map[int]int64)
		err := readAll(ctx, w.opts, []string{w.summary}, func(r *kgo.Record) error {
			p, err := parsePublished(r)
			counts[p.station] = p.count
			return err
		})
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.counts = counts
		w.mu.Unlock()
	}
	changed := make(map[int]bool)
	for r := range fetches.RecordsAll() {
		station, _, err := parseEntry(r.Key, r.Value)
		if err != nil {
			return err
		}
		counts[station]++
		changed[station] = true
	}
	var out []*kgo.Record
	for station := range changed {
		value, err := json.Marshal(map[string]int64{"STATION_ID": int64(station), "COUNT": counts[station]})
		if err != nil {
			return err
		}
		out = append(out, &kgo.Record{Topic: w.summary, Key: []byte(strconv.Itoa(station)), Value: value})
	}
	if err := w.client.ProduceSync(ctx, out...).FirstErr(); err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond) // a consumer that commits every so often leaves ten times as much
	return w.client.CommitUncommittedOffsets(ctx)
}

// createTopic creates a topic unless it is there; copies -1 is the broker's default.
func createTopic(ctx context.Context, c *kgo.Client, name string, partitions int32, copies int16) error {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, copies
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics, req.TimeoutMillis = append(req.Topics, t), 10_000
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	return nil
}
