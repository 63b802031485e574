package kafka

import (
	"context"
	"fmt"
)

// Codec encodes values of one Go type as the keys or the values of a topic, and
// decodes them. It is safe for concurrent use. Its two families of
// implementations, Avro and JSON, are in package wire.
type Codec[T any] interface {
	Encode(ctx context.Context, topic string, v T) ([]byte, error)
	Decode(ctx context.Context, topic string, data []byte) (T, error)
}

// Format joins the codecs of a kind of record: those of its key and its value.
type Format[K, V any] struct {
	Key   Codec[K]
	Value Codec[V]
}

// Record encodes k and v as a record for a topic. The error says which of both
// failed, and wraps the codec's.
func (f Format[K, V]) Record(ctx context.Context, topic string, k K, v V) (Record, error) {
	key, err := f.Key.Encode(ctx, topic, k)
	if err != nil {
		return Record{}, fmt.Errorf("key for %s: %w", topic, err)
	}
	value, err := f.Value.Encode(ctx, topic, v)
	if err != nil {
		return Record{}, fmt.Errorf("value for %s: %w", topic, err)
	}
	return Record{Topic: topic, Key: key, Value: value}, nil
}

// Decode decodes a record's value and key. The error says which of both failed
// and where the record is, and wraps the codec's.
func (f Format[K, V]) Decode(ctx context.Context, r Record) (K, V, error) {
	var (
		noK K
		noV V
	)
	// The value first: where both are bad, it tells more about the record.
	v, err := f.Value.Decode(ctx, r.Topic, r.Value)
	if err != nil {
		return noK, noV, fault(r, "value", err)
	}
	k, err := f.Key.Decode(ctx, r.Topic, r.Key)
	if err != nil {
		return noK, noV, fault(r, "key", err)
	}
	return k, v, nil
}

func fault(r Record, part string, err error) error {
	return fmt.Errorf("%s of record %s/%d@%d: %w", part, r.Topic, r.Partition, r.Offset, err)
}
