package live

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/incident"
)

// A level lasts: after trouble, a direction recovers for five minutes before it runs well.
// Trouble itself is shown at once.
func TestLevelsLast(t *testing.T) {
	tr := NewTracker(only(t, "blue"))
	arrivals, _, _ := incident.Bunch(morning(t), atLoganSquare, 100*time.Second)
	type state struct {
		level Level
		since time.Time
		ill   time.Time // when the rules last found trouble
	}
	states := map[string]*state{}
	seen := map[Cause]int{}
	const step = 20 * time.Second
	for now := day(7).Add(50 * time.Minute); now.Before(day(8).Add(25 * time.Minute)); now = now.Add(step) {
		for len(arrivals) > 0 && !arrivals[0].At.After(now) {
			tr.ApplyArrival(cta.KeyAt(arrivals[0].At), arrivals[0].Arrival)
			arrivals = arrivals[1:]
		}
		for _, l := range tr.View(now).Lines {
			for _, d := range l.Directions {
				key := l.Line + string(d.Direction)
				s := states[key]
				if s == nil {
					s = &state{level: d.Level, since: now}
					states[key] = s
				}
				seen[d.Cause]++
				switch d.Cause {
				case CauseStanding, CauseOverdue, CauseGap, CauseBunched:
					s.ill = now
				case CauseRecovering:
					if s.ill.IsZero() || now.Sub(s.ill) >= time.Duration(settled)*time.Millisecond || d.Level != LevelMinor {
						t.Errorf("%s: %s recovers at level %s, %v after the trouble", now.Format(time.TimeOnly), key, d.Level, now.Sub(s.ill))
					}
				case CauseRegular, CauseTooEarly:
					if !s.ill.IsZero() && now.Sub(s.ill) < time.Duration(settled)*time.Millisecond {
						t.Errorf("%s: %s runs well %v after the trouble", now.Format(time.TimeOnly), key, now.Sub(s.ill))
					}
				}
				if d.Level != s.level {
					if d.Level == LevelGood && now.Sub(s.since) < 3*time.Minute && s.level != LevelMajor {
						t.Errorf("%s: %s is %s for %v only", now.Format(time.TimeOnly), key, s.level, now.Sub(s.since))
					}
					s.level, s.since = d.Level, now
				}
			}
		}
	}
	if seen[CauseRecovering] == 0 || seen[CauseRegular] == 0 || seen[CauseBunched]+seen[CauseGap] == 0 {
		t.Errorf("%v is too little to tell", seen)
	}
	// What began anew knows of no trouble.
	tr.Reset()
	for _, l := range tr.View(day(7)).Lines {
		if l.Directions[0].Cause == CauseRecovering {
			t.Errorf("after a new start: %+v", l.Directions[0])
		}
	}
}

// Predictions may be stored for scoring while records are being read: trains whose records
// come next seem late. No reader has seen that.
func TestRecoveryIsOfWhatReadersSaw(t *testing.T) {
	tr := NewTracker(only(t, "blue"))
	from, until := day(7).Add(57*time.Minute), day(8)
	var late []ctaproducer.Event
	seems := map[Level]bool{}
	apply := func(arrivals []ctaproducer.Event) {
		for _, e := range arrivals {
			if err := tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, e := range morning(t) {
		switch {
		case e.Arrival.Line != "blue":
		case e.At.After(until):
			apply(late)
			for _, d := range tr.View(until).Lines[0].Directions {
				if d.Cause != CauseRegular {
					t.Errorf("all has been read: %+v", d)
				}
			}
			if !seems[LevelMinor] {
				t.Errorf("without the arrivals of half of the line, levels are %v", seems)
			}
			return
		case e.At.After(from) && e.Arrival.StationID%20 == 0: // of half of the stations
			late = append(late, e)
			tr.ScorePredictions(e.At)
			seems[tr.view.Lines[0].Level] = true
		default:
			apply([]ctaproducer.Event{e})
		}
	}
}

// Of two trains broken down in a direction, the one that has stood for longer is told.
func TestLongestBreakdownIsTold(t *testing.T) {
	for name, since := range map[string][2]time.Duration{"1": {0, time.Minute}, "2": {time.Minute, 0}} {
		tr := NewTracker(only(t, "blue"))
		for i, station := range []int{rosemont, cumberland} {
			if err := tr.ApplyArrival(cta.KeyAt(day(8).Add(since[i])), arrived(fmt.Sprint(i+1), station, cta.DirectionA, cta.TrainBrokenDown)); err != nil {
				t.Fatal(err)
			}
		}
		if d := tr.View(day(8).Add(2 * time.Minute)).Lines[0].Directions[0]; d.Cause != CauseStanding || d.Train != name || d.Lasts != 2*time.Minute {
			t.Errorf("told is %s of train %s for %v, want the two minutes of train %s", d.Cause, d.Train, d.Lasts, name)
		}
	}
}

// A train before a fork is drawn on the way that no train has taken for longest.
func TestTrainBeforeAForkIsDrawn(t *testing.T) {
	const garfield, halsted, kingDrive = 40510, 40940, 41140
	for _, taken := range [][2]int{{halsted, kingDrive}, {kingDrive, halsted}} {
		tr := NewTracker(only(t, "green"))
		for i, station := range []int{taken[1], taken[0], garfield} { // taken[0] is the latest way
			a := arrived(fmt.Sprint(i), station, cta.DirectionA, cta.TrainInService)
			if a.Line = "green"; station != garfield {
				a.PrevStationID = new(garfield)
			}
			if err := tr.ApplyArrival(cta.KeyAt(day(8).Add(time.Duration(i)*time.Minute)), a); err != nil {
				t.Fatal(err)
			}
		}
		train, _ := tr.View(day(8).Add(3 * time.Minute)).Train("2")
		west := train.Longitude < tr.graph.net.Station(garfield).Longitude
		if len(train.Next) != 2 || west != (taken[1] == halsted) { // King Drive is in the east
			t.Errorf("the train is at %v, %v of the way to %v; want it on the way to %d", train.Point, train.Fraction, train.Next, taken[1])
		}
	}
}

// Today's entries are the same on a day and in a view, whenever the counts came.
func TestTodayIsOneNumber(t *testing.T) {
	tr := NewTracker(only(t, "yellow"))
	id := tr.graph.net.Line("yellow").Stations[0].ID
	random := rand.New(rand.NewPCG(1, 2))
	entries, silent := int64(500), day(-3)
	late, whole := 0, 0
	for now := day(-3); now.Before(day(40)); now = now.Add(7 * time.Minute) {
		if !now.Before(silent) {
			entries += random.Int64N(30)
			tr.ApplyCount(id, entries, now)
			if random.IntN(10) == 0 {
				silent = now.Add(time.Duration(random.IntN(200)) * time.Minute)
			}
		}
		d, c := tr.Day(id, now), tr.View(now).Crowds[id]
		var hours int64
		for _, h := range d.Hours {
			hours += h.Entries
		}
		if d.Entries != c.Today || !d.Since.Equal(c.Since) || hours > d.Entries || c.Since.IsZero() {
			t.Errorf("%v: the day has %d entries since %v, %d of them by the hour, the view %d since %v", now, d.Entries, d.Since, hours, c.Today, c.Since)
		}
		if hours < d.Entries {
			late++
		} else if d.Since.Equal(d.Start) && d.Entries > 100 {
			whole++
		}
	}
	if late == 0 || whole == 0 {
		t.Errorf("%d moments with late counts, %d of whole days: too few to tell", late, whole)
	}
}
