package stations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// Delivery describes the content of a connector's topic.
type Delivery struct {
	Records int // all of them, those of earlier runs, of others and tombstones included
	Stops   int // different stops among them
	New     int // records that weren't there before, as told to AwaitDelivery
	// Proven is true if the worker knows that this connector has written to the topic
	// since its creation. A worker before Kafka 2.5, or with topic.tracking.enable off,
	// does not know: then New records are the proof.
	Proven bool
}

// Delivered returns the content of the connector's topic, read through client, with New
// 0. The topic and the connector may be missing.
func (c *Connector) Delivered(ctx context.Context, client *kafka.Client) (Delivery, error) {
	d, err := c.read(ctx, client)
	d.Proven, _ = c.wrote(ctx)
	return d, err
}

// AwaitDelivery waits until all of these hold, and returns the content of the topic:
//
//   - The connector runs.
//   - Its topic contains rows of at least so many different stops, read through client.
//   - It is Proven that some rows are the connector's; before is the content before
//     Create.
//
// This proves that the connector works. A connector that is RUNNING may write nothing,
// if its topic cannot be created or its column is wrong: only the worker's log reports
// that.
//
// If all rows existed before, and the connector doesn't write them again, nothing can
// be proven. Then AwaitDelivery returns after [ConnectorConfig.Wait], with Proven
// false. If there are too few rows by then, or the connector has failed meanwhile, the
// error contains the progress and the connector's state.
func (c *Connector) AwaitDelivery(ctx context.Context, client *kafka.Client, before Delivery, stops int) (Delivery, error) {
	var d Delivery
	err := c.await(ctx, func(late bool) (come bool, err error) {
		if d, err = c.read(ctx, client); err != nil {
			return false, err
		}
		d.New = max(0, d.Records-before.Records)
		wrote, known := c.wrote(ctx)
		d.Proven = wrote || !known && d.New > 0
		return d.Stops >= stops && (d.Proven || late), nil
	}, func(s ConnectorStatus) error { return c.tooFew(ctx, client, s, d.Stops, stops) })
	return d, err
}

// await waits until the connector runs and its rows have come. late says that it is the
// last look.
func (c *Connector) await(ctx context.Context, look func(late bool) (come bool, err error), tooFew func(ConnectorStatus) error) error {
	start, failures := c.worker.Clock.Now(), 0
	for {
		late := c.worker.Clock.Now().Sub(start) > c.cfg.Wait // before the look, so that the last one is in time
		come, err := look(late)
		if err != nil {
			return err
		}
		s, err := c.Status(ctx)
		switch {
		case err != nil && !errors.Is(err, ErrNoConnector):
			return err
		case err != nil && late:
			return c.noneYet()
		case err == nil && s.Running() && come:
			return nil
		}
		if failures++; !s.failed() {
			failures = 0
		}
		switch {
		case failures >= failedLooks, late && !s.Running():
			return c.notRunning(s)
		case late:
			return tooFew(s)
		}
		if c.worker.Clock.Pause(ctx, statusInterval) != nil {
			return fmt.Errorf("stations: connector %s: stopped: %w, when it was %v", c.cfg.Name, ctx.Err(), s)
		}
	}
}

// tooFew is the error that the rows have not come.
func (c *Connector) tooFew(ctx context.Context, client *kafka.Client, s ConnectorStatus, stops, want int) error {
	topic := c.cfg.Topics.Stations()
	if names, err := client.Topics(ctx, kafka.Names(topic)); err == nil && len(names) == 0 {
		return c.worker.FailWith(fmt.Errorf("connector %s is %v, and there is no topic %s", c.cfg.Name, s, topic),
			"create the topic first, or have it created: by the worker, from Kafka 2.6 on (topic.creation.enable=true, and its user may create topics),"+
				" or by the broker (auto.create.topics.enable=true); the worker's log says why it wasn't")
	}
	return c.worker.FailWith(fmt.Errorf("connector %s is %v, and topic %s has the rows of %d stops, want %d", c.cfg.Name, s, topic, stops, want),
		"see the worker's log for errors of the database or the topic; a connector that had this name before"+
			" goes on where that one was: give this one another name to read the table anew")
}

// wrote reports whether the worker has seen the connector write to its topic. It
// isn't known where the worker keeps no such record, or doesn't answer just now.
func (c *Connector) wrote(ctx context.Context) (wrote, known bool) {
	_, data, err := c.worker.Do(ctx, http.MethodGet, c.path()+"/topics", nil)
	var answer map[string]struct {
		Topics []string `json:"topics"`
	}
	if err != nil || json.Unmarshal(data, &answer) != nil {
		return false, false
	}
	return slices.Contains(answer[c.cfg.Name].Topics, c.cfg.Topics.Stations()), true
}

// read reads the connector's topic up to its end.
func (c *Connector) read(ctx context.Context, client *kafka.Client) (Delivery, error) {
	var d Delivery
	stops := make(map[int]bool)
	topic := kafka.ReadConfig{Match: kafka.Names(c.cfg.Topics.Stations()), StopAtEnd: true}
	err := client.Read(ctx, topic, func(_ context.Context, r kafka.Record) error {
		d.Records++
		if row, err := tables.ParseStationRow(r.Value); err == nil {
			stops[row.StopID] = true
		}
		return nil
	})
	d.Stops = len(stops)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("stations: connector %s: stopped: %w, at %d stops", c.cfg.Name, ctx.Err(), d.Stops)
	}
	return d, err
}
