package ctaweb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker/traintrackertest"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// polls are the times at which answers of the Train Tracker came, and a pause in them: those
// of the evening of 28 May 2026, if CTALIVE_GTFS_SAMPLES names a folder with them, or else
// of the same shape.
func polls(t *testing.T) (came []time.Time, gap [2]time.Time) {
	t.Helper()
	zone := cta.Chicago().Location
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		gap = [2]time.Time{time.Date(2026, 5, 28, 21, 10, 30, 0, zone), time.Date(2026, 5, 28, 21, 44, 30, 0, zone)}
		for at := gap[0].Add(-40 * time.Minute); at.Before(gap[1].Add(30 * time.Minute)); at = at.Add(15 * time.Second) {
			if !at.After(gap[0]) || !at.Before(gap[1]) {
				came = append(came, at)
			}
		}
		return came, gap
	}
	raw, err := os.ReadFile(filepath.Join(samples, "cta-insights", "train-feed-outage-2026-05-28.json"))
	if err != nil {
		t.Fatal(err)
	}
	var outage struct {
		GapStartTs, GapEndTs int64
		SnapshotTimestamps   []int64
	}
	if err := json.Unmarshal(raw, &outage); err != nil {
		t.Fatal(err)
	}
	for _, ms := range outage.SnapshotTimestamps {
		came = append(came, time.UnixMilli(ms).In(zone))
	}
	return came, [2]time.Time{time.UnixMilli(outage.GapStartTs).In(zone), time.UnixMilli(outage.GapEndTs).In(zone)}
}

// tracked returns the arrivals that a source derives from the answers of a Train Tracker
// with simulated trains, all of which keep their headways.
func tracked(t *testing.T, net *cta.Network, came []time.Time, answer func(*traintrackertest.Tracker, time.Time)) []ctaproducer.Event {
	t.Helper()
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Seed: 3, NoFaults: true, Start: came[0].Add(-time.Minute), For: came[len(came)-1].Sub(came[0]) + 30*time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var arrivals iter.Seq2[time.Time, cta.Arrival] = func(yield func(time.Time, cta.Arrival) bool) {
		for e := range sim.Events() {
			if e.Kind == ctaproducer.EventArrival && !yield(e.At, e.Arrival) {
				return
			}
		}
	}
	now := came[0]
	tracker := traintrackertest.New(net, arrivals, func() time.Time { return now })
	dir := t.TempDir()
	recorder, err := recording.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, now = range came {
		answer(tracker, now)
		w := httptest.NewRecorder()
		tracker.ServeHTTP(w, httptest.NewRequest("GET", "/ttpositions.aspx?rt=red,blue,brn,g,org,p,pink,y&outputType=JSON&key="+traintrackertest.Key, nil))
		body, err := io.ReadAll(w.Result().Body)
		if err == nil {
			err = recorder.Add(recording.Answer{Feed: "train-tracker", Came: now, Body: bytes.TrimSpace(body)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := traintracker.New(net, traintracker.Config{Replay: dir, Speed: math.Inf(1)})
	if err != nil {
		t.Fatal(err)
	}
	f := &foreseen{}
	if err := s.Run(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(f.arrivals, func(a, b ctaproducer.Event) int { return a.At.Compare(b.At) })
	return f.arrivals
}

// When the Train Tracker stands still for half an hour, the page says that nothing is heard,
// and neither then nor afterwards that trains are late, bunched, or leave a gap: they run
// well all the time.
func TestTrackersOutageIsNoFaultOfTrains(t *testing.T) {
	all, gap := polls(t)
	net := only(t, "red", "brown", "purple")
	var steady []time.Time
	frozen := slices.Clone(all)
	for at := gap[0].Add(15 * time.Second); at.Before(gap[1]); at = at.Add(15 * time.Second) {
		frozen = append(frozen, at)
	}
	slices.SortFunc(frozen, time.Time.Compare)
	steady = frozen
	for name, c := range map[string]struct {
		came   []time.Time
		answer func(*traintrackertest.Tracker, time.Time)
	}{
		"no outage":  {steady, func(*traintrackertest.Tracker, time.Time) {}},
		"no answers": {all, func(*traintrackertest.Tracker, time.Time) {}},
		"old answers, which come again afterwards": {frozen, func(tracker *traintrackertest.Tracker, now time.Time) {
			switch {
			case now.Before(gap[0]) || now.After(gap[1].Add(2*time.Minute)):
				tracker.Set(traintrackertest.None)
			case now.Before(gap[1]):
				tracker.Set(traintrackertest.Stuck)
			default:
				tracker.Set(traintrackertest.Again)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if race.Enabled && name != "old answers, which come again afterwards" {
				t.Skip("without -race: an hour of three lines is ten times slower with it")
			}
			outage := name != "no outage"
			arrivals := tracked(t, net, c.came, c.answer)
			sys := ctatest.Start(t)
			begin, end := gap[0].Add(-10*time.Minute), c.came[len(c.came)-1]
			// A position is known to the Train Tracker after 10 s, and to the source at its next call.
			r := delayed(t, sys, sys.Send, net, arrivals, 1, begin, func(at time.Time) time.Time {
				seen := at.Add(10 * time.Second)
				if outage && seen.After(gap[0]) && seen.Before(gap[1]) {
					seen = gap[1]
				}
				i, _ := slices.BinarySearchFunc(c.came, seen, time.Time.Compare)
				return c.came[min(i, len(c.came)-1)].Add(time.Second)
			})
			said, silent, looks := map[string]int{}, map[string]int{}, 0
			for now := begin; now.Before(end); now = now.Add(30 * time.Second) {
				r.to(now)
				var status struct {
					Lines []struct {
						ID         string
						Directions []DirectionStatus
					}
				}
				if err := json.Unmarshal([]byte(text(t, get(t, r.h, "GET", "/api/v1/status"))), &status); err != nil {
					t.Fatal(err)
				}
				for _, l := range status.Lines {
					for _, d := range l.Directions {
						looks++
						in := outage && now.After(gap[0].Add(4*time.Minute)) && now.Before(gap[1])
						switch {
						case d.Cause == live.CauseStanding || d.Cause == live.CauseOverdue || d.Cause == live.CauseGap || d.Cause == live.CauseBunched:
							said[fmt.Sprintf("%s %s %s at %d", l.ID, d.Direction, d.Cause, d.Station)]++
							t.Logf("%s %s %s: %s", now.Format(time.TimeOnly), l.ID, d.Direction, d.Sentence)
						case in && d.Cause == live.CauseSilent && strings.Contains(d.Sentence, "no reports from its trains "):
							silent[l.ID]++
						case in && d.Cause != live.CauseNoService:
							t.Errorf("%s %s %s: %s, want that nothing is heard", now.Format(time.TimeOnly), l.ID, d.Direction, d.Sentence)
						}
					}
				}
			}
			if len(said) > 0 {
				t.Errorf("false alarms in %d looks: %v", looks, said)
			}
			if outage && len(silent) < len(net.Lines) {
				t.Errorf("that nothing is heard is said of %v", silent)
			}
		})
	}
}
