package ctaproducer

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// AlertTable keeps alerts in the compacted topic [cta.Topics.Alerts], by id. It is safe
// for concurrent use.
type AlertTable struct {
	*table[alert.Key, alert.Alert]
}

// NewAlertTable returns a table that writes through client. Nothing is contacted before
// its first use. Close the table before the client.
func NewAlertTable(client *kafka.Client, reg *wire.Registry, topics cta.Topics) (*AlertTable, error) {
	t, err := newTable[alert.Key, alert.Alert]("alerts", client, reg, kafka.TableTopic(topics.Alerts(), 1), schemas.AlertKey, schemas.AlertValue)
	if err != nil {
		return nil, err
	}
	return &AlertTable{t}, nil
}

// Current creates the topic if it is missing, and returns its alerts by id. Unreadable
// records are left out: pages report them.
func (t *AlertTable) Current(ctx context.Context) (map[string]alert.Alert, error) {
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	current := map[string]alert.Alert{}
	err := t.client.Read(ctx, kafka.ReadConfig{Match: kafka.Names(t.spec.Name), StopAtEnd: true}, func(ctx context.Context, r kafka.Record) error {
		k, err := t.codec.Key.Decode(ctx, r.Key)
		if err == nil && r.Value == nil {
			delete(current, k.ID)
			return nil
		}
		var a alert.Alert
		if err == nil {
			a, err = t.codec.Value.Decode(ctx, r.Value)
		}
		if wire.Reason(err) != "" {
			return nil
		}
		a.ID = k.ID
		current[k.ID] = a
		return err
	})
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("ctaproducer: alerts: read %s: %w", t.spec.Name, err)
	}
	return current, nil
}

// Put writes an alert, and returns once it is acknowledged.
func (t *AlertTable) Put(ctx context.Context, a alert.Alert) error {
	if err := a.Check(); err != nil {
		return fmt.Errorf("ctaproducer: alert %.80q: %w", a.ID, err)
	}
	return t.write(ctx, a.ID, &a)
}

// End writes that an alert is over, and returns once that is acknowledged.
func (t *AlertTable) End(ctx context.Context, id string) error { return t.write(ctx, id, nil) }

func (t *AlertTable) write(ctx context.Context, id string, a *alert.Alert) error {
	err := t.put(ctx, alert.Key{ID: id}, a)
	if err == nil {
		err = t.out.Flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("ctaproducer: alert %.80q: %w", id, err)
	}
	return nil
}
