package ctaproducer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// A table holds what was put last, without what ended, also after a restart, and passes
// over what it can't read.
func TestAlertTable(t *testing.T) {
	sys := ctatest.Start(t)
	open := func() *AlertTable {
		table, err := NewAlertTable(sys.Kafka, sys.Registry, sys.Topics)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := table.Close(); err != nil {
				t.Error(err)
			}
		})
		return table
	}
	table := open()
	current := func(table *AlertTable) map[string]alert.Alert {
		got, err := table.Current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := current(table); len(got) > 0 {
		t.Errorf("a new table holds %v", got)
	}
	named := func(id, header string) alert.Alert {
		return alert.Alert{
			ID: id, Active: []alert.Period{{From: 1, Until: 2}}, Informed: []alert.Informed{{Line: "red", Station: 40380, Direction: cta.DirectionB}},
			Cause: alert.CauseStrike, Effect: alert.EffectDetour, Severity: alert.SeveritySevere, Header: []alert.Text{{Language: "en", Text: header}},
		}
	}
	for _, a := range []alert.Alert{named("1", "old"), named("2", "gone"), named("1", "new"), named("3", "stays")} {
		if err := table.Put(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.End(t.Context(), "2"); err != nil {
		t.Fatal(err)
	}
	if err := table.out.Send(t.Context(), kafka.Record{Topic: sys.Topics.Alerts(), Key: []byte("odd"), Value: []byte("odd")}, nil); err != nil {
		t.Fatal(err)
	}
	if err := table.out.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := table.Put(t.Context(), alert.Alert{ID: "4"}); err == nil || !strings.Contains(err.Error(), `alert "4": header is empty`) {
		t.Errorf("%v, want it to name the alert and the fault", err)
	}
	want := map[string]alert.Alert{"1": named("1", "new"), "3": named("3", "stays")}
	if d := cmp.Diff(want, current(open()), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
