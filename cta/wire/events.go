package wire

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// Events holds the codecs of one kind of event: the key, which is the event time, and
// the value. It is safe for concurrent use.
type Events[V any] struct {
	Key   *Avro[cta.Key]
	Value *Avro[V]
}

// AvroEvents returns the codecs of one kind of event. The error names the unusable
// schema.
func AvroEvents[V any](r *Registry, keySchema, valueSchema string) (e Events[V], err error) {
	if e.Key, err = AvroKey[cta.Key](r, keySchema); err != nil {
		return e, fmt.Errorf("schema of keys: %w", err)
	}
	if e.Value, err = AvroValue[V](r, valueSchema); err != nil {
		return e, fmt.Errorf("schema of values: %w", err)
	}
	return e, nil
}

// Register registers both schemas under the subjects of the topics.
func (e Events[V]) Register(ctx context.Context, topics ...string) error {
	if err := e.Key.Register(ctx, topics...); err != nil {
		return err
	}
	return e.Value.Register(ctx, topics...)
}

// Record encodes an event as a record for a topic. The error names the key or the
// value, and wraps the codec's error.
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

// Decode decodes a record. The error names the key or the value and the record's
// position, and wraps the codec's error.
func (e Events[V]) Decode(ctx context.Context, r record.Record) (k cta.Key, v V, err error) {
	part := "value" // first: its error says more if both are bad
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
