package ctastream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// StationTransformer turns the rows of the stations table, one per stop, into the
// stations of each line. It writes a [tables.StationRecord] under "<station_id>/<line>"
// for each line on which the station has a stop.
//
//   - Rows are in Kafka Connect's format, bare or in the envelope with a schema.
//   - A row replaces the previous one of the same stop.
//   - A record deletes a stop if its key contains stop_id and its value is
//     [tables.Deleted], as Debezium writes deletions.
//   - A station leaves a line when it has no stop left there. This is published as a
//     record without a value.
//   - A row that changes nothing is not published again.
//
// The order in a record is that of its row, if the row has one line. For a row of
// several lines, the network's order counts, if known.
//
// The transformer takes over a table that a Faust app wrote. The reverse works with
// these settings of the Faust app, because the table is written in transactions:
// processing_guarantee "exactly_once", one partition, and keys of type bytes.
//
// The topic of rows must have one partition, the default. Then one worker at a time
// does all the work, and others stand by.
type StationTransformer struct {
	worker
	network *cta.Network
	lines   []string // columns of rows
	table   *stationTable
}

// NewStationTransformer returns a transformer that reads and writes through client. net
// names the lines, and the order of stations on them. Without net, each boolean column
// of the rows is a line. The error lists every wrong setting. Nothing is contacted
// before Run.
func NewStationTransformer(client *kafka.Client, net *cta.Network, cfg Config) (*StationTransformer, error) {
	cfg = cfg.withDefaults("stations", cfg.Topics.StationsTable())
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("ctastream: station transformer: %w", err)
	}
	t := &StationTransformer{worker: newWorker(client, cfg, kafka.Names(cfg.Topics.Stations())), network: net}
	if net != nil {
		t.lines = net.LineColumns()
	}
	return t, nil
}

// Run creates the topics that it writes to, and transforms until ctx ends. Then it
// publishes its results, leaves the group and returns nil, all within 5 s. It returns
// [kafka.ErrFenced] when a newer worker of the same InstanceID has taken over, or the
// error of a request that the cluster refused. Don't call it concurrently.
func (t *StationTransformer) Run(ctx context.Context) error {
	t.table = newStationTable(t.network)
	if err := t.run(ctx, (*transformation)(t)); err != nil {
		return fmt.Errorf("ctastream: station transformer: %w", err)
	}
	return nil
}

// transformation is a StationTransformer's kafka.Transformer.
type transformation StationTransformer

// Assign restores the table from the output.
func (t *transformation) Assign(ctx context.Context, gained []kafka.Assigned) (install func(), err error) {
	for _, p := range gained {
		if p.Partitions > 1 {
			t.cfg.Log.Warn("the topic of station rows has several partitions: run one worker only, or deletions may be missed", "topic", p.Topic)
			break
		}
	}
	table := newStationTable(t.network)
	err = t.restore(ctx, t.output, func(r kafka.Record) {
		id, line, err := tables.ParseStationKey(string(r.Key))
		var v tables.StationRecord
		gone := tables.Deleted(r.Value)
		if err == nil && !gone {
			err = json.Unmarshal(r.Value, &v)
		}
		if err != nil {
			t.cfg.Log.Warn("cannot read a published station; left out", "topic", r.Topic, "offset", r.Offset, "err", err)
			return
		}
		key := tables.StationRecord{StationID: id, Line: line}.Key()
		if string(r.Key) != key {
			table.stray(key, string(r.Key), gone)
		}
		if gone {
			table.remove(key)
		} else {
			v.StationID, v.Line = id, line
			table.restore(v, header(r, stopsHeader))
		}
	})
	if err != nil {
		return nil, err
	}
	return func() {
		t.dead.begin(gained)
		t.table = table
		t.restored.Set(float64(len(table.entries)))
	}, nil
}

// Needs returns the whole output: a row may be in any partition of it.
func (t *transformation) Needs(kafka.Assigned) []kafka.Partition { return t.output }

// Revoke does nothing: the table is restored before it is used again.
func (t *transformation) Revoke([]kafka.Partition) {}

// Transform applies a batch of rows to the table.
func (t *transformation) Transform(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	var out []kafka.Record
	for _, r := range batch {
		err := t.take(r)
		if err == nil {
			continue
		}
		if out, err = t.dead.add(ctx, out, r, err); err != nil {
			return nil, err
		}
	}
	return t.table.publish(t.cfg.Output, out), nil
}

func (t *transformation) take(r kafka.Record) error {
	if tables.Deleted(r.Value) {
		stop, err := tables.StopID(r.Key)
		if err != nil {
			return unreadable("not the key of a row", err)
		}
		t.table.drop(int(stop), nil)
		return nil
	}
	row, err := tables.ParseStationRow(r.Value, t.lines...)
	if err != nil {
		return unreadable("not a station row", err)
	}
	t.table.upsert(row)
	return nil
}

func header(r kafka.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// encodeStation returns a record as compact JSON. It escapes only where JSON demands
// it.
func encodeStation(r tables.StationRecord) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil // numbers and texts always encode
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
