package live

import (
	"math"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Level is how well a line runs.
type Level string

// Every Level.
const (
	LevelNotRunning Level = "not_running" // no service is intended, and no train is on its way
	LevelGood       Level = "good"
	LevelMinor      Level = "minor"
	LevelMajor      Level = "major"
	LevelUnknown    Level = "unknown"
)

// worse orders levels, best first. A line has the level of its worse direction.
var worse = []Level{LevelNotRunning, LevelGood, LevelUnknown, LevelMinor, LevelMajor}

// Cause is the rule that set a level.
type Cause string

// Every Cause. See the package comment for the rules.
const (
	CauseNoService  Cause = "no service"
	CauseBeginning  Cause = "beginning" // service has begun, no train has reported yet
	CauseNeverHeard Cause = "never heard"
	CauseSilent     Cause = "silent"
	CauseStanding   Cause = "standing"
	CauseOverdue    Cause = "overdue"
	CauseGap        Cause = "gap"
	CauseBunched    Cause = "bunched"
	CauseRecovering Cause = "recovering" // a View of the last five minutes showed trouble
	CauseRegular    Cause = "regular"
	CausePausing    Cause = "pausing"   // trains are on their way, others leave later on the service day
	CauseEnding     Cause = "ending"    // service is over, the last trains are on their way
	CauseTooEarly   Cause = "too early" // trains run; the headway isn't known yet
)

// LineStatus is the status of a line.
type LineStatus struct {
	Line       string
	Level      Level              // of the worse direction
	LastHeard  time.Time          // when one of its trains last reported; zero if none has
	Directions [2]DirectionStatus // a, b
}

// DirectionStatus holds the facts about a line's service in one direction. Package
// ctaweb puts them in words.
type DirectionStatus struct {
	Direction cta.Direction
	Towards   string // where its trains run at this hour
	Level     Level
	Cause     Cause
	Station   int           // of the standing or overdue train, the gap or the bunched trains; else 0
	Train     string        // the standing or overdue one
	Lasts     time.Duration // duration of the standing, lateness or silence; the gap; the time between bunched trains
	// Every is the time between trains, the median of all platforms; 0 when unknown. With
	// a timetable it is an average of the latest trains, as they may come in pairs.
	Every    time.Duration
	Intended time.Duration // on the trunk; 0 without service, or if Uneven
	Uneven   bool          // the timetable's trains leave at such different times that no headway describes them
	Resumes  time.Time     // when service begins again; zero while trains leave, or if it is unknown
	Idle     bool          // no service on the whole service day
	Early    bool          // the first report is recent, or a silence has just ended: not all trains are known
	Last     Departure     // of the service's last train, while known and still to come; else zero
	Gaps     int           // platforms where there is a gap
	Bunches  int           // platforms where trains are bunched
	Gap      Spot          // the longest gap; zero without one
	Bunch    Spot          // the closest pair of trains, where they were last; zero without one
}

// Departure is the departure of a train from the first station of its run.
type Departure struct {
	Station int
	At      time.Time
}

// Spot is a station, and the time between two trains there.
type Spot struct {
	Station int
	Apart   time.Duration
}

// The thresholds of levels. A standing or overdue train is a major matter after
// majorStand, and a gap above majorGap of the intended headway. Bunching is minor below
// closeBy of the intended headway. A train is reported overdue after overdueSaid, or
// after unusual standard deviations if that is longer.
const (
	majorStand  = 5 * minute
	majorGap    = 3.0
	closeBy     = 0.5
	overdueSaid = 25 * second
	unusual     = 3.0 // standard deviations
)

// A line is silent in one of these cases, or if the source of all lines is: see
// [scratch.unheard]. This takes seconds on the Red Line in the rush hour, and minutes on the
// Yellow Line.
//
//   - It sent nothing for silence, and trains were due more than overdueBy ago.
//   - It sent nothing for hush while other lines did, and trains are late together: one
//     by hushed[0] if at most hushFew are on their way, two by hushed[1], or three by
//     hushed[2].
const (
	silence    = 2 * minute
	overdueBy  = minute
	overdueMin = 3
	hush       = 25 * second
	hushBehind = 20 * second
	hushFew    = 2
)

var hushed = [...]int64{40 * second, 20 * second, 8 * second}

// lineState collects facts about a line while a view is derived.
type lineState struct {
	heard    int64  // ms; 0 when never
	first    int64  // ms: earliest report in two hours; 0 without one
	overdue  int    // trains and departures
	expected int    // trains on their way, and overdue departures
	away     [2]int // trains on their way, by direction of their runs
	// missed are the latenesses of trains that came due since heard, the greatest
	// first. standing and behind are, by direction, the trains that have been broken down
	// and overdue for longest.
	missed           [len(hushed)]int64
	standing, behind [2]*vehicle
}

// miss records the lateness of a train that came due.
func (l *lineState) miss(late int64) {
	for i := range l.missed {
		if late > l.missed[i] {
			l.missed[i], late = late, l.missed[i]
		}
	}
}

// late reports whether a train on its way is overdue at the next station, where neither
// it nor a train from behind it has arrived.
func (s *scratch) late(ve *vehicle) bool {
	// Until something is heard after that time, the source may be silent.
	if min(s.heard, s.known)-ve.by < overdueSaid || ve.spread == 0 || float64(s.known-ve.by) < unusual*ve.spread*float64(second) {
		return false
	}
	if s.now < s.hearings[s.g.nodes[ve.node].line].dark+relearn {
		return false // it may have arrived unseen, and what comes now may be old
	}
	return !s.overtaken(ve)
}

// goes counts a train on its way, in the directions of its run.
func (s *scratch) goes(l *lineState, ve *vehicle) {
	for d := range l.away {
		if dir(s.g.nodes[ve.node].direction) == d || ve.timed.run >= 0 && s.leads(&s.g.patterns[s.runs[ve.timed.run].pattern], d) {
			l.away[d]++
		}
	}
}

// coming reports whether a vehicle is a train that is due at a station.
func (v *vehicle) coming() bool {
	return v.number == 0 && !v.dropped && (v.state == StateRunning || v.state == StateSilent) && v.due < math.MaxInt64
}

func (s *scratch) status(v *View) {
	s.heard = 0
	for i := range s.lines {
		s.heard = max(s.heard, s.lines[i].heard)
	}
	s.known = s.now
	if s.unheard() {
		s.known = s.heard
	}
	for i := range s.vehicles {
		ve := &s.vehicles[i]
		l, d := &s.lines[s.g.nodes[ve.node].line], dir(s.g.nodes[ve.node].direction)
		if o := &l.standing[d]; ve.stands && (*o == nil || s.last(ve.train).since < s.last((*o).train).since) {
			*o = ve
		}
		if !ve.coming() {
			continue
		}
		if ve.state == StateRunning || ve.by > l.heard { // one silent train is no sign of the line's silence
			l.expected++
			if s.now-ve.due > max(overdueBy, ve.slack) {
				l.overdue++
			}
			s.goes(l, ve)
		}
		if ve.due > l.heard {
			l.miss(s.now - ve.due)
		}
		if o := &l.behind[d]; s.late(ve) && (*o == nil || ve.by < (*o).by) {
			*o = ve
		}
	}
	v.Lines = make([]LineStatus, len(s.g.lines))
	for i := range s.g.lines {
		l := &v.Lines[i]
		*l = LineStatus{Line: s.g.lines[i].ID, Level: LevelNotRunning}
		if h := s.lines[i].heard; h > 0 {
			l.LastHeard = s.time(h)
		}
		for d := range l.Directions {
			ds := s.direction(v, i, d)
			if !s.judging { // a history knows its own minutes
				ds.settle(s.trouble[i][d], s.now)
			}
			if slices.Index(worse, ds.Level) > slices.Index(worse, l.Level) {
				l.Level = ds.Level
			}
			l.Directions[d] = ds
		}
	}
}

// settled is how long a direction runs well before its level is good again. Gaps and
// bunched trains come and go by the minute.
const settled = 5 * minute

// settle makes a level last: after trouble, a direction recovers. trouble is when there
// last was some, 0 if long ago.
func (ds *DirectionStatus) settle(trouble, now int64) {
	if (ds.Cause == CauseRegular || ds.Cause == CauseTooEarly) && trouble > 0 && now-trouble < settled {
		ds.Level, ds.Cause = LevelMinor, CauseRecovering
	}
}

// remember stores what a reader's view says of trouble. Views without a reader may lack
// records that are just being read.
func (s *scratch) remember(v *View) {
	for i := range v.Lines {
		for d := range v.Lines[i].Directions {
			switch said := verdictOf(&v.Lines[i].Directions[d]); {
			case said.trouble():
				s.trouble[i][d] = v.AsOf.UnixMilli()
			case !said.runs():
				s.trouble[i][d] = 0
			}
		}
	}
}

// survey summarizes the platforms of a direction.
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
		h := &v.Boards[s.g.nodes[n].board].Headway
		if h.Intended == 0 {
			continue
		}
		sv.served = true
		if h.Spacing == SpacingGap {
			sv.gapped++
			if sv.gap < 0 || h.Current.Round(time.Minute) > v.Boards[s.g.nodes[sv.gap].board].Headway.Current.Round(time.Minute) {
				sv.gap = n
			}
		}
		if s.bunched(n, h.Intended.Milliseconds()) {
			sv.bunched++
			// Only where the second train's last report is from this station; stations
			// behind are history.
			if s.last(st.recent[0].train).node == n && (sv.bunch < 0 || h.Observed < v.Boards[s.g.nodes[sv.bunch].board].Headway.Observed) {
				sv.bunch = n
			}
		}
		if every := h.Observed.Milliseconds(); every > 0 && s.now-st.recent[0].at < 2*h.Intended.Milliseconds() {
			if s.g.lines[s.g.nodes[n].line].timed {
				every = s.average(n)
			}
			if every > 0 {
				s.every = append(s.every, every)
			}
		}
	}
	if len(s.every) > 0 {
		slices.Sort(s.every)
		sv.every = s.every[len(s.every)/2]
	}
	return sv
}

