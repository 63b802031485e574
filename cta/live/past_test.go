package live

import (
	"iter"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/incident"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// only returns the part of the 'L' that some lines are.
func only(tb testing.TB, lines ...string) *cta.Network {
	tb.Helper()
	net, err := cta.Chicago().Only(lines...)
	if err != nil {
		tb.Fatal(err)
	}
	return net
}

// followed returns a tracker that has heard of arrivals as they happened, and was asked
// every minute; see is called then.
func followed(net *cta.Network, arrivals []ctaproducer.Event, from, until time.Time, see func(now time.Time, tr *Tracker)) *Tracker {
	tr := NewTracker(net)
	for now := from; !now.After(until); now = now.Add(time.Minute) {
		for len(arrivals) > 0 && !arrivals[0].At.After(now) {
			tr.ApplyArrival(cta.KeyAt(arrivals[0].At), arrivals[0].Arrival)
			arrivals = arrivals[1:]
		}
		tr.JudgePast(now, 1e6)
		if see != nil {
			see(now, tr)
		}
	}
	return tr
}

// past returns how a line has run in a direction.
func past(tr *Tracker, now time.Time, line string, d cta.Direction) Past {
	for tr.JudgePast(now, 100) {
	}
	return tr.Past(tr.View(now), line)[dir(d)]
}

func keyed(arrivals []ctaproducer.Event) iter.Seq2[cta.Key, cta.Arrival] {
	return func(yield func(cta.Key, cta.Arrival) bool) {
		for _, e := range arrivals {
			if !yield(cta.KeyAt(e.At), e.Arrival) {
				return
			}
		}
	}
}

// at returns the slot of a time.
func (p *Past) at(t time.Time) Slot {
	i := slices.IndexFunc(p.Slots, func(s Slot) bool { return !t.Before(s.At) && t.Before(s.At.Add(PastSlot)) })
	return p.Slots[i]
}

// A minute is judged as a view of that time judges it, and a slot has the worst.
func TestPastIsWhatRidersWereTold(t *testing.T) {
	arrivals, began := incident.Stand(morning(t), atLoganSquare, 15*time.Minute, true)
	until := day(9)
	told := map[int64]DirectionStatus{}
	tr := followed(only(t, "blue"), arrivals, day(8), until, func(now time.Time, tr *Tracker) {
		l, _ := tr.View(now).Line("blue")
		told[now.Unix()/60] = l.Directions[0]
	})
	p := past(tr, until, "blue", cta.DirectionA)
	for _, s := range p.Slots {
		if s.At.Before(day(8).Add(10*time.Minute)) || s.At.Add(PastSlot).After(until) {
			continue
		}
		worst := LevelNotRunning
		for m := s.At; m.Before(s.At.Add(PastSlot)); m = m.Add(time.Minute) {
			// Riders of a minute don't know of the events to come in it.
			if l := told[m.Unix()/60].Level; slices.Index(worse, l) > slices.Index(worse, worst) {
				worst = l
			}
		}
		if s.Level != worst {
			t.Errorf("at %s: %s by %q, and riders were told %s", s.At.Format("15:04"), s.Level, s.Cause, worst)
		}
	}
	if len(p.Spells) == 0 {
		t.Fatal("no spell of trouble")
	}
	spell := p.Spells[0]
	if d := spell.From.Sub(began); d <= -time.Minute || d > time.Minute || spell.Level != LevelMajor {
		t.Errorf("a spell from %v, want from %v on: %+v", spell.From, began, spell)
	}
	// The longest wait is that of the trains that came.
	longest, where := time.Duration(0), 0
	last := map[int]time.Time{}
	for _, e := range arrivals {
		if a := e.Arrival; a.Line == "blue" && a.Direction == cta.DirectionA && a.TrainStatus == cta.TrainInService {
			if w := e.At.Sub(last[a.StationID]); last[a.StationID].After(day(7)) && e.At.After(began) && e.At.Before(until) && w > longest {
				longest, where = w, a.StationID
			}
			last[a.StationID] = e.At
		}
	}
	if w := spell.Wait; w.Station != where || w.Lasted.Round(time.Second) != longest.Round(time.Second) && w.Lasted != longest.Truncate(time.Second) || w.Intended != 4*time.Minute {
		t.Errorf("the longest wait is %+v, want %v at %d, usually 4 min", w, longest, where)
	}
}

// The past follows from the arrivals: in whichever order they come, however often, late or
// all at once after a restart.
func TestPastDependsOnArrivalsAlone(t *testing.T) {
	net := only(t, "blue")
	stood, _ := incident.Stand(morning(t), atLoganSquare, 10*time.Minute, true)
	now := day(9).Add(5 * time.Minute)
	events := slices.DeleteFunc(stood, func(e ctaproducer.Event) bool { return e.Arrival.Line != "blue" || e.At.After(now) })
	all := func(tr *Tracker) []Past {
		for tr.JudgePast(now, 1000) {
		}
		return tr.Past(tr.View(now), "blue")
	}
	want := all(followed(net, events, day(7), now, nil))
	if len(want[0].Spells)+len(want[1].Spells) == 0 {
		t.Fatal("nothing was wrong in that hour, which shows little")
	}
	seeds := uint64(4)
	if race.Enabled {
		seeds = 2
	}
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 0))
		begin := day(7)
		if seed%2 > 0 { // it hears the last minutes first
			begin = now.Add(-time.Duration(random.IntN(100)) * time.Minute)
		}
		sent := make(map[time.Time][]ctaproducer.Event)
		for _, e := range events {
			at := e.At.Truncate(time.Minute).Add(time.Minute)
			if random.IntN(100) == 0 {
				at = at.Add(time.Duration(random.Int64N(int64(max(now.Sub(at)/time.Minute, 1)))) * time.Minute)
			}
			if at.Before(day(7)) {
				at = day(7)
			}
			sent[at] = append(sent[at], e)
		}
		tr := NewTracker(net)
		for at := begin; !at.After(now); at = at.Add(time.Minute) {
			for _, e := range slices.Concat(sent[at], sent[at]) {
				tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
			}
			tr.JudgePast(at, random.IntN(60))
		}
		mixed := slices.Clone(events)
		random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		if begin.After(day(7)) {
			tr.AddPast(keyed(mixed))
			for _, e := range mixed { // for the view
				tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
			}
		}
		if got := all(tr); !reflect.DeepEqual(want, got) {
			t.Fatalf("seed %d: past (-in order +mixed):\n%s", seed, cmp.Diff(want, got))
		}
	}
}

