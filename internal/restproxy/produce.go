package restproxy

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-921eec07/ctalive/internal/topicname"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

type produced struct {
	Offsets       []outcome `json:"offsets"`
	KeySchemaID   *int      `json:"key_schema_id"`
	ValueSchemaID *int      `json:"value_schema_id"`
}

type outcome struct {
	Partition *int32  `json:"partition"`
	Offset    *int64  `json:"offset"`
	ErrorCode *int    `json:"error_code"`
	Error     *string `json:"error"`
}

// Codes of a record that failed.
const (
	codeKafka     = 50002
	codeRetriable = 50003
)

// encoder turns the JSON of a key or a value into the bytes of a record.
type encoder func(json.RawMessage) ([]byte, error)

// produce converts all records, and only then sends them.
func (h *Handler) produce(r *http.Request) (any, error) {
	format, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, httpFault(http.StatusUnsupportedMediaType)
	}
	topic := r.PathValue("topic")
	if !topicname.Legal(topic) || strings.HasPrefix(topic, "__") { // Kafka's own topics begin so
		return nil, refuse(http.StatusUnprocessableEntity, 422, "%.300q is not the name of a topic that records can be sent to", topic)
	}
	partition := int32(-1)
	if p := r.PathValue("partition"); p != "" {
		if partition, err = h.existing(r.Context(), topic, p); err != nil {
			return nil, err
		}
	}
	var (
		answer     produced
		key, value encoder
		req        request
	)
	switch format {
	case "application/vnd.kafka.binary.v2+json":
		key, value = fromBase64, fromBase64
	case "application/vnd.kafka.json.v2+json":
		key, value = compact, compact
	case "application/vnd.kafka.avro.v2+json":
	default:
		return nil, httpFault(http.StatusUnsupportedMediaType)
	}
	if req, err = readRequest(r, partition); err != nil {
		return nil, err
	}
	if key == nil {
		if key, answer.KeySchemaID, err = h.side(r.Context(), topic, keys, req); err != nil {
			return nil, err
		}
		if value, answer.ValueSchemaID, err = h.side(r.Context(), topic, values, req); err != nil {
			return nil, err
		}
	}
	records := make([]*kgo.Record, len(req.records))
	for i, rec := range req.records {
		out := &kgo.Record{Topic: topic, Partition: rec.partition}
		if out.Key, err = encode(key, rec.key); err == nil {
			out.Value, err = encode(value, rec.value)
		}
		if err != nil {
			return nil, refuse(http.StatusBadRequest, 400, "Bad Request: record %d: %v", i, err)
		}
		records[i] = out
	}
	answer.Offsets = h.send(r.Context(), records)
	return answer, nil
}

// existing returns the number of a partition that the path names.
func (h *Handler) existing(ctx context.Context, topic, text string) (int32, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, httpFault(http.StatusNotFound)
	}
	t, err := h.metadata(ctx, topic)
	var f *fault
	switch {
	case errors.As(err, &f) && f.Code == codeNoTopic:
		return int32(n), nil // it may come into being
	case err != nil:
		return 0, err
	case int(n) >= len(t.Partitions):
		return 0, errNoPartition()
	}
	return int32(n), nil
}

func encode(e encoder, data json.RawMessage) ([]byte, error) {
	if data == nil {
		return nil, nil
	}
	return e(data)
}

func fromBase64(data json.RawMessage) ([]byte, error) {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, errors.New("binary data must be text in base64")
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("binary data is not base64")
	}
	return b, nil
}

func compact(data json.RawMessage) ([]byte, error) {
	var buf bytes.Buffer
	if err := json.Compact(&buf, data); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// send sends the records and returns what became of each, in their order.
func (h *Handler) send(ctx context.Context, records []*kgo.Record) []outcome {
	outcomes := make([]outcome, len(records))
	// A client that gives up while brokers are away must not take its record back:
	// that would fail the records of others that wait for the same partition.
	ctx = context.WithoutCancel(ctx)
	var wg sync.WaitGroup
	for i, r := range records {
		wg.Add(1)
		h.client.Produce(ctx, r, func(r *kgo.Record, err error) {
			defer wg.Done()
			if err != nil {
				code, text := h.explain(r, err)
				outcomes[i] = outcome{ErrorCode: &code, Error: &text}
				h.log.Warn("REST Proxy: record failed", "topic", r.Topic, "err", err)
				return
			}
			outcomes[i] = outcome{Partition: &r.Partition, Offset: &r.Offset}
		})
	}
	wg.Wait()
	return outcomes
}

func (h *Handler) explain(r *kgo.Record, err error) (code int, text string) {
	var k *kerr.Error
	switch {
	case errors.As(err, &k) && k.Retriable:
		return codeRetriable, k.Description
	case errors.As(err, &k):
		return codeKafka, k.Description
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries), errors.Is(err, kgo.ErrClientClosed):
		return codeRetriable, "the brokers did not take the record in time"
	case r.Partition >= 0: // the client's error for a partition that it doesn't know has no name
		h.client.ForceMetadataRefresh() // it may have been added meanwhile
		return codeRetriable, fmt.Sprintf("topic %s has no partition %d", r.Topic, r.Partition)
	}
	return codeKafka, "the record was not sent"
}

// partitioner sends a record to the partition it names, and others as Java's
// producer does.
type partitioner struct{ byKey kgo.Partitioner }

// ForTopic returns the partitioner of a topic.
func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return topicPartitioner{p.byKey.ForTopic(topic).(sticky)}
}

type topicPartitioner struct{ sticky }

// sticky is a partitioner that is told of each new batch.
type sticky interface {
	kgo.TopicPartitioner
	kgo.TopicPartitionerOnNewBatch
}

// RequiresConsistency says whether a record must not go elsewhere when its
// partition is away for a moment.
func (p topicPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || p.sticky.RequiresConsistency(r)
}

// Partition chooses one of n partitions.
func (p topicPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.sticky.Partition(r, n)
}
