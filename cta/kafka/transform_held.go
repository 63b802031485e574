package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta/metric"
)

// An open transaction holds up what comes after it in its partitions: readers of
// committed records stand still there, and so does whoever needs a group's positions.
// Ours take milliseconds, and the coordinator aborts one whose producer has died. But
// Apache Kafka 4.3.1 has been seen to forget to write in a partition how a transaction
// ended, after a kill under load: then nothing goes on by itself, and only an operator
// can help. So partitions are watched for a first open offset that stays where it is.

// heldTooLong is when a transaction is told of: after its own time-out, the ten
// seconds after which the coordinator looks for such, and time for the rest.
const heldTooLong = transactionTimeout + 20*time.Second

// positionsTopic is where the positions of groups are.
const positionsTopic = "__consumer_offsets"

// held watches the partitions that a client writes to in transactions, and those in
// which it waits for others' transactions.
type held struct {
	gauge *prometheus.GaugeVec

	mu     sync.Mutex
	topics map[string]bool
	groups map[string]bool
	at     map[Partition]*hold // where a transaction was open at the last look
	looked time.Time
}

// hold is a partition in which a transaction is open.
type hold struct {
	stable int64 // the first offset that it holds up
	since  time.Time
	told   bool
}

func newHeld(reg prometheus.Registerer) *held {
	return &held{
		gauge: metric.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ctalive_kafka_open_transaction_seconds",
			Help: "Time for which one open transaction has held up readers of committed records of a partition.",
		}, []string{"topic", "partition"})),
		topics: make(map[string]bool),
		groups: make(map[string]bool),
		at:     make(map[Partition]*hold),
	}
}

// watch adds topics to those watched.
func (h *held) watch(topics ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range topics {
		h.topics[t] = true
	}
}

// watchGroup adds the partition that has a group's positions.
func (h *held) watchGroup(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.groups[name] = true
}

// take notes where committed records end and where all do, as asked in that order.
// It returns the partitions that have been held up for too long since the last call,
// and logs those that go on.
func (h *held) take(now time.Time, stable, ends map[Partition]int64, log *slog.Logger) (late []Partition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p, end := range ends {
		at, ok := stable[p]
		if !ok {
			continue
		}
		was := h.at[p]
		if was != nil && was.stable != at || at >= end {
			if was != nil && was.told {
				log.Info("a partition goes on", "topic", p.Topic, "partition", p.Partition, "after", now.Sub(was.since).Round(time.Second))
			}
			delete(h.at, p)
			was = nil
		}
		var d time.Duration
		if at < end {
			if was == nil {
				was = &hold{stable: at, since: now}
				h.at[p] = was
			}
			if d = now.Sub(was.since); d >= heldTooLong && !was.told {
				was.told = true
				late = append(late, p)
			}
		}
		h.gauge.WithLabelValues(p.Topic, fmt.Sprint(p.Partition)).Set(d.Seconds())
	}
	return late
}

// due returns what to look at: nothing when that was done just now.
func (h *held) due(now time.Time, every time.Duration) (topics, groups []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.looked) < every {
		return nil, nil
	}
	h.looked = now
	for t := range h.topics {
		topics = append(topics, t)
	}
	for g := range h.groups {
		groups = append(groups, g)
	}
	return topics, groups
}

// lookHeld looks for partitions that an open transaction holds up, and tells of those
// that stay so. What can't be asked now is left out: other parts say so when the
// cluster is away. Several that look every so often share one look.
func (c *Client) lookHeld(ctx context.Context, every time.Duration) {
	topics, groups := c.held.due(time.Now(), every/2)
	_, _ = await(ctx, func() (struct{}, error) {
		watched := make(map[Partition]int64)
		for _, t := range topics {
			partitions, _ := c.sc.Partitions(t)
			for _, p := range partitions {
				watched[Partition{t, p}] = 0
			}
		}
		for _, g := range groups {
			if partitions, _ := c.sc.Partitions(positionsTopic); len(partitions) > 0 {
				watched[Partition{positionsTopic, groupPartition(g, len(partitions))}] = 0
			}
		}
		if len(watched) == 0 {
			return struct{}{}, nil
		}
		stable, err := c.newest(watched) // before the ends: what comes meanwhile isn't held up
		if err != nil {
			return struct{}{}, err
		}
		ends := make(map[Partition]int64, len(stable))
		for p := range stable {
			if ends[p], err = c.sc.GetOffset(p.Topic, p.Partition, sarama.OffsetNewest); err != nil {
				return struct{}{}, err
			}
		}
		for _, p := range c.held.take(time.Now(), stable, ends, c.cfg.Log) {
			c.tellHeld(p, stable[p])
		}
		return struct{}{}, nil
	}, nil)
}

// tellHeld says which transaction holds up a partition, and what an operator can do.
func (c *Client) tellHeld(p Partition, stable int64) {
	tool := "kafka-transactions.sh --bootstrap-server " + strings.Join(c.cfg.Brokers, ",")
	args := []any{
		"topic", p.Topic, "partition", p.Partition, "offset", stable, "for", heldTooLong,
		"remedy", fmt.Sprintf("when %s find-hanging --topic %s --partition %d lists it: %s abort --topic %s --partition %d --start-offset %d; first read Operations in the documentation of package kafka",
			tool, p.Topic, p.Partition, tool, p.Topic, p.Partition, stable),
	}
	id, txn, state, err := c.openIn(p, stable)
	if err == nil {
		args = append(args, "producer", id, "transaction", txn, "coordinator says", state)
	} else {
		args = append(args, "producer", "unknown: "+err.Error())
	}
	c.cfg.Log.Warn("an open transaction holds up a partition", args...)
}

// openIn returns whose transaction begins at an offset of a partition, its id and
// its state, if its coordinator still has it.
func (c *Client) openIn(p Partition, offset int64) (producer int64, id, state string, err error) {
	leader, err := c.sc.Leader(p.Topic, p.Partition)
	if err != nil {
		return 0, "", "", err
	}
	resp, err := leader.DescribeProducers(&sarama.DescribeProducersRequest{
		Topics: []sarama.DescribeProducersRequestTopic{{Name: p.Topic, PartitionIndexes: []int32{p.Partition}}},
	})
	if err != nil {
		return 0, "", "", err
	}
	producer = -1
	for _, t := range resp.Topics {
		for _, rp := range t.Partitions {
			if rp.ErrorCode != sarama.ErrNoError {
				return 0, "", "", rp.ErrorCode
			}
			for _, a := range rp.ActiveProducers {
				if a.CurrentTxnStartOffset == offset {
					producer = a.ProducerID
				}
			}
		}
	}
	if producer < 0 {
		return 0, "", "", errors.New("the partition's leader names none")
	}
	for _, b := range c.sc.Brokers() {
		states, err := c.transactionsAt(b, func(req *sarama.ListTransactionsRequest) { req.ProducerIDFilters = []int64{producer} })
		if err != nil {
			return producer, "", "unknown: " + err.Error(), nil
		}
		for _, s := range states {
			return producer, s.TransactionalID, s.TransactionState, nil
		}
	}
	return producer, "", "none", nil
}

// groupPartition returns the partition of the topic of positions that has a group's,
// as every broker reckons it: by Java's hash of the name.
func groupPartition(group string, n int) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(group)) {
		hash = 31*hash + int32(unit)
	}
	return (hash & 0x7fffffff) % int32(n)
}