// average returns the average time between the latest trains at a platform, 0 with fewer
// than three.
func (s *scratch) average(n int32) int64 {
	st, dark := &s.nodes[n], s.hearings[s.g.nodes[n].line].dark
	last := st.n - 1
	for last > 0 && st.recent[last].at < dark && st.recent[0].at >= dark {
		last--
	}
	if last < 2 {
		return 0
	}
	return (st.recent[0].at - st.recent[last].at) / int64(last)
}

// direction applies the rules of the package comment, in order.
func (s *scratch) direction(v *View, line, d int) DirectionStatus {
	l, state := &s.g.lines[line], &s.lines[line]
	ds := DirectionStatus{Direction: directions[d]}
	ds.Towards = s.towards(line, d)
	headway := s.at(int32(line), d, s.now)
	sv := s.survey(v, l.nodes[d])
	runs, leaves, away := headway > 0, headway > 0, state.expected-state.overdue
	patience := goneAfter // for the first report
	if l.timed {
		p, ok := s.during(int32(line), d, s.now)
		sv.served, runs, leaves, away = ok, ok, ok && s.now <= p.leaves, state.away[d]
		if headway = 0; ok {
			if headway, ok = even(s.departs[line][d], s.now); !ok {
				headway, ds.Uneven = 0, true
			}
		}
		patience = min(patience, (p.to-p.from)/2)
	}
	ds.Intended = time.Duration(headway) * time.Millisecond
	ds.Last = s.lastDeparture(line, d)
	// Of the trains since a beginning, those that came close together are known first.
	early := s.now < max(state.first+reporting, s.hearings[line].dark+relearn)
	if ds.Early = early; !early {
		ds.Every = time.Duration(sv.every) * time.Millisecond
	}
	ds.Gaps, ds.Bunches = sv.gapped, sv.bunched
	var gap, bunch Headway
	if sv.gap >= 0 {
		gap = v.Boards[s.g.nodes[sv.gap].board].Headway
		ds.Gap = Spot{s.g.nodes[sv.gap].station.ID, gap.Current}
	}
	if sv.bunch >= 0 { // at long headways, a long time may count as bunched
		bunch = v.Boards[s.g.nodes[sv.bunch].board].Headway
		ds.Bunch = Spot{s.g.nodes[sv.bunch].station.ID, bunch.Observed}
	}
	stuck, ending := state.standing[d], l.planned && !leaves
	ds.Level = LevelGood
	switch {
	case l.planned && !sv.served && !runs && (state.heard == 0 || away == 0) && stuck == nil && state.behind[d] == nil:
		ds.Cause, ds.Level = CauseNoService, LevelNotRunning
		ds.Resumes = s.resumes(line, d)
		ds.Idle = s.idle(line, d)
	case state.heard == 0 && runs && s.began(int32(line), s.now) > s.now-patience:
		ds.Cause, ds.Level = CauseBeginning, LevelUnknown
	case state.heard == 0:
		ds.Cause, ds.Level = CauseNeverHeard, LevelUnknown
	case s.silent(line, runs):
		ds.Cause, ds.Level = CauseSilent, LevelUnknown
		ds.Lasts = time.Duration(s.now-state.heard) * time.Millisecond
	case stuck != nil:
		stood := s.now - s.last(stuck.train).since
		ds.Cause, ds.Level = CauseStanding, LevelMinor
		ds.Train, ds.Lasts = s.order[stuck.train].id, time.Duration(stood)*time.Millisecond
		ds.Station = s.g.nodes[stuck.node].station.ID
		if stood >= majorStand {
			ds.Level = LevelMajor
		}
	case state.behind[d] != nil:
		ve := state.behind[d]
		ds.Cause, ds.Level = CauseOverdue, LevelMinor
		ds.Train, ds.Lasts = s.order[ve.train].id, time.Duration(s.now-ve.by)*time.Millisecond
		ds.Station = s.g.nodes[s.g.edges[s.onward(ve.node, ve.at, ve.bound)[0]].to].station.ID
		if s.now-ve.by >= majorStand || sv.gap >= 0 && float64(gap.Current) > majorGap*float64(gap.Intended) {
			ds.Level = LevelMajor
		}
	case early && !ending:
		ds.Cause = CauseTooEarly
	case sv.gap >= 0 && !early:
		ds.Cause, ds.Level = CauseGap, LevelMinor
		ds.Station, ds.Lasts = ds.Gap.Station, ds.Gap.Apart
		if float64(ds.Lasts) > majorGap*float64(gap.Intended) {
			ds.Level = LevelMajor
		}
	case sv.bunch >= 0 && !early && (sv.every == 0 || ds.Bunch.Apart < ds.Every) && float64(ds.Bunch.Apart) < closeBy*float64(bunch.Intended):
		ds.Cause, ds.Level = CauseBunched, LevelMinor
		ds.Station, ds.Lasts = ds.Bunch.Station, ds.Bunch.Apart
	case ending:
		ds.Cause = CauseEnding
		again := s.resumes(line, d) // zero is another day
		if cta.ServiceDay(again.In(s.g.location)) == cta.ServiceDay(s.time(s.now)) {
			ds.Cause, ds.Resumes = CausePausing, again
		}
	case sv.every > 0:
		ds.Cause = CauseRegular
	default:
		ds.Cause = CauseTooEarly
	}
	return ds
}

// reporting is the time from a line's first report in which its other trains report too.
// Until then they seem to leave gaps. At the start of a simulation, the first reports are
// minutes old.
const reporting = 10 * minute

// silent reports whether a line is silent though trains are due.
func (s *scratch) silent(line int, runs bool) bool {
	l := &s.lines[line]
	quiet := s.now - l.heard
	return s.known < s.now-minute ||
		quiet >= silence && l.expected > 0 && l.overdue >= min(overdueMin, l.expected) ||
		quiet >= hush && s.heard-l.heard >= hushBehind && s.hushed(l) ||
		quiet >= goneAfter && l.expected == 0 && runs && s.began(int32(line), s.now) < s.now-goneAfter &&
			(!s.g.lines[line].timed || s.calling(&s.g.lines[line], l.heard+dueEarly, s.now-dueEarly))
}

func (s *scratch) hushed(l *lineState) bool {
	for i, late := range hushed {
		if l.missed[i] >= late && (i > 0 || l.expected <= hushFew) {
			return true
		}
	}
	return false
}
