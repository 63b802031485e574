package ctaproducer

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// AlertTable keeps alerts in the compacted topic [cta.Topics.Alerts], by id. It is safe
// for concurrent use.
type AlertTable struct {
	client *kafka.Client
	out    *kafka.Producer
	topic  string
	key    *wire.Avro[cta.AlertKey]
	value  *wire.Avro[cta.Alert]
}

// NewAlertTable returns a table that writes through client. Nothing is contacted before
// its first use. Close the table before the client.
func NewAlertTable(client *kafka.Client, reg *wire.Registry, topics cta.Topics) (*AlertTable, error) {
	if client == nil || reg == nil {
		return nil, errors.New("ctaproducer: alerts: a Kafka client and a registry are wanted")
	}
	t := &AlertTable{client: client, topic: topics.Alerts()}
	var err error
	if t.key, err = wire.AvroKey[cta.AlertKey](reg, schemas.AlertKey); err == nil {
		t.value, err = wire.AvroValue[cta.Alert](reg, schemas.AlertValue)
	}
	if err == nil {
		t.out, err = client.NewProducer(kafka.ProducerConfig{})
	}
	if err != nil {
		return nil, fmt.Errorf("ctaproducer: alerts: %w", err)
	}
	return t, nil
}

// Current creates the topic if it is missing, and returns its alerts by id. Records that
// can't be read are left out: they are for pages to report.
func (t *AlertTable) Current(ctx context.Context) (map[string]cta.Alert, error) {
	if err := t.client.EnsureTopics(ctx, kafka.TableTopic(t.topic, 1)); err != nil {
		return nil, fmt.Errorf("ctaproducer: alerts: %w", err)
	}
	current := map[string]cta.Alert{}
	err := t.client.Read(ctx, kafka.ReaderConfig{Match: kafka.Names(t.topic), StopAtEnd: true}, func(ctx context.Context, r kafka.Record) error {
		k, err := t.key.Decode(ctx, r.Topic, r.Key)
		if err == nil && r.Value == nil {
			delete(current, k.ID)
			return nil
		}
		var a cta.Alert
		if err == nil {
			a, err = t.value.Decode(ctx, r.Topic, r.Value)
		}
		if bad := (*wire.DecodeError)(nil); errors.As(err, &bad) {
			return nil
		}
		a.ID = k.ID
		current[k.ID] = a
		return err
	})
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("ctaproducer: alerts: read %s: %w", t.topic, err)
	}
	return current, nil
}

// Put writes an alert, and returns once it is acknowledged.
func (t *AlertTable) Put(ctx context.Context, a cta.Alert) error {
	err := a.Check()
	var value []byte
	if err == nil {
		value, err = t.value.Encode(ctx, t.topic, a)
	}
	if err != nil {
		return fmt.Errorf("ctaproducer: alert %.80q: %w", a.ID, err)
	}
	return t.send(ctx, a.ID, value)
}

// End writes that an alert is over, and returns once that is acknowledged.
func (t *AlertTable) End(ctx context.Context, id string) error { return t.send(ctx, id, nil) }

func (t *AlertTable) send(ctx context.Context, id string, value []byte) error {
	key, err := t.key.Encode(ctx, t.topic, cta.AlertKey{ID: id})
	if err == nil {
		err = t.out.Send(ctx, kafka.Record{Topic: t.topic, Key: key, Value: value}, nil)
	}
	if err == nil {
		err = t.out.Flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("ctaproducer: alert %.80q: %w", id, err)
	}
	return nil
}

// Close delivers what was accepted, for up to 5 s, and returns the failures.
func (t *AlertTable) Close() error {
	if err := t.out.Close(); err != nil {
		return fmt.Errorf("ctaproducer: alerts: %w", err)
	}
	return nil
}
