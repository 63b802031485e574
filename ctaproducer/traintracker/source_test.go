package traintracker

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// An hour of the morning rush of the whole system: every arrival is found, at its
// time, and none is made up.
func TestArrivalsAreTheSimulations(t *testing.T) {
	lines, both := []string(nil), 16
	if race.Enabled {
		lines, both = []string{"purple", "yellow"}, 4
	}
	f := newFake(t, 1, lines...)
	from := f.Now
	got, _, err := f.run(t, Config{})
	if err != nil {
		t.Fatal(err)
	}
	all := f.judge(got.all, from.Add(2*time.Minute), f.Ends.Add(-time.Minute))
	if len(all) != both {
		t.Errorf("%d lines and directions have arrivals, want %d", len(all), both)
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
	from := f.Now
	got, _, err := f.run(t, Config{Every: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	sum := judged{}
	for _, j := range f.judge(got.all, from.Add(3*time.Minute), f.Ends.Add(-3*time.Minute)) {
		sum.wanted, sum.found, sum.false_ = sum.wanted+j.wanted, sum.found+j.found, sum.false_+j.false_
		sum.errors = append(sum.errors, j.errors...)
	}
	t.Logf("found %d of %d, %d false, error median %v, 90%% %v, most %v", sum.found, sum.wanted, sum.false_, sum.quantile(.5), sum.quantile(.9), sum.quantile(1))
	if sum.found*100 < sum.wanted*95 || sum.false_ > 0 || sum.quantile(1) > 50*time.Second {
		t.Error("want 95% found and none false, within 50s")
	}
}

// Trains pass a closed station without an arrival, whether the answers have it or not.
func TestClosedStationsArePassed(t *testing.T) {
	net := cta.Chicago()
	const clark, state, wabash, adams = 40380, 40260, 41700, 40680
	if !net.Station(state).Closed {
		t.Fatal("State/Lake is not closed")
	}
	start := time.Date(2026, 2, 6, 16, 8, 0, 0, net.Location)
	for name, next := range map[string][]int{"left out": {clark, wabash, adams}, "in the answers": {clark, state, wabash, adams}, "skipped once": {clark, clark, wabash, wabash, adams}} {
		in := newInference(net, func(string) {})
		var got []int
		for i, station := range next {
			now := start.Add(time.Duration(i) * time.Minute)
			place := net.Station(clark) // it has just left the station before
			if i > 0 && next[i-1] != station {
				place = net.Station(next[i-1])
			}
			r := report{route: "g", run: "601", next: station, destination: 30139, destName: "Cottage Grove", direction: 5, predicted: now, due: now.Add(time.Minute),
				approaching: true, located: true, lat: place.Latitude, lon: place.Longitude}
			arrivals, told := in.apply(&answer{at: now, trains: []report{r}}, now, 15*time.Second)
			for _, a := range arrivals {
				got = append(got, a.StationID)
				if len(got) > 1 && *a.PrevStationID != got[len(got)-2] {
					t.Errorf("%s: at %d, the station before is %d", name, a.StationID, *a.PrevStationID)
				}
			}
			for _, p := range told {
				for _, s := range p.Stops {
					if s.StationID == state {
						t.Errorf("%s: an arrival at the closed station is predicted", name)
					}
				}
			}
			if i > 0 && next[i] != clark && len(got) == 0 {
				t.Errorf("%s: its step past the closed station isn't evident", name)
			}
		}
		if want := []int{clark, wabash}; !slices.Equal(got, want) {
			t.Errorf("%s: arrivals at %v, want %v", name, got, want)
		}
	}
}
