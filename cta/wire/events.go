package wire

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
)

// Events holds the codecs of a kind of event: its key, the event time, and its value.
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
