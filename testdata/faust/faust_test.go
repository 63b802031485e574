// Package faust tests that a real Faust worker and this project's parts can stand
// in for one another. It runs the apps of this folder as processes. Being under
// testdata, it runs when named only, with a Python named by CTALIVE_PYTHON
// (default: python3) that has what requirements.txt lists, and with the variables
// of testdata/stack on Apache Kafka too:
//
//	python3 -m venv /tmp/faust && /tmp/faust/bin/pip install --no-deps -r testdata/faust/requirements.txt
//	CTALIVE_FAUST=1 CTALIVE_PYTHON=/tmp/faust/bin/python go test ./testdata/faust
package faust

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaproducer/stations"
	"github.com/seed-921eec07/ctalive/ctastream"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// onBoth runs a test on the embedded broker, and on Apache Kafka if the
// environment names one.
func onBoth(t *testing.T, test func(t *testing.T, sys *ctatest.System)) {
	if os.Getenv("CTALIVE_FAUST") != "1" {
		t.Skip("CTALIVE_FAUST=1 is not set: it says that CTALIVE_PYTHON has Faust")
	}
	t.Run("Apache Kafka", func(t *testing.T) {
		if !ctatest.External() {
			t.Skip("CTALIVE_BROKERS is not set: it names real services, as those of testdata/stack")
		}
		if os.Getenv("CTALIVE_SASL") != "" {
			t.Skip("CTALIVE_SASL is set: the apps know listeners without authentication only")
		}
		test(t, newSystem(t))
	})
	t.Run("embedded", func(t *testing.T) {
		for _, name := range []string{"CTALIVE_BROKERS", "CTALIVE_SASL", "CTALIVE_TLS_CA"} {
			t.Setenv(name, "")
		}
		test(t, newSystem(t))
	})
}

// newSystem returns a system that waits as long as Faust may take to start on a
// busy machine.
func newSystem(t *testing.T) *ctatest.System {
	t.Helper()
	sys := ctatest.Start(t)
	sys.Patience = 90 * time.Second
	return sys
}

// added are rows that the network doesn't have, so that a dashboard shows what
// the table says and not only what it knows itself: a new name for Clark/Lake on
// its Blue Line, not all of it in ASCII, and stations of one line and of two.
func added() []tables.StationRow {
	return []tables.StationRow{
		stationRow(30374, 40380, 16, `Clark/Lake "Café" & <Théâtre>`, "blue"),
		stationRow(39998, 49998, 99, "Beyond the End", "blue"),
		stationRow(39999, 49999, 98, "Junction", "red", "green"),
	}
}

func stationRow(stop, station, order int, name string, lines ...string) tables.StationRow {
	r := tables.StationRow{StopID: stop, StationID: station, StationName: name, Order: order}
	for _, l := range cta.Chicago().Lines {
		r.Lines = append(r.Lines, tables.LineFlag{Line: l.ID, Set: slices.Contains(lines, l.ID)})
	}
	return r
}

// sendRows has the topic of rows hold the 300 of the network and those added.
func sendRows(t *testing.T, sys *ctatest.System) {
	t.Helper()
	source, err := stations.NewSource(sys.Kafka, cta.Chicago(), stations.SourceConfig{Topics: sys.Topics})
	if err != nil {
		t.Fatal(err)
	}
	stop := background(t, source.Run)
	sys.AwaitRecords(sys.Topics.Stations(), 300)
	stop()
	sys.SendRows(added()...)
}

