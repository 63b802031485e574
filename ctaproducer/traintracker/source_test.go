package traintracker

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// An hour of the morning rush of the whole system: every arrival is found, at its
// time, and none is made up.
func TestArrivalsAreTheSimulations(t *testing.T) {
	f := newFake(t, 1)
	from := f.now
	got, _, err := f.run(t, Config{})
	if err != nil {
		t.Fatal(err)
	}
	all := f.judge(got.all, from.Add(2*time.Minute), f.ends.Add(-time.Minute))
	if len(all) != 16 {
		t.Errorf("%d lines and directions have arrivals, want 16", len(all))
	}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		j := all[k]
		t.Logf("%-9s found %d of %d, %d false, error median %v, 90%% %v, most %v", k, j.found, j.wanted, j.false_, j.quantile(.5), j.quantile(.9), j.quantile(1))
		if j.wanted < 8 || j.found < j.wanted || j.false_ > 0 || j.quantile(.5) > 2*time.Second || j.quantile(1) > 30*time.Second {
			t.Errorf("%s: found %d of %d, %d false, errors up to %v", k, j.found, j.wanted, j.false_, j.quantile(1))
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	_, err := New(cta.Chicago(), Config{Key: " ", Every: time.Second, DailyBudget: -1, URL: "ftp://u:secret@x", Timeout: time.Hour})
	if err == nil {
		t.Fatal("wrong settings are taken")
	}
	for _, want := range []string{"Key is empty", KeyURL, "Every is 1s", "DailyBudget is -1", "URL is", "Timeout is 1h"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error is %q, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("error is %q, which holds a password", err)
	}
}

// With a call a minute several stations lie between two answers: their times are shared
// out by distance, and none is after the moment at which it is told.
func TestSparseCalls(t *testing.T) {
	f := newFake(t, 1, "purple", "yellow")
	from := f.now
	got, _, err := f.run(t, Config{Every: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	sum := judged{}
	for _, j := range f.judge(got.all, from.Add(3*time.Minute), f.ends.Add(-3*time.Minute)) {
		sum.wanted, sum.found, sum.false_ = sum.wanted+j.wanted, sum.found+j.found, sum.false_+j.false_
		sum.errors = append(sum.errors, j.errors...)
	}
	t.Logf("found %d of %d, %d false, error median %v, 90%% %v, most %v", sum.found, sum.wanted, sum.false_, sum.quantile(.5), sum.quantile(.9), sum.quantile(1))
	if sum.found*100 < sum.wanted*95 || sum.false_ > 0 || sum.quantile(1) > 50*time.Second {
		t.Error("want 95% found and none false, within 50s")
	}
}
