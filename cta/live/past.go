package live

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// PastFor is how long a [Past] reaches back, and PastSlot the length of its slots.
const (
	PastFor  = 24 * time.Hour
	PastSlot = 5 * time.Minute
)

// Past is how a line ran in one direction in the last [PastFor].
type Past struct {
	Direction cta.Direction
	// Slots are in order, without gaps. The last one contains the time of the view.
	Slots []Slot
	// Spells are the times of trouble, in order.
	Spells []Spell
}

// Slot is how a line ran in a part of a [Past].
type Slot struct {
	At time.Time // its start, a multiple of PastSlot
	// Level is the worst level of the slot's minutes, and Cause the rule that set it.
	// Cause is empty where no minute was judged.
	Level Level
	Cause Cause
	// Every is the last known median time between trains, Intended the intended time.
	// Every is 0 when unknown, both are 0 without service.
	Every, Intended time.Duration
	// Wait is the longest gap between two trains that ended in the slot; zero without one.
	Wait Wait
}

// Wait is a gap that has ended, by the rules of [CauseGap]: a time between two trains at
// a station, and the intended time.
type Wait struct {
	Station          int
	Lasted, Intended time.Duration
}

// Spell is a time in which a line had minor or major trouble in one direction. Better
// times of up to ten minutes do not end a spell. Trouble of up to two minutes is no spell.
type Spell struct {
	From time.Time
	To   time.Time // zero while the trouble lasts
	// Level is the worst level, and Cause the rule that set a level for most minutes.
	Level Level
	Cause Cause
	Wait  Wait // the longest one; zero without a gap
}

const (
	pastFor = int64(PastFor / time.Millisecond)
	perSlot = int64(PastSlot / time.Minute)
	minutes = pastFor / minute
	// A minute is judged judgeAfter later. Arrivals that come later still have the minutes
	// from then on judged again.
	judgeAfter = 2 * minute
	// maxLog bounds the arrivals kept to judge minutes again, and those of AddPast.
	maxLog = 300_000
	// calmed is the number of better minutes that end a spell.
	calmed = 11
	// felt is the number of minutes from which an ended spell is reported.
	felt = 3
	// starting is how long after the first arrival of all no trouble is known.
	starting = 20 * minute
)

// history judges how lines ran, minute by minute, from the arrivals alone: the same
// arrivals give the same history, in whichever order they come. It judges a minute by a
// View of that time. A silence makes all minutes since the line's last event unknown.
type history struct {
	log    []logged // ascending, unless mixed
	mixed  bool
	dirty  int64 // ms: earliest arrival that judged minutes lack; math.MaxInt64 without one
	fed    int   // arrivals of log that replay has received
	start  int64 // ms: the first arrival of all
	next   int64 // ms: minute to judge next; 0 before the first
	reach  int64 // ms: latest minute judged
	lines  []pastLine
	replay *Tracker
}

// logged is a train's event.
type logged struct {
	event
	train string
}

func compareLogged(a, b logged) int {
	return cmp.Or(compareEvents(a.event, b.event), cmp.Compare(a.train, b.train))
}

// pastLine is the history of a line, in rings by minute and by slot: 9,792 bytes.
type pastLine struct {
	minutes [2][minutes]verdict
	slots   [2][minutes / perSlot]spacings
}

// spacings of a slot are in seconds.
type spacings struct {
	every, intended, wait, usual uint16
	station                      int32
}

// verdict is a cause and a level in a byte; 0 for a minute that was not judged.
type verdict uint8

const major verdict = 0x80

// causes are in the order of their verdicts, from 1.
var causes = []Cause{CauseNoService, CauseBeginning, CauseNeverHeard, CauseSilent, CauseStanding, CauseOverdue, CauseGap, CauseBunched, CauseRecovering, CauseRegular, CausePausing, CauseEnding, CauseTooEarly}

func verdictOf(d *DirectionStatus) verdict {
	v := verdict(slices.Index(causes, d.Cause) + 1)
	if d.Level == LevelMajor {
		v |= major
	}
	return v
}

func (v verdict) cause() Cause {
	if v &^= major; v == 0 {
		return ""
	}
	return causes[v-1]
}

