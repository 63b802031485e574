package ctaproducer

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

// table writes a topic in which a record replaces those before it with the same key.
type table[K, V any] struct {
	name   string // of its content, in errors
	client *kafka.Client
	out    *kafka.Producer
	spec   kafka.TopicSpec
	codec  wire.Records[K, V]
}

func newTable[K, V any](name string, client *kafka.Client, reg *wire.Registry, spec kafka.TopicSpec, keySchema, valueSchema string) (*table[K, V], error) {
	if client == nil || reg == nil {
		return nil, fmt.Errorf("ctaproducer: %s: want a Kafka client and a registry, found nil", name)
	}
	t := &table[K, V]{name: name, client: client, spec: spec}
	var err error
	if t.codec, err = wire.AvroRecords[K, V](reg, keySchema, valueSchema); err == nil {
		t.out, err = client.NewProducer(kafka.ProducerConfig{})
	}
	if err != nil {
		return nil, t.fail(err)
	}
	return t, nil
}

func (t *table[K, V]) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ctaproducer: %s: %w", t.name, err)
}

// prepare creates the topic if it is missing.
func (t *table[K, V]) prepare(ctx context.Context) error {
	return t.fail(t.client.EnsureTopics(ctx, t.spec))
}

// put accepts a record for delivery. One without a value is a tombstone.
func (t *table[K, V]) put(ctx context.Context, key K, value *V) error {
	r := kafka.Record{Topic: t.spec.Name}
	var err error
	if value != nil {
		r, err = t.codec.Record(ctx, r.Topic, key, *value)
	} else {
		r.Key, err = t.codec.Key.Encode(ctx, r.Topic, key)
	}
	if err != nil {
		return err
	}
	return t.out.Send(ctx, r, nil)
}

// Close delivers the accepted records, for up to 3 s, and returns the failures.
func (t *table[K, V]) Close() error { return t.fail(t.out.Close()) }
