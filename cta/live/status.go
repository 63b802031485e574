package live

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Level says how well a line runs.
type Level string

// Every Level.
const (
	Good         Level = "good"
	Minor        Level = "minor"
	Major        Level = "major"
	LevelUnknown Level = "unknown"
)

// worse orders levels: a line is as bad as its worse direction.
var worse = []Level{Good, LevelUnknown, Minor, Major}

// Cause is the rule that gave a status its sentence, in the order of their use.
type Cause string

// Every Cause. See the package comment for the rules.
const (
	NoService  Cause = "no service"
	NeverHeard Cause = "never heard"
	LineSilent Cause = "silent"
	TrainStuck Cause = "standing"
	LongGap    Cause = "gap"
	CloseUp    Cause = "bunched"
	OnHeadway  Cause = "regular"
	TooEarly   Cause = "too early" // trains run; how often isn't known yet
)

// LineStatus is how a line runs.
type LineStatus struct {
	Line       string
	Level      Level              // of the worse direction
	Heard      time.Time          // when a train of it said something last; zero if none has
	Directions [2]DirectionStatus // a, b
}

// DirectionStatus is how a line runs in one direction, in plain words, and the
// facts from which they are made, for words in other languages.
type DirectionStatus struct {
	Direction cta.Direction
	Towards   string // where its trains run to at this hour
	Level     Level
	Sentence  string
	Cause     Cause
	Station   int           // of a standing train, a gap or bunched trains; else 0
	Train     string        // the standing one
	Lasts     time.Duration // how long it stands, the gap, the time between bunched trains, or the silence
	Every     time.Duration // between trains, the median of all platforms; 0 when unknown
	Intended  time.Duration // on the trunk; 0 without service
	Resumes   time.Time     // when service begins again; zero if it runs or isn't known
	Gaps      int           // platforms where there is a gap
	Bunches   int           // platforms where trains are bunched
}

// A standing train is a major matter after majorStand, a gap beyond majorGap of
// the intended headway; bunching is a minor one below closeBy of it. A line is silent when nothing was heard for silence,
// though trains were due overdueBy before; or, where many trains run, when nothing
// was heard for hush, though hushMissed are late and other lines were heard since.
const (
	majorStand = 5 * minute
	majorGap   = 3.0
	closeBy    = 0.5
	silence    = 2 * minute
	overdueBy  = minute
	overdueMin = 3
	hush       = 25 * second
	hushBehind = 20 * second
	hushMissed = 4
)

// lineState is what is gathered about a line on the way.
type lineState struct {
	heard    int64 // ms; 0 when never
	missed   int   // trains due a moment ago or longer
	overdue  int   // trains and departures
	expected int   // trains on their way, and overdue departures
	standing [2]*visit
}

func (l *lineState) stand(d cta.Direction, v *visit) {
	if o := l.standing[dir(d)]; o == nil || v.since < o.since {
		l.standing[dir(d)] = v
	}
}

// late notes a departure that should have been.
func (l *lineState) late(due int64, headway, now int64) {
	if now-due > headway/2+overdueBy {
		l.expected++
		l.overdue++
	}
}

func (s *scratch) status(v *View) {
	s.heard = 0
	for i := range s.lines {
		s.heard = max(s.heard, s.lines[i].heard)
	}
	for i := range s.vehicles {
		ve := &s.vehicles[i]
		if ve.number > 0 || ve.state != Running && ve.state != Silent || ve.due == math.MaxInt64 {
			continue
		}
		l := &s.lines[s.g.nodes[ve.node].line]
		l.expected++
		if s.now-ve.due > overdueBy {
			l.overdue++
		}
		if ve.due < s.now-5*second {
			l.missed++
		}
	}
	v.Lines = make([]LineStatus, len(s.g.lines))
	for i := range s.g.lines {
		l := &v.Lines[i]
		*l = LineStatus{Line: s.g.lines[i].ID, Level: Good}
		if h := s.lines[i].heard; h > 0 {
			l.Heard = s.time(h)
		}
		for d := range l.Directions {
			ds := s.direction(v, i, d)
			if slices.Index(worse, ds.Level) > slices.Index(worse, l.Level) {
				l.Level = ds.Level
			}
			l.Directions[d] = ds
		}
	}
}