func (v verdict) level() Level {
	switch v.cause() {
	case CauseNoService:
		return LevelNotRunning
	case "", CauseBeginning, CauseNeverHeard, CauseSilent:
		return LevelUnknown
	case CauseStanding, CauseOverdue, CauseGap, CauseBunched:
		if v&major != 0 {
			return LevelMajor
		}
		return LevelMinor
	case CauseRecovering:
		return LevelMinor
	}
	return LevelGood
}

// trouble reports whether there is trouble: whether a minute belongs to a spell. One of
// recovery doesn't.
func (v verdict) trouble() bool {
	return v.cause() != CauseRecovering && (v.level() == LevelMinor || v.level() == LevelMajor)
}

// runs reports whether trains ran, as far as is known.
func (v verdict) runs() bool { return v.level() != LevelUnknown && v.level() != LevelNotRunning }

func newHistory() history { return history{dirty: math.MaxInt64, start: math.MaxInt64} }

// add stores an arrival. One that is two hours older than the minutes to be judged comes
// too late.
func (h *history) add(train string, e event) {
	if h.next > 0 && e.at < h.next-window {
		return
	}
	r := logged{e, train}
	if n := len(h.log); n > 0 && !h.mixed && h.log[n-1].at >= e.at && compareLogged(h.log[n-1], r) >= 0 {
		if _, known := slices.BinarySearchFunc(h.log, r, compareLogged); known {
			return
		}
		h.mixed = true
	}
	if e.at <= h.next-minute+slack {
		h.dirty = min(h.dirty, e.at)
	}
	h.log = append(h.log, r)
	if len(h.log) >= maxLog {
		h.order()
		h.forget(len(h.log) / 2)
	}
}

// order sorts the log, and drops repeated arrivals.
func (h *history) order() {
	if h.mixed {
		slices.SortFunc(h.log, compareLogged)
		h.log = slices.CompactFunc(h.log, func(a, b logged) bool { return compareLogged(a, b) == 0 })
		h.mixed = false
		h.fed = h.from(h.next - minute + slack + 1)
	}
}

// from returns the index of the first arrival in the log from a time on.
func (h *history) from(at int64) int {
	return sort.Search(len(h.log), func(i int) bool { return h.log[i].at >= at })
}

// forget drops the oldest n arrivals of the log.
func (h *history) forget(n int) {
	h.log = append(h.log[:0:0], h.log[n:]...)
	h.fed = max(0, h.fed-n)
}

// drop deletes a station's arrivals.
func (h *history) drop(gone func(event) bool) {
	h.order()
	h.log = slices.DeleteFunc(h.log, func(r logged) bool {
		if gone(r.event) {
			h.dirty = min(h.dirty, r.at)
			return true
		}
		return false
	})
	h.fed = h.from(h.next - minute + slack + 1)
}

// AddPast adds arrivals for [Tracker.Past] only: those of a day, up to now, in any order. Call
// AddPast where the tracker's own arrivals begin later, and [Tracker.JudgePast] afterwards.
func (t *Tracker) AddPast(arrivals iter.Seq2[cta.Key, cta.Arrival]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := &t.past
	trains := map[string]string{}
	for k, a := range arrivals {
		e, err := t.event(k, a)
		if err != nil {
			continue
		}
		id, known := trains[a.TrainID]
		if !known {
			id = strings.Clone(a.TrainID)
			trains[id] = id
		}
		h.log = append(h.log, logged{e, id})
		h.dirty, h.mixed = min(h.dirty, e.at), true
		if len(h.log) >= 2*maxLog {
			h.order()
			h.forget(max(0, len(h.log)-maxLog))
		}
	}
	h.order()
	h.forget(max(0, len(h.log)-maxLog))
}

// JudgePast judges the minutes before now that [Tracker.Past] lacks, the oldest first and at
// most most of them. It reports whether more are left. Call JudgePast at least once a minute
// of event time. A minute is judged two minutes later, and takes as long as a View. The
// first twenty minutes of all arrivals have no trouble.
func (t *Tracker) JudgePast(now time.Time, most int) (more bool) {
	for range most {
		if !t.follow(now.UnixMilli()) {
			return false
		}
	}
	return true
}