// The silence of all trains is neither trouble nor good service, however long it lasts,
// and no wait spans it.
func TestPastOfASilence(t *testing.T) {
	for _, lasts := range []time.Duration{20 * time.Minute, 80 * time.Minute} {
		begin := day(7).Add(30 * time.Minute)
		end := begin.Add(lasts)
		arrivals := slices.DeleteFunc(morning(t), func(e ctaproducer.Event) bool {
			return e.Arrival.Line != "blue" || e.At.After(begin) && e.At.Before(end)
		})
		tr := followed(only(t, "blue"), arrivals, day(7), day(9).Add(20*time.Minute), nil)
		p := past(tr, day(9).Add(20*time.Minute), "blue", cta.DirectionA)
		for _, s := range p.Slots {
			inside := !s.At.Before(begin) && !s.At.Add(PastSlot).After(end)
			if inside && s.Level != LevelUnknown {
				t.Errorf("%v of silence: at %s %s by %q", lasts, s.At.Format("15:04"), s.Level, s.Cause)
			}
			if s.At.After(begin.Add(-PastSlot)) && (s.Level == LevelMinor || s.Level == LevelMajor || s.Wait.Station != 0) {
				t.Errorf("%v of silence: at %s %+v", lasts, s.At.Format("15:04"), s)
			}
		}
		if s := p.at(end.Add(20 * time.Minute)); s.Level != LevelGood {
			t.Errorf("%v of silence: later %+v", lasts, s)
		}
	}
}