// survey is what the platforms of a direction say together.
type survey struct {
	every           int64 // ms; 0 when unknown
	gap, bunch      int32 // nodes, -1 when there is none
	gapped, bunched int
	served          bool
}

func (s *scratch) survey(v *View, nodes []int32) survey {
	sv := survey{gap: -1, bunch: -1}
	s.every = s.every[:0]
	for _, n := range nodes {
		st := &s.nodes[n]
		h := &v.Boards[st.board].Headway
		if h.Intended == 0 {
			continue
		}
		sv.served = true
		switch h.Spacing {
		case Gap:
			sv.gapped++
			if sv.gap < 0 || h.Current.Round(time.Minute) > v.Boards[s.nodes[sv.gap].board].Headway.Current.Round(time.Minute) {
				sv.gap = n
			}
		}
		if s.bunched(n, h.Intended.Milliseconds()) {
			sv.bunched++
			// Where the second of them was last; stations behind are history.
			if s.spans[st.recent[0].train][1] > 0 && s.visits[s.spans[st.recent[0].train][1]-1].node == n &&
				(sv.bunch < 0 || h.Observed < v.Boards[s.nodes[sv.bunch].board].Headway.Observed) {
				sv.bunch = n
			}
		}
		if h.Observed > 0 && s.now-st.recent[0].at < 2*h.Intended.Milliseconds() {
			s.every = append(s.every, h.Observed.Milliseconds())
		}
	}
	if len(s.every) > 0 {
		slices.Sort(s.every)
		sv.every = s.every[len(s.every)/2]
	}
	return sv
}

// direction applies the rules, in the order of the package comment.
func (s *scratch) direction(v *View, line, d int) DirectionStatus {
	l, state := &s.g.lines[line], &s.lines[line]
	ds := DirectionStatus{Direction: cta.DirectionA, Level: Good}
	if d == 1 {
		ds.Direction = cta.DirectionB
	}
	ds.Towards = l.Towards(ds.Direction)
	svc := s.at(int32(line), s.now)
	if st := s.g.net.Station(int(svc.last)); st != nil && d == 0 {
		ds.Towards = st.Name
	}
	ds.Intended = time.Duration(svc.headway) * time.Millisecond
	sv := s.survey(v, l.nodes[d])
	ds.Every = time.Duration(sv.every) * time.Millisecond
	ds.Gaps, ds.Bunches = sv.gapped, sv.bunched
	otherwise := ""
	if sv.every > 0 {
		otherwise = "; otherwise every " + minutes(ds.Every)
	}
	quiet := s.now - state.heard
	stuck := state.standing[d]
	if stuck != nil && s.now-stuck.since > standingFor {
		stuck = nil
	}
	say := func(level Level, cause Cause, format string, args ...any) DirectionStatus {
		ds.Level, ds.Cause = level, cause
		ds.Sentence = fmt.Sprintf("%s towards %s: %s", l.Name, ds.Towards, fmt.Sprintf(format, args...))
		return ds
	}
	switch {
	case !sv.served && svc.headway == 0 && (state.heard == 0 || state.expected == state.overdue):
		if at, ok := l.resumes(s.time(s.now)); ok {
			ds.Resumes = at
			return say(Good, NoService, "no service at this hour; it begins again %s", when(at, s.time(s.now)))
		}
		return say(Good, NoService, "no service at this hour")
	case state.heard == 0 && svc.headway > 0 && s.began(int32(line), s.now) > s.now-goneAfter:
		return say(Good, TooEarly, "service begins, every %s if as intended", minutes(ds.Intended))
	case state.heard == 0:
		return say(LevelUnknown, NeverHeard, "nothing known of its trains yet")
	case s.silent(line, svc):
		ds.Lasts = time.Duration(quiet) * time.Millisecond
		return say(LevelUnknown, LineSilent, "nothing heard of its trains for %s", passed(ds.Lasts))
	case stuck != nil:
		at := s.g.nodes[stuck.node].station
		ds.Station, ds.Lasts = at.ID, time.Duration(s.now-stuck.since)*time.Millisecond
		ds.Train = s.stuckTrain(stuck)
		level := Minor
		if s.now-stuck.since >= majorStand {
			level = Major
		}
		gap := ""
		if sv.gap >= 0 {
			gap = fmt.Sprintf(", a gap of %s at %s", minutes(s.current(v, sv.gap)), s.g.nodes[sv.gap].station.Name)
		}
		return say(level, TrainStuck, "a train has been standing at %s for %s%s%s", at.Name, passed(ds.Lasts), gap, otherwise)
	case sv.gap >= 0:
		ds.Station, ds.Lasts = s.g.nodes[sv.gap].station.ID, s.current(v, sv.gap)
		level := Minor
		if float64(ds.Lasts) > majorGap*float64(v.Boards[s.nodes[sv.gap].board].Headway.Intended) {
			level = Major
		}
		return say(level, LongGap, "a gap of %s at %s%s%s", minutes(ds.Lasts), s.g.nodes[sv.gap].station.Name, s.closeUp(v, sv.bunch, ", and "), otherwise)
	case sv.bunch >= 0:
		ds.Station, ds.Lasts = s.g.nodes[sv.bunch].station.ID, v.Boards[s.nodes[sv.bunch].board].Headway.Observed
		level := Good
		if float64(ds.Lasts) < closeBy*float64(v.Boards[s.nodes[sv.bunch].board].Headway.Intended) {
			level = Minor
		}
		return say(level, CloseUp, "%s%s", s.closeUp(v, sv.bunch, ""), otherwise)
	case sv.every > 0:
		return say(Good, OnHeadway, "every %s", minutes(ds.Every))
	case svc.headway == 0:
		return say(Good, TooEarly, "the last trains are on their way")
	}
	return say(Good, TooEarly, "trains run, every %s if as intended", minutes(ds.Intended))
}