// follow judges a minute, if there is one to judge.
func (t *Tracker) follow(now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := &t.past
	last := now - judgeAfter
	if len(h.log) == 0 && h.next == 0 || h.next > last && h.dirty == math.MaxInt64 {
		return false
	}
	h.order()
	h.begin(t, now)
	if h.next > last {
		return false
	}
	if h.replay == nil {
		h.replay = newTracker(t.graph)
		h.replay.scratch.judging = true
	}
	for ; h.fed < len(h.log) && h.log[h.fed].at <= h.next+slack; h.fed++ {
		if r := &h.log[h.fed]; r.at >= h.next-window {
			_, _ = h.replay.put(r.train, r.event)
		}
	}
	v := h.replay.viewLocked(h.next)
	for i := range h.lines {
		h.judge(&h.replay.scratch, v, i)
	}
	h.reach = max(h.reach, h.next)
	h.next += minute
	if old := h.from(h.next - 2*window); old > len(h.log)/4 {
		h.forget(old)
	}
	return h.next <= last
}

// begin sets the minute to judge next: the first of all, or the first that lacks an arrival,
// from the start of a slot.
func (h *history) begin(t *Tracker, now int64) {
	first := firstMinute(now/minute) * minute
	next := max(h.next, first)
	switch {
	case h.next == 0:
		next = max(h.log[0].at-slack, first)
		h.lines = make([]pastLine, len(t.graph.lines))
	case h.dirty < math.MaxInt64:
		next = max(min(h.dirty-slack, h.next), first)
	}
	h.dirty = math.MaxInt64
	if len(h.log) > 0 {
		h.start = min(h.start, h.log[0].at)
	}
	if next == h.next {
		return
	}
	next -= next % (perSlot * minute)
	if next > h.next && h.next > 0 { // what is kept is of another day
		clear(h.lines)
	}
	if next > h.reach {
		h.reach = next - minute
	}
	h.next, h.fed = next, 0
	if h.replay != nil {
		h.replay.Reset()
	}
}

func firstMinute(now int64) int64 { return (now/perSlot+1)*perSlot - minutes }

// judge stores how a line ran by a view of the minute.
func (h *history) judge(s *scratch, v *View, line int) {
	l, at := &h.lines[line], h.next/minute
	for d := range v.Lines[line].Directions {
		ds := &v.Lines[line].Directions[d]
		ds.settle(l.trouble(d, at)*minute, h.next)
		l.minutes[d][at%minutes] = verdictOf(ds)
		if h.next < h.start+starting && l.minutes[d][at%minutes].trouble() {
			l.minutes[d][at%minutes] = 0 // trains that have yet to report seem to be late
		}
		if ds.Cause == CauseSilent { // what was judged meanwhile was judged without word
			for m := at - 1; m*minute > h.next-ds.Lasts.Milliseconds() && m > at-minutes; m-- {
				l.minutes[d][m%minutes] = verdictOf(ds)
			}
		}
		slot := &l.slots[d][at/perSlot%(minutes/perSlot)]
		if at%perSlot == 0 {
			*slot = spacings{}
		}
		if slot.intended = seconds(ds.Intended.Milliseconds()); ds.Level != LevelUnknown && ds.Every > 0 {
			slot.every = seconds(ds.Every.Milliseconds())
		}
		for _, n := range s.g.lines[line].nodes[d] {
			h.measure(s, l, d, n, slot)
		}
	}
}

// trouble returns the last minute of trouble from which a direction may still recover at a
// minute; 0 without one.
func (l *pastLine) trouble(d int, at int64) int64 {
	for m := at - 1; (at-m)*minute < settled; m-- {
		switch v := l.minutes[d][m%minutes]; {
		case v.trouble():
			return m
		case !v.runs():
			return 0
		}
	}
	return 0
}

// measure stores the gap that a train ended at a platform, if it is the slot's longest.
func (h *history) measure(s *scratch, l *pastLine, d int, n int32, slot *spacings) {
	st := &s.nodes[n]
	for i := 0; i+1 < st.n && st.recent[i].at > s.now; i++ { // since the minute before
		from, to := st.recent[i+1].at, st.recent[i].at
		intended := s.intended(n, s.now)
		if lasted := seconds(to - from); intended == 0 || lasted <= slot.wait || to-from < intended || s.g.nodes[n].station.Closed {
			continue
		}
		usual := s.usual(n, from, to, intended)
		if float64(to-from) <= gapAbove*float64(usual) || s.servedSince(n, from) > from || !l.heard(d, from/minute, s.now/minute) {
			continue
		}
		slot.wait, slot.usual, slot.station = seconds(to-from), seconds(usual), int32(s.g.nodes[n].station.ID)
	}
}