// A night without service is no trouble, and what lies between the last train and the
// first is no wait. The day has its slots when clocks change.
func TestPastOfANight(t *testing.T) {
	for _, date := range []time.Time{day(20), time.Date(2026, 10, 31, 20, 0, 0, 0, cta.Chicago().Location), time.Date(2026, 3, 7, 20, 0, 0, 0, cta.Chicago().Location)} {
		var arrivals []ctaproducer.Event
		for _, e := range simulated(t, ctaproducer.SimulationConfig{Seed: 2, Start: date, For: 11 * time.Hour, NoFaults: true}) {
			if e.Arrival.Line == "yellow" {
				arrivals = append(arrivals, e)
			}
		}
		until := date.Add(11 * time.Hour)
		p := past(followed(only(t, "yellow"), arrivals, date, until, nil), until, "yellow", cta.DirectionA)
		if len(p.Slots) != 288 || len(p.Spells) > 0 {
			t.Errorf("%d slots and spells %+v", len(p.Slots), p.Spells)
		}
		levels := map[Level]int{}
		for i, s := range p.Slots {
			levels[s.Level]++
			if i > 0 && s.At.Sub(p.Slots[i-1].At) != PastSlot || s.Wait.Station != 0 || s.Level == LevelNotRunning && s.Intended > 0 {
				t.Errorf("slot %+v", s)
			}
		}
		if levels[LevelNotRunning] < 30 || levels[LevelGood] < 30 || levels[LevelUnknown] < 130 {
			t.Errorf("levels %v", levels)
		}
	}
}

// A source that starts anew at an earlier time has no past; one that jumps ahead by more
// than a day has none of before. Nor have stations with wrong clocks.
func TestPastBeginsAnew(t *testing.T) {
	arrivals := slices.DeleteFunc(morning(t), func(e ctaproducer.Event) bool { return e.Arrival.Line != "yellow" })
	net := only(t, "yellow")
	until := day(9)
	begun := func(p Past) (n int) {
		for _, s := range p.Slots {
			if s.Level == LevelGood {
				n++
			}
		}
		return n
	}
	tr := followed(net, arrivals, day(7), until, nil)
	if n := begun(past(tr, until, "yellow", cta.DirectionA)); n < 20 {
		t.Fatalf("%d slots known after two hours", n)
	}
	tr.Reset()
	if n := begun(past(tr, day(2), "yellow", cta.DirectionA)); n > 0 {
		t.Errorf("%d slots known after a new start", n)
	}
	tr = followed(net, arrivals, day(7), until, nil)
	later := until.Add(50 * time.Hour)
	tr.ApplyArrival(cta.KeyAt(later), arrivals[0].Arrival)
	for _, s := range past(tr, later.Add(5*time.Minute), "yellow", cta.DirectionA).Slots {
		if s.Level == LevelGood && s.At.Before(later.Add(-5*time.Minute)) || s.Every > 0 {
			t.Errorf("fifty hours later: %+v", s)
		}
	}
	tr = followed(net, arrivals, day(7), until, nil)
	before := len(tr.past.log)
	for _, s := range net.Line("yellow").Stations {
		tr.RemoveArrivals(s.ID)
	}
	if n := begun(past(tr, until, "yellow", cta.DirectionA)); before == 0 || len(tr.past.log) > 0 || n > 0 {
		t.Errorf("%d of %d arrivals kept, %d slots known", len(tr.past.log), before, n)
	}
}

// The memory that the package comment promises.
func TestPastIsBounded(t *testing.T) {
	if n := unsafe.Sizeof(pastLine{}); n != 9_792 {
		t.Errorf("a line's day takes %d bytes", n)
	}
	tr := NewTracker(only(t, "yellow"))
	a := arrived("Y1", tr.graph.net.Line("yellow").Stations[0].ID, cta.DirectionA, cta.TrainInService)
	a.Line = "yellow"
	for i := range maxLog + 10 {
		tr.ApplyArrival(cta.KeyAt(day(7).Add(time.Duration(i)*time.Millisecond)), a)
	}
	if n := len(tr.past.log); n >= maxLog || tr.past.log[n-1].at != day(7).UnixMilli()+maxLog+9 {
		t.Errorf("%d arrivals kept", n)
	}
	now := day(7).Add(5 * time.Minute)
	for tr.JudgePast(now, 100) {
	}
	tr.ApplyArrival(cta.KeyAt(now.Add(5*time.Hour)), a)
	for tr.JudgePast(now.Add(6*time.Hour), 100) {
	}
	if n := len(tr.past.log); n > 2 {
		t.Errorf("%d arrivals kept six hours later", n)
	}
}