// silent reports whether a line's trains say nothing, though they should.
func (s *scratch) silent(line int, svc slotService) bool {
	l := &s.lines[line]
	quiet := s.now - l.heard
	return quiet >= silence && l.expected > 0 && l.overdue >= min(overdueMin, l.expected) ||
		quiet >= hush && l.missed >= hushMissed && s.heard-l.heard >= hushBehind ||
		quiet >= goneAfter && l.expected == 0 && svc.headway > 0 && s.began(int32(line), s.now) < s.now-goneAfter
}

// current is the time from the latest train at a platform to the next.
func (s *scratch) current(v *View, n int32) time.Duration {
	return v.Boards[s.nodes[n].board].Headway.Current
}

// closeUp says where trains are bunched; n is -1 when they are not.
func (s *scratch) closeUp(v *View, n int32, and string) string {
	if n < 0 {
		return ""
	}
	return fmt.Sprintf("%stwo trains %s apart at %s", and, minutes(v.Boards[s.nodes[n].board].Headway.Observed), s.g.nodes[n].station.Name)
}

func (s *scratch) stuckTrain(v *visit) string {
	for i, span := range s.spans {
		if span[1] > span[0] && &s.visits[span[1]-1] == v {
			return s.order[i].id
		}
	}
	return ""
}

// resumes returns when the line's service begins next, within three days.
func (l *lineGraph) resumes(now time.Time) (time.Time, bool) {
	t := now.Truncate(15 * time.Minute)
	for range 3 * 24 * 4 {
		t = t.Add(15 * time.Minute)
		if _, ok := l.ServiceAt(t); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// minutes says a time in whole minutes, as "6 min".
func minutes(d time.Duration) string {
	if d < 45*time.Second {
		return "less than a minute"
	}
	if d < time.Minute {
		d = time.Minute
	}
	return fmt.Sprintf("%d min", d.Round(time.Minute)/time.Minute)
}

// passed says a time in the whole minutes of it that are over.
func passed(d time.Duration) string {
	if d < time.Minute {
		return "less than a minute"
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}

// when says a moment of the next days.
func when(at, now time.Time) string {
	if at.YearDay() == now.YearDay() {
		return "at " + at.Format("15:04")
	}
	return "on " + at.Format("Monday at 15:04")
}
