package ctastream

import (
	"context"
	"log/slog"
	"strconv"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/metric"
)

const (
	// maxDeadLetter bounds the key and value of a dead letter. With its headers, the
	// letter fits wherever the record did. Longer records are cut, and get the header
	// truncated.
	maxDeadLetter = 900_000
	// maxErrorText bounds the header that holds an error.
	maxErrorText = 1000
)

// deadLetters makes dead letters of unreadable records. It is used by a
// [kafka.Transformer]'s Transform and by the functions that its Assign returns: one at a
// time.
type deadLetters struct {
	client *kafka.Client
	topic  string
	log    *slog.Logger
	total  *prometheus.CounterVec

	logged map[[2]string]bool // by topic and reason

	// written holds, by partition, the offset below which every unreadable record has
	// its letter. The letters tell this even if the group's positions are lost. They
	// are read before the first letter is written.
	written map[kafka.Partition]int64
	gained  map[kafka.Partition]kafka.Assigned
}

func newDeadLetters(client *kafka.Client, cfg Config) *deadLetters {
	return &deadLetters{
		client: client, topic: cfg.Topics.DeadLetter(),
		log: cfg.Log,
		total: metric.Counter(cfg.Metrics, "ctalive_stream_dead_letters_total",
			"Records put aside because they can't be read. One whose transaction was aborted counts again.", "topic", "reason"),
		logged:  make(map[[2]string]bool),
		written: make(map[kafka.Partition]int64),
		gained:  make(map[kafka.Partition]kafka.Assigned),
	}
}

// unreadable returns an error for an unreadable record, with the reason that metrics
// and the letter's header contain.
func unreadable(reason string, err error) error {
	return &wire.DecodeError{Reason: reason, Err: err}
}

// inTopic returns an error if a topic of one station has an event of another.
func inTopic(topic string, station int) error {
	if err := cta.CheckTopic(topic, station); err != nil {
		return unreadable("wrong topic", err)
	}
	return nil
}

// begin prepares for records of newly assigned partitions.
func (d *deadLetters) begin(gained []kafka.Assigned) {
	for _, p := range gained {
		d.gained[p.Partition] = p
		delete(d.written, p.Partition)
	}
}

// add appends the dead letter of r, unless it has one. cause is or wraps a
// [wire.DecodeError].
func (d *deadLetters) add(ctx context.Context, out []kafka.Record, r kafka.Record, cause error) ([]kafka.Record, error) {
	p := kafka.Partition{Topic: r.Topic, Partition: r.Partition}
	if _, known := d.written[p]; !known {
		if err := d.restore(ctx); err != nil {
			return nil, err
		}
	}
	if r.Offset < d.written[p] {
		return out, nil
	}
	return append(out, d.letter(r, cause)), nil
}

// restore reads which records have a letter already.
func (d *deadLetters) restore(ctx context.Context) error {
	written := make(map[kafka.Partition]int64)
	from, err := d.client.Partitions(ctx, d.topic)
	if err != nil {
		return err
	}
	err = d.client.Restore(ctx, from, func(r kafka.Record) {
		p, offset, id := origin(r)
		if of := d.gained[p]; id == "" || id == of.TopicID { // otherwise the letter is of an earlier topic of that name
			written[p] = max(written[p], min(offset+1, of.End)) // records above were lost
		}
	})
	if err != nil {
		return err
	}
	for p := range d.gained {
		if _, known := d.written[p]; !known {
			d.written[p] = written[p]
		}
	}
	return nil
}

// origin returns the place of a dead letter's record, from the letter's headers. The
// offset is -1 if they lack it. The topic id may be empty.
func origin(letter kafka.Record) (p kafka.Partition, offset int64, topicID string) {
	n, err1 := strconv.ParseInt(header(letter, "partition"), 10, 32)
	offset, err2 := strconv.ParseInt(header(letter, "offset"), 10, 64)
	if err1 != nil || err2 != nil {
		offset = -1
	}
	return kafka.Partition{Topic: header(letter, "topic"), Partition: int32(n)}, offset, header(letter, topicIDHeader)
}

// letter returns the dead letter of r. err is or wraps a [wire.DecodeError].
func (d *deadLetters) letter(r kafka.Record, err error) kafka.Record {
	reason := wire.Reason(err)
	d.total.WithLabelValues(r.Topic, reason).Inc()
	if kind := [2]string{r.Topic, reason}; !d.logged[kind] {
		d.logged[kind] = true
		d.log.Warn("moved unreadable record to the dead-letter topic; further ones with this reason are only counted", "topic", r.Topic,
			"partition", r.Partition, "offset", r.Offset, "reason", reason, "err", err, "to", d.topic)
	}
	text := err.Error()
	for len(text) > maxErrorText || !utf8.ValidString(text) {
		text = text[:min(len(text)-1, maxErrorText)]
	}
	headers := []kafka.Header{
		{Key: "topic", Value: []byte(r.Topic)},
		{Key: "partition", Value: strconv.AppendInt(nil, int64(r.Partition), 10)},
		{Key: "offset", Value: strconv.AppendInt(nil, r.Offset, 10)},
		{Key: "reason", Value: []byte(reason)},
		{Key: "error", Value: []byte(text)},
	}
	if id := d.gained[kafka.Partition{Topic: r.Topic, Partition: r.Partition}].TopicID; id != "" {
		headers = append(headers, kafka.Header{Key: topicIDHeader, Value: []byte(id)})
	}
	if size := len(r.Key) + len(r.Value); size > maxDeadLetter {
		headers = append(headers, kafka.Header{Key: "truncated", Value: strconv.AppendInt(nil, int64(size), 10)})
		r.Key = r.Key[:min(len(r.Key), maxDeadLetter/2)]
		r.Value = r.Value[:min(len(r.Value), maxDeadLetter-len(r.Key))]
	}
	return kafka.Record{Topic: d.topic, Key: r.Key, Value: r.Value, Headers: headers}
}