// heard reports whether trains ran, and were heard of, in all minutes from one to another.
// Minutes before the first judged one don't count.
func (l *pastLine) heard(d int, from, to int64) bool {
	for m := from; m <= to; m++ {
		if v := l.minutes[d][m%minutes]; v != 0 && !v.runs() {
			return false
		}
	}
	return true
}

func seconds(ms int64) uint16 { return uint16(min(max(ms/second, 0), math.MaxUint16)) }

// Past returns how a line has run, by direction, until the time of a View of the tracker. The
// view's status stands for the latest minutes. Minutes that [Tracker.JudgePast] has not
// judged are unknown, such as those before the first arrival.
func (t *Tracker) Past(v *View, line string) []Past {
	status, ok := v.Line(line)
	if !ok {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	h := &t.past
	i := slices.IndexFunc(t.graph.lines, func(l lineGraph) bool { return l.ID == line })
	now := v.AsOf.UnixMilli()
	list := make([]Past, len(status.Directions))
	for d := range list {
		list[d] = Past{Direction: directions[d]}
		h.tell(&list[d], t.scratch.time, i, d, now/minute, &status.Directions[d])
	}
	return list
}

// tell fills a Past, from the slot after that of a day ago to the minute now.
func (h *history) tell(p *Past, clock func(ms int64) time.Time, line, d int, now int64, present *DirectionStatus) {
	spell, better := (*spelling)(nil), int64(0)
	end := func() {
		if spell != nil && (spell.lasts || spell.to-spell.from >= felt-1) {
			p.Spells = append(p.Spells, spell.told(clock))
		}
		spell, better = nil, 0
	}
	for m := firstMinute(now); m <= now; m++ {
		v, hw := verdict(0), spacings{}
		switch {
		case h.lines != nil && m*minute <= h.reach && m*minute > h.reach-pastFor:
			v, hw = h.lines[line].minutes[d][m%minutes], h.lines[line].slots[d][m/perSlot%(minutes/perSlot)]
		case m*minute > now*minute-2*judgeAfter:
			v = verdictOf(present)
		}
		if m == now {
			v = verdictOf(present)
		}
		if m%perSlot == 0 {
			p.Slots = append(p.Slots, Slot{At: clock(m * minute), Level: v.level(), Cause: v.cause()})
		}
		slot := &p.Slots[len(p.Slots)-1]
		if slices.Index(worse, v.level()) > slices.Index(worse, slot.Level) || slot.Cause == "" {
			slot.Level, slot.Cause = v.level(), v.cause()
		}
		if hw != (spacings{}) {
			slot.Every, slot.Intended = time.Duration(hw.every)*time.Second, time.Duration(hw.intended)*time.Second
			if hw.wait > 0 {
				slot.Wait = Wait{int(hw.station), time.Duration(hw.wait) * time.Second, time.Duration(hw.usual) * time.Second}
			}
		}
		if !v.trouble() {
			if better++; better >= calmed || v.level() == LevelNotRunning {
				end()
			}
			continue
		}
		if spell == nil {
			spell = &spelling{from: m}
		}
		better = 0
		spell.add(m, v, slot.Wait)
	}
	if spell != nil {
		spell.lasts = spell.to == now
	}
	end()
}

// spelling is a spell that is being put together, in minutes.
type spelling struct {
	from, to int64
	lasts    bool
	level    Level
	causes   [16]int // minutes, by verdict
	wait     Wait
}

func (s *spelling) add(m int64, v verdict, wait Wait) {
	s.to = m
	if s.level != LevelMajor {
		s.level = v.level()
	}
	s.causes[v&^major]++
	if wait.Lasted > s.wait.Lasted {
		s.wait = wait
	}
}

func (s *spelling) told(clock func(ms int64) time.Time) Spell {
	most := 0
	for v, n := range s.causes {
		if n > s.causes[most] {
			most = v
		}
	}
	sp := Spell{From: clock(s.from * minute), Level: s.level, Cause: verdict(most).cause(), Wait: s.wait}
	if !s.lasts {
		sp.To = clock((s.to + 1) * minute)
	}
	return sp
}
