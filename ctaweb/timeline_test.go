package ctaweb

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// In whatever order pairs come, event time is the latest that was told by then.
func TestTimeline(t *testing.T) {
	const minute, second = int64(60_000), int64(1000)
	type pair struct{ event, wall int64 }
	var pairs []pair
	for i := range int64(30) { // twenty times as fast as real time
		pairs = append(pairs, pair{i * minute, 1_000_000 + i*3*second}, pair{i*minute + 20*second, 1_000_000 + i*3*second + second})
	}
	pairs = append(pairs, pair{5 * minute, 1_000_000 + 80*second}) // told late
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var l timeline
		for _, p := range pairs {
			if l.news(p.event, p.wall) {
				l.observe(p.event, p.wall)
			}
		}
		for wall, want := range map[int64]int64{
			1_000_000: 0, 1_000_000 + 3*second: minute, 1_000_000 + 4500: 90 * second, 1_000_000 + 60*second: 20 * minute,
			1_000_000 + 200*second: 77 * minute,
		} {
			if got, ok := l.at(wall, 77*minute); !ok || got != want {
				t.Errorf("at %d is %d, want %d", wall, got, want)
			}
		}
		if got, ok := l.at(999_999, 0); ok {
			t.Errorf("before the first event is %d, want no telling", got)
		}
		random.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	}
	var l timeline
	for i := range int64(2 * maxMarks) {
		l.observe(i*minute, i*minute)
	}
	if len(l.marks) != maxMarks || l.marks[0].event != maxMarks*minute {
		t.Errorf("%d marks are remembered from %d on, want the latest %d", len(l.marks), l.marks[0].event, maxMarks)
	}
}

// A model that is started later, and reads the counts before it knows the time,
// has the same day as one that was there, as far back as arrivals tell the time.
func TestDayAfterARestart(t *testing.T) {
	type event struct {
		at    time.Duration // of event time since 6:00; wall time runs at a twentieth
		count int64         // 0: an arrival
	}
	var events []event
	for i := range 180 {
		at := time.Duration(i) * time.Minute
		events = append(events, event{at, 0}, event{at + 20*time.Second, int64(1000 + i*i)})
	}
	six, wall := clockAt("06:00:00")
	apply := func(m *Model, e event) {
		sent := wall.Add(e.at / 20)
		if e.count > 0 {
			m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: e.count}, sent)
			return
		}
		m.ApplyArrival(cta.KeyAt(six.Add(e.at)), cta.Arrival{
			StationID: rosemont, TrainID: fmt.Sprint(e.at), Direction: "a", Line: "blue", TrainStatus: cta.TrainInService,
		}, sent)
	}
	there, later := NewModel(cta.Chicago()), NewModel(cta.Chicago())
	later.hold()
	for _, e := range events {
		apply(there, e)
		if e.count > 0 {
			apply(later, e)
		}
	}
	for _, e := range events {
		if e.count == 0 && e.at >= 30*time.Minute {
			apply(later, e)
		}
	}
	later.release(func() time.Time { return wall.Add(9 * time.Minute) })
	at := six.Add(3 * time.Hour)
	a, b := there.tracker.Day(ohare, at), later.tracker.Day(ohare, at)
	if want := six.Add(30 * time.Minute); !b.Since.Equal(want) {
		t.Errorf("the day is known since %v, want %v", b.Since, want)
	}
	if d := cmp.Diff(a.Hours[7:], b.Hours[7:]); d != "" || a.Hours[8].Entries == 0 {
		t.Errorf("hours (-there all the time +started later):\n%s", d)
	}
	if want := a.Entries - (1000 + 29*29 - 1000); b.Entries != want {
		t.Errorf("%d entries since then, want %d", b.Entries, want)
	}
	for range 3 * maxHeld {
		later.holding = true
		later.tally(ohare, 1, 1)
	}
	if len(later.held) > maxHeld {
		t.Errorf("%d counts wait, want %d or fewer", len(later.held), maxHeld)
	}
}

// Riders counted after counting had ceased for a day are none of those few minutes of
// which a model that is started later knows the time.
func TestLateCountAfterARestart(t *testing.T) {
	evening, wall := clockAt("19:00:00")
	m := NewModel(cta.Chicago())
	m.hold()
	m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: 5}, wall.Add(-26*time.Hour))
	m.ApplyCount(tables.TurnstileCount{StationID: rosemont, Count: 5}, wall.Add(-time.Minute))
	late := wall.Add(5 * time.Minute)
	m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: 9005}, late)
	m.ApplyCount(tables.TurnstileCount{StationID: rosemont, Count: 25}, late)
	for i := range 60 {
		at := time.Duration(i) * 6 * time.Second
		m.ApplyArrival(cta.KeyAt(evening.Add(at)), cta.Arrival{
			StationID: rosemont, TrainID: fmt.Sprint(i), Direction: "a", Line: "blue", TrainStatus: cta.TrainInService,
		}, wall.Add(at))
	}
	m.release(func() time.Time { return wall.Add(6 * time.Minute) })
	now := evening.Add(6 * time.Minute)
	if d := m.tracker.Day(ohare, now); d.Entries != 0 || d.Since.Before(evening.Add(4*time.Minute)) {
		t.Errorf("late counts: %d entries since %v, want 0 since they came", d.Entries, d.Since)
	}
	if d := m.tracker.Day(rosemont, now); d.Entries != 20 || !d.Since.Equal(evening) {
		t.Errorf("counts in time: %d entries since %v, want 20 since %v", d.Entries, d.Since, evening)
	}
}