// transform runs our transformer; without a network it orders as the rows do.
func transform(t *testing.T, sys *ctatest.System, net *cta.Network, topics cta.Topics, log *slog.Logger) (stop func()) {
	t.Helper()
	transformer, err := ctastream.NewStationTransformer(sys.Kafka, net, ctastream.Config{
		Topics: topics, Input: sys.Topics.Stations(), Group: topics.Prefix + "transformer", Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return background(t, transformer.Run)
}

// metadata is the member that Faust adds to what it writes.
var metadata = regexp.MustCompile(`,"__faust":\{"ns":"[\w.]+"\}\}$`)

// table is what a reader of a compacted topic has: values by key, without
// Faust's own member and with its spelling of what isn't ASCII undone.
func table(sys *ctatest.System, topics cta.Topics) map[string]string {
	values := make(map[string]string)
	for _, r := range sys.Read(topics.StationsTable()) {
		if r.Value == nil {
			delete(values, string(r.Key))
			continue
		}
		values[string(r.Key)] = unescape(metadata.ReplaceAllString(string(r.Value), "}"))
	}
	return values
}

var escape = regexp.MustCompile(`\\u[0-9a-f]{4}`)

func unescape(text string) string {
	return escape.ReplaceAllStringFunc(text, func(e string) string {
		var s string
		if json.Unmarshal([]byte(`"`+e+`"`), &s) != nil {
			return e
		}
		return s
	})
}

// page is a dashboard's model that follows a table.
func page(t *testing.T, sys *ctatest.System, topics cta.Topics) *ctaweb.Model {
	t.Helper()
	m := ctaweb.NewModel(cta.Chicago())
	background(t, func(ctx context.Context) error {
		return ctaweb.Consume(ctx, sys.Kafka, sys.Registry, topics, m, ctaweb.ConsumeConfig{Refresh: 50 * time.Millisecond})
	})
	return m
}

// status is what a page shows.
func status(t *testing.T, m *ctaweb.Model) string {
	t.Helper()
	text, err := json.MarshalIndent(m.Status(time.Now()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A Faust worker writes the table that our transformer writes, the same page comes
// of it, and our transformer goes on from it.
func TestFaustTransforms(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *ctatest.System) {
		sendRows(t, sys)
		plain := cta.Topics{Prefix: sys.Topics.Prefix + "plain.", Counts: sys.Topics.Counts}
		ours := cta.Topics{Prefix: sys.Topics.Prefix + "ours.", Counts: sys.Topics.Counts}
		transform(t, sys, nil, plain, nil)
		transform(t, sys, cta.Chicago(), ours, nil)
		worker := start(t, sys, "stations.py", "GUARANTEE=at_least_once")

		oursPage, faustPage := page(t, sys, ours), page(t, sys, sys.Topics)
		const keys = 191 + 3
		for _, topics := range []cta.Topics{plain, ours, sys.Topics} {
			sys.Await("all stations in "+topics.StationsTable(), func(context.Context) (string, bool, error) {
				got := table(sys, topics)
				return fmt.Sprintf("%d of them", len(got)), len(got) == keys && strings.Contains(got["40380/blue"], "Café"), worker.failure()
			})
		}
		if d := cmp.Diff(table(sys, plain), table(sys, sys.Topics)); d != "" {
			t.Errorf("tables of our transformer and of Faust (-ours +Faust):\n%s", d)
		}
		for _, r := range sys.Read(sys.Topics.StationsTable()) {
			if !metadata.Match(r.Value) || r.Partition != 0 || len(r.Headers) != 0 {
				t.Fatalf("Faust wrote %s in partition %d with headers %v, want its own member, partition 0, no headers", r.Value, r.Partition, r.Headers)
			}
		}

		names := []string{`Clark/Lake \"Café\"`, "Beyond the End", "Junction"}
		var want string
		sys.Await("our page to show what only the table has", func(context.Context) (string, bool, error) {
			want = status(t, oursPage)
			lacks := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.Contains(want, name) })
			return fmt.Sprintf("a page without %q", lacks), len(lacks) == 0, nil
		})
		sys.Await("the page of Faust's table to be as ours", func(context.Context) (string, bool, error) {
			d := cmp.Diff(want, status(t, faustPage))
			return "a difference (-ours +Faust):\n" + d, d == "", nil
		})
		worker.stop()

		// Our transformer takes Faust's table over, without a word of what it can't
		// read, and brings it to what it would have written itself.
		var log lines
		stop := transform(t, sys, cta.Chicago(), sys.Topics, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
		sys.Await("our transformer's orders in Faust's table", func(context.Context) (string, bool, error) {
			d := cmp.Diff(table(sys, ours), table(sys, sys.Topics))
			return "a difference (-ours +taken over):\n" + d, d == "", nil
		})
		stop()
		if got := log.String(); got != "" {
			t.Errorf("warnings of our transformer on Faust's table:\n%s", got)
		}
		if d := cmp.Diff(want, status(t, faustPage)); d != "" {
			t.Errorf("page after the change of worker (-want +got):\n%s", d)
		}

		// And Faust goes on from what ours has left: with the rows after those it read.
		// A deletion among them, which it leaves out, doesn't stop it.
		worker = start(t, sys, "stations.py", "GUARANTEE=exactly_once")
		sys.Send(deletion(sys, 39999))
		sys.SendRows(stationRow(39997, 49997, 97, "Halfway", "blue"))
		sys.Await("Faust to add a station to our table", func(context.Context) (string, bool, error) {
			text := status(t, faustPage)
			return text, strings.Contains(text, "Halfway"), worker.failure()
		})
		if errs := worker.errs.String(); strings.Contains(errs, "Traceback") {
			t.Errorf("Faust raised an error:\n%s", errs)
		}
	})
}

// A Faust app recovers the table that our transformer wrote, deletions included.
func TestFaustReads(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *ctatest.System) {
		sendRows(t, sys)
		transform(t, sys, cta.Chicago(), sys.Topics, nil)
		const keys = 191 + 3
		sys.Await("all stations", func(context.Context) (string, bool, error) {
			n := len(table(sys, sys.Topics))
			return fmt.Sprintf("%d of them", n), n == keys, nil
		})
		sys.Send(deletion(sys, 39999))
		sys.Await("a station of two lines to go", func(context.Context) (string, bool, error) {
			n := len(table(sys, sys.Topics))
			return fmt.Sprintf("%d records", n), n == keys-2, nil
		})

		var want []string
		values := table(sys, sys.Topics)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			var r tables.StationRecord
			if err := json.Unmarshal([]byte(values[key]), &r); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("%s: %d %s %d %s", key, r.StationID, r.StationName, r.Order, r.Line))
		}
		var got []string
		for try := 0; got == nil && try < 5; try++ { // it may take the table for empty: see reader.py
			reader := start(t, sys, "reader.py")
			sys.Await("Faust to print the table", func(context.Context) (string, bool, error) {
				return reader.out.String(), strings.Contains(reader.out.String(), "end of table"), reader.failure()
			})
			reader.stop()
			for line := range strings.Lines(reader.out.String()) {
				if text, ok := strings.CutPrefix(strings.TrimSpace(line), "station "); ok {
					got = append(got, text)
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("table as Faust has it (-written +recovered):\n%s", d)
		}
	})
}
