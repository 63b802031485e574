package wire

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// Records holds the codecs of one kind of record. It is safe for concurrent use.
type Records[K, V any] struct {
	Key   *Avro[K]
	Value *Avro[V]
}

// AvroRecords returns the codecs of one kind of record. The error names the unusable
// schema.
func AvroRecords[K, V any](r *Registry, keySchema, valueSchema string) (c Records[K, V], err error) {
	if c.Key, err = AvroKey[K](r, keySchema); err != nil {
		return c, fmt.Errorf("schema of keys: %w", err)
	}
	if c.Value, err = AvroValue[V](r, valueSchema); err != nil {
		return c, fmt.Errorf("schema of values: %w", err)
	}
	return c, nil
}

// Register registers both schemas under the subjects of the topics.
func (c Records[K, V]) Register(ctx context.Context, topics ...string) error {
	if err := c.Key.Register(ctx, topics...); err != nil {
		return err
	}
	return c.Value.Register(ctx, topics...)
}

// Record encodes a record for a topic. The error names the key or the value, and wraps the
// codec's error.
func (c Records[K, V]) Record(ctx context.Context, topic string, k K, v V) (record.Record, error) {
	key, err := c.Key.Encode(ctx, topic, k)
	if err != nil {
		return record.Record{}, fmt.Errorf("key for %s: %w", topic, err)
	}
	value, err := c.Value.Encode(ctx, topic, v)
	if err != nil {
		return record.Record{}, fmt.Errorf("value for %s: %w", topic, err)
	}
	return record.Record{Topic: topic, Key: key, Value: value}, nil
}

// Decode decodes a record. The error names the key or the value and the record's
// position, and wraps the codec's error.
func (c Records[K, V]) Decode(ctx context.Context, r record.Record) (k K, v V, err error) {
	part := "value" // first: its error says more if both are bad
	if v, err = c.Value.Decode(ctx, r.Value); err == nil {
		part = "key"
		k, err = c.Key.Decode(ctx, r.Key)
	}
	if err != nil {
		return *new(K), *new(V), fmt.Errorf("%s of record %s/%d@%d: %w", part, r.Topic, r.Partition, r.Offset, err)
	}
	return k, v, nil
}
