package live

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// report is a train's report.
type report struct {
	at        time.Duration
	line      string
	station   int // of the line
	direction cta.Direction
}

// way returns reports of a train from a station of a line to the end and back,
// repeatedly, at two minutes per station.
func way(line string, from time.Duration, first, rounds int) (rs []report) {
	n := len(cta.Chicago().Line(line).Stations)
	for range rounds {
		for i := first; i < n; i++ {
			rs = append(rs, report{from, line, i, cta.DirectionA})
			from += 2 * time.Minute
		}
		from += 4 * time.Minute
		for i := n - 1; i >= 0; i-- {
			rs = append(rs, report{from, line, i, cta.DirectionB})
			from += 2 * time.Minute
		}
		from += 4 * time.Minute
		first = 0
	}
	return rs
}

// Two trains with one id, on one line or on two, are both shown and predicted. Each
// keeps its name, until one of them stops reporting.
func TestTwoTrainsUnderOneID(t *testing.T) {
	net := only(t, "blue", "red")
	for name, c := range map[string]struct{ first, second []report }{
		"on two lines":       {way("blue", 0, 0, 1), way("red", 61*time.Second, 0, 1)},
		"on one, far apart":  {way("blue", 0, 4, 2), way("blue", 7*time.Minute, 0, 2)},
		"four stations away": {way("red", 0, 4, 1), way("red", 50*time.Second, 0, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			until := min(c.first[len(c.first)-1].at, c.second[len(c.second)-1].at)
			first, second := c.first, c.second[:len(c.second)/2+10] // on its way back
			gone := second[len(second)-1].at
			tr, id := NewTracker(net), map[string]string{} // by place
			both, others := 0, 0
			const step = 20 * time.Second
			for now := time.Duration(0); now < until; now += step {
				last := map[string]report{}
				for what, rs := range map[string][]report{"first": first, "second": second} {
					for _, r := range rs {
						if r.at > now {
							break
						}
						if last[what] = r; r.at > now-step {
							a := arrived("T", net.Line(r.line).Stations[r.station].Station.ID, r.direction, cta.TrainInService)
							a.Line = r.line
							tr.ApplyArrival(cta.KeyAt(day(9).Add(r.at)), a)
						}
					}
				}
				v := tr.View(day(9).Add(now))
				if now < 15*time.Minute {
					continue // they aren't known to be two
				}
				if now > gone+20*time.Minute {
					if others++; len(v.Trains) != 1 {
						t.Fatalf("after %v, when one was dropped, %d trains are shown", now, len(v.Trains))
					}
					continue
				}
				for what, r := range last {
					i := slices.IndexFunc(v.Trains, func(x Train) bool {
						return x.Line == r.line && x.Direction == r.direction && x.Station == net.Line(r.line).Stations[r.station].Station.ID
					})
					if i < 0 {
						if what == "first" || now < gone+5*time.Minute {
							t.Fatalf("after %v the %s train isn't shown at %+v: %+v", now, what, r, v.Trains)
						}
						continue
					}
					both++
					x := v.Trains[i]
					if was, ok := id[what]; ok && was != x.ID {
						t.Fatalf("after %v the %s train, %s, is called %s", now, what, was, x.ID)
					}
					if id[what] = x.ID; x.State == StateRunning && len(x.Stops) == 0 {
						t.Errorf("after %v the %s train isn't predicted", now, what)
					}
				}
			}
			if id["first"] != "T" || id["second"] != "T (2)" || both < 100 || others < 10 {
				t.Errorf("they are called %v, seen %d times; one alone %d times", id, both, others)
			}
		})
	}
}

// An occasional report from elsewhere makes no second train. Nor do two reports in the
// wrong order.
func TestStrayReportsMakeNoSecondTrain(t *testing.T) {
	net := cta.Chicago()
	tr := NewTracker(net)
	stations := net.Line("blue").Stations
	arrive := func(at time.Duration, i int) {
		tr.ApplyArrival(cta.KeyAt(day(9).Add(at)), arrived("T", stations[i].Station.ID, cta.DirectionA, cta.TrainInService))
	}
	for i := range 30 {
		at := time.Duration(i) * 2 * time.Minute
		switch {
		case i == 4, i == 7:
			at += 3 * time.Minute // after the next
		case i%7 == 6:
			arrive(at+time.Minute, (i+15)%30)
		}
		arrive(at, i)
	}
	for m := range 60 {
		if v := tr.View(day(9).Add(time.Duration(m) * time.Minute)); len(v.Trains) != 1 || v.Trains[0].ID != "T" {
			t.Errorf("after %d minutes: %+v", m, v.Trains)
		}
	}
}

// A train whose way back is never reported, as that of a shuttle with sensors in one
// direction, is one train.
func TestRunsInOneDirectionMakeNoSecondTrain(t *testing.T) {
	net := cta.Chicago()
	tr := NewTracker(net)
	stations := net.Line("blue").Stations[:12]
	at := day(9)
	for run := range 9 {
		for _, s := range stations {
			at = at.Add(time.Minute)
			tr.ApplyArrival(cta.KeyAt(at), arrived("T", s.Station.ID, cta.DirectionA, cta.TrainInService))
		}
		if v := tr.View(at.Add(time.Second)); len(v.Trains) != 1 || v.Trains[0].ID != "T" {
			t.Errorf("at the end of run %d: %+v", run, v.Trains)
		}
	}
}
