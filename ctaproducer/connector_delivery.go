package ctaproducer

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// Delivery is what a connector has written to its topic so far.
type Delivery struct {
	Records int // all of them, those of earlier runs and tombstones included
	Stops   int // different stops among them
}

// AwaitDelivery waits until the connector's topic holds the rows of at least so
// many different stops, read through client, and returns what it holds. That is
// the proof that a connector works: one that is RUNNING may write nothing, when
// its topic can't be created or its column is wrong, and tells it to nobody but
// the worker's log.
//
// The error says how far it came and the connector's state when that is not so
// within [ConnectorConfig.Wait], or when the connector has failed meanwhile.
func (c *Connector) AwaitDelivery(ctx context.Context, client *kafka.Client, stops int) (Delivery, error) {
	start, failures := c.patience.now(), 0
	for {
		late := c.patience.now().Sub(start) > c.cfg.Wait // before the look, so that the last one is in time
		d, err := c.delivered(ctx, client)
		if err != nil || d.Stops >= stops {
			return d, err
		}
		s, err := c.Status(ctx)
		switch {
		case err != nil && !errors.Is(err, ErrNoConnector):
			return d, err
		case err != nil && late:
			return d, c.noneYet()
		}
		if failures++; !s.failed() {
			failures = 0
		}
		if failures >= failedLooks {
			return d, c.notRunning(s)
		}
		if late {
			err := fmt.Errorf("connector %s is %v, and topic %s has the rows of %d stops, want %d",
				c.cfg.Name, s, c.cfg.Topics.Stations(), d.Stops, stops)
			return d, c.worker.fail(err, "see the worker's log for errors of the database or the topic; a connector that had this name before"+
				" goes on where that one was: give this one another name to read the table anew")
		}
		if c.patience.pause(ctx, statusInterval) != nil {
			return d, fmt.Errorf("ctaproducer: connector %s: stopped: %w, at %d of %d stops", c.cfg.Name, ctx.Err(), d.Stops, stops)
		}
	}
}

// delivered reads the connector's topic up to its end.
func (c *Connector) delivered(ctx context.Context, client *kafka.Client) (Delivery, error) {
	var d Delivery
	stops := make(map[int]bool)
	topic := kafka.ReaderConfig{Match: kafka.Names(c.cfg.Topics.Stations()), StopAtEnd: true}
	err := client.Read(ctx, topic, func(_ context.Context, r kafka.Record) error {
		d.Records++
		if row, err := cta.ParseStationRow(r.Value); err == nil {
			stops[row.StopID] = true
		}
		return nil
	})
	d.Stops = len(stops)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("ctaproducer: connector %s: stopped: %w, at %d stops", c.cfg.Name, ctx.Err(), d.Stops)
	}
	return d, err
}
