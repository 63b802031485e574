package wire

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// Events holds the codecs of a kind of event: its key, the event time, and its value. It
// is safe for concurrent use.
type Events[V any] struct {
	Key   *Avro[cta.Key]
	Value *Avro[V]
}

// AvroEvents returns the codecs of a kind of event. The error says which schema
// can't be used.
func AvroEvents[V any](r *Registry, keySchema, valueSchema string) (e Events[V], err error) {
	if e.Key, err = AvroKey[cta.Key](r, keySchema); err != nil {
		return e, fmt.Errorf("schema of keys: %w", err)
	}
	if e.Value, err = AvroValue[V](r, valueSchema); err != nil {
		return e, fmt.Errorf("schema of values: %w", err)
	}
	return e, nil
}

// Register registers both schemas under the subjects of those topics.
func (e Events[V]) Register(ctx context.Context, topics ...string) error {
	if err := e.Key.Register(ctx, topics...); err != nil {
		return err
	}
	return e.Value.Register(ctx, topics...)
}

// Record encodes an event as a record for a topic. The error says whether the key or the
// value failed, and wraps the codec's.
func (e Events[V]) Record(ctx context.Context, topic string, k cta.Key, v V) (record.Record, error) {
	key, err := e.Key.Encode(ctx, topic, k)
	if err != nil {
		return record.Record{}, fmt.Errorf("key for %s: %w", topic, err)
	}
	value, err := e.Value.Encode(ctx, topic, v)
	if err != nil {
		return record.Record{}, fmt.Errorf("value for %s: %w", topic, err)
	}
	return record.Record{Topic: topic, Key: key, Value: value}, nil
}

// Decode decodes a record. The error says whether its key or its value failed and where
// the record is, and wraps the codec's.
func (e Events[V]) Decode(ctx context.Context, r record.Record) (k cta.Key, v V, err error) {
	part := "value" // first: where both are bad, it tells more about the record
	if v, err = e.Value.Decode(ctx, r.Topic, r.Value); err == nil {
		part = "key"
		k, err = e.Key.Decode(ctx, r.Topic, r.Key)
	}
	if err != nil {
		var none V
		return cta.Key{}, none, fmt.Errorf("%s of record %s/%d@%d: %w", part, r.Topic, r.Partition, r.Offset, err)
	}
	return k, v, nil
}
