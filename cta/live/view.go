package live

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// View is the state of a network at one moment. It is read-only and may be kept.
type View struct {
	AsOf      time.Time
	Trains    []Train         // by id
	Lines     []LineStatus    // in the network's order
	Boards    []Board         // by line, then direction, in running order
	Crowds    map[int]Crowd   // by station
	Scores    [horizons]Score // of past predictions, by horizon: see [Tracker.ScorePredictions]
	Preferred Source          // as [Tracker.Prefer] has set it

	trains map[string]int
	boards map[int][]int // by station
}

// Train returns the train with that id.
func (v *View) Train(id string) (t Train, ok bool) {
	i, ok := v.trains[id]
	if !ok {
		return Train{}, false
	}
	return v.Trains[i], true
}

// BoardsAt returns the boards of a station, one per line and direction, in the network's
// order. A closed station has none.
func (v *View) BoardsAt(station int) []Board {
	var boards []Board
	for _, i := range v.boards[station] {
		boards = append(boards, v.Boards[i])
	}
	return boards
}

// Line returns the status of a line.
func (v *View) Line(id string) (s LineStatus, ok bool) {
	i := slices.IndexFunc(v.Lines, func(l LineStatus) bool { return l.Line == id })
	if i < 0 {
		return LineStatus{}, false
	}
	return v.Lines[i], true
}

// State is a train's state of motion.
type State string

// Every State.
const (
	StateStopped  State = "stopped"  // at its station, just arrived
	StateRunning  State = "running"  // on its way to the next station
	StateStanding State = "standing" // broken down at its station
	StateTurning  State = "turning"  // at the end of its run, before it begins another
	StateSilent   State = "silent"   // long overdue at its next station, without a report
)

// Train is a train and its position.
type Train struct {
	ID        string // as reported; with " (2)" for the second train with an id
	Line      string
	Direction cta.Direction
	Towards   string          // riders' name of its destination, as far as known
	Status    cta.TrainStatus // as last reported
	State     State
	Station   int       // of its last report, or a closed one that it has passed since
	Arrived   time.Time // at Station, by its report or, at a closed one, as expected
	Bound     int       // reported station at which its run ends; 0 without one
	Since     time.Time // when it first reported Status, or passed Station since
	// Next holds the possible next stations, more than one where branches part. It is
	// empty at the end of a run.
	Next []Hop
	// Fraction is the part of the way from Station to Next covered, by running time:
	// from 0 to less than 1.
	Fraction  float64
	cta.Point // on the shape of the way, else on the straight line
	// Stops are its predicted arrivals for about twenty minutes, in order.
	Stops []Arrival
}

// Hop is a station and the direction of arrival there.
type Hop struct {
	Station   int           `json:"station"`
	Direction cta.Direction `json:"direction"`
}

// Board lists the next trains of a platform.
type Board struct {
	Line      string
	Station   int
	Direction cta.Direction
	// Towards is where the platform's trains run at this hour. Ends is true if all of
	// them end their runs here.
	Towards string
	Ends    bool
	// Here are the trains at the platform that riders may board. Standing are the
	// trains broken down there.
	Here, Standing []string
	// Next are the coming trains that continue from here, Ending those that end their
	// runs here: the first three of each.
	Next, Ending []Arrival
	// Last is the arrival of the service's last train that continues from here, while known
	// and still to come. Resumes is the next intended train, if none is expected. Both are
	// zero otherwise.
	Last, Resumes time.Time
	Headway       Headway
}

// Arrival is a predicted arrival.
type Arrival struct {
	Line      string
	Station   int
	Direction cta.Direction
	// Towards is the riders' name of the train's destination. Ends is true if its run
	// ends at Station.
	Towards string
	Ends    bool
	// Train is empty for a run without a known train. For other runs that have not
	// begun (Basis is BasisHeadway or BasisTimetable), it is the train likely to make the run.
	Train string
	// Expected is the best estimate. Nine trains of ten or more come between Earliest
	// and Latest.
	Expected, Earliest, Latest time.Time
	// Source names the origin of Expected. Ours is our prediction, and Agency the agency's;
	// Agency is zero without one.
	Source       Source
	Ours, Agency time.Time
	Basis        Basis // of Ours
	// Maybe is true while the train may still take another branch.
	Maybe bool
	// Behind is the broken-down train that must move before this arrival: this train or
	// one ahead; nil without one.
	Behind *Breakdown
}

// Breakdown is a broken-down train, its station, and when it moves again if the breakdown
// has the usual length.
type Breakdown struct {
	Train   string
	Station int
	Until   time.Time
}

// Basis is the source of a predicted arrival.
type Basis string

// Every Basis.
const (
	BasisObserved  Basis = "observed"  // times of recent trains over every segment
	BasisDistance  Basis = "distance"  // the timetable, or distance over mean speed, for some segments
	BasisHeadway   Basis = "headway"   // the intended headway: the run has not begun
	BasisTimetable Basis = "timetable" // the timetable: the run has not begun
)

// derive computes the view of a moment.
func (t *Tracker) derive(now int64) *View {
	s := &t.scratch
	s.order = s.order[:0]
	for _, tr := range t.order {
		if tr.changed {
			tr.divide(t.graph)
		}
		if s.order = append(s.order, tr); tr.twin != nil {
			s.order = append(s.order, tr.twin)
		}
	}
	s.observe(now)
	s.forecasts = s.forecasts[:0]
	s.forecast()
	s.assign()
	v := &View{AsOf: s.time(now), trains: map[string]int{}, boards: s.g.boards, Scores: t.score.scores(now), Preferred: s.prefer}
	if !s.judging {
		s.compare(&v.Scores)
	}
	s.boards(v)
	s.status(v)
	if !s.judging {
		s.trains(v)
		v.Crowds = t.crowds(now)
	}
	return v
}

// assign gives departures at headways the trains likely to make them, in the order in
// which the trains end their runs. Trains of a timetable have an id for each run.
func (s *scratch) assign() {
	type ready struct {
		at    int64
		train int32
	}
	var waiting []ready
	of := make([][]*vehicle, len(s.g.lines))
	for j := range s.vehicles {
		i := s.g.nodes[s.vehicles[j].node].line
		of[i] = append(of[i], &s.vehicles[j])
	}
	for i := range s.g.lines {
		for _, o := range s.g.lines[i].origins {
			waiting = waiting[:0]
			for _, v := range of[i] {
				if v.dropped || v.number > 0 {
					continue
				}
				if v.state == StateTurning && s.g.nodes[v.node].turn == o && s.last(v.train).status == inService && !s.overtaken(v) {
					waiting = append(waiting, ready{v.at, v.train})
					continue
				}
				if f := v.forecasts; f[1] > f[0] {
					if end := &s.forecasts[f[1]-1]; s.g.nodes[end.node].turn == o && len(s.onward(end.node, end.at, v.bound)) == 0 {
						waiting = append(waiting, ready{end.at, v.train})
					}
				}
			}
			slices.SortFunc(waiting, func(a, b ready) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.train, b.train)) })
			for _, v := range of[i] {
				if v.number == 0 || v.timed.run >= 0 || v.node != o || len(waiting) == 0 || waiting[0].at+2*minute > v.at {
					continue
				}
				v.train, waiting = waiting[0].train, waiting[1:]
			}
		}
	}
}

// last returns a train's latest visit.
func (s *scratch) last(train int32) *visit { return &s.visits[s.spans[train][1]-1] }

func (s *scratch) arrival(f *forecast) Arrival {
	n := &s.g.nodes[f.node]
	v := &s.vehicles[f.vehicle]
	of := &s.margins[0]
	if f.agencys {
		of = &s.margins[1]
	}
	early, late := s.margin(f, of)
	a := Arrival{
		Line: s.g.lines[n.line].ID, Station: n.station.ID, Direction: n.direction, Towards: f.towards, Ends: f.ends,
		Expected: s.time(f.shown), Earliest: s.time(max(f.shown-early, min(f.shown, s.now))), Latest: s.time(f.shown + late),
		Source: SourceOurs, Ours: s.time(f.at), Basis: BasisDistance, Maybe: f.maybe,
	}
	if f.agency > 0 {
		a.Agency = s.time(f.agency)
	}
	if f.agencys {
		a.Source = SourceAgency
	}
	if v.train >= 0 {
		a.Train = s.order[v.train].id
	}
	if f.rests > 0 {
		b := &s.vehicles[f.rests-1]
		a.Behind = &Breakdown{s.order[b.train].id, s.g.nodes[b.node].station.ID, s.time(b.left)}
	}
	switch {
	case v.number > 0 && v.timed.run >= 0:
		a.Basis = BasisTimetable
	case v.number > 0:
		a.Basis = BasisHeadway
	case f.observed:
		a.Basis = BasisObserved
	}
	return a
}

func (s *scratch) boards(v *View) {
	v.Boards = make([]Board, len(s.g.platforms))
	var next []Arrival
	if !s.judging {
		next = make([]Arrival, 0, perBoard*len(s.g.nodes)+perBoard*len(s.g.lines))
	}
	for i, n := range s.g.platforms {
		nd, board := &s.g.nodes[n], &v.Boards[i]
		*board = Board{Line: s.g.lines[nd.line].ID, Station: nd.station.ID, Direction: nd.direction, Headway: Headway{Spacing: SpacingNone}}
		if nd.station.Closed {
			continue
		}
		if board.Headway = s.headway(n); s.judging {
			continue // status needs no more
		}
		board.Towards, board.Ends = s.passing(n)
		board.Next, next = s.first(n, false, next)
		board.Ending, next = s.first(n, true, next)
		switch {
		case board.Ends && len(board.Next) > 0: // trains of a coming service continue
			board.Ends, board.Towards = false, board.Next[0].Towards
		case len(board.Next) == 0 && len(board.Ending) > 0: // those of a service much later do
			board.Ends, board.Towards = true, board.Ending[0].Towards
		}
		board.Last, board.Resumes = s.lastTrain(n), s.comesAgain(n, board)
	}
}

// first appends the first arrivals at a platform to all: those of trains that end
// there, or of those that continue. It returns the new arrivals, and all.
func (s *scratch) first(n int32, ending bool, all []Arrival) (of, list []Arrival) {
	from := len(all)
	s.picked = s.picked[:0]
	for _, i := range s.nodes[n].forecasts {
		if f := &s.forecasts[i]; f.ends == ending && !s.rebegins(f) {
			s.picked = append(s.picked, i)
		}
	}
	slices.SortStableFunc(s.picked, func(a, b int32) int { return cmp.Compare(s.forecasts[a].shown, s.forecasts[b].shown) })
	for _, i := range s.picked[:min(perBoard, len(s.picked))] {
		all = append(all, s.arrival(&s.forecasts[i]))
	}
	return all[from:len(all):len(all)], all
}

// rebegins reports whether an arrival is that of a train which closes a ring, where riders
// take the next run: with a timetable whenever that leaves, without one at about the same
// time.
func (s *scratch) rebegins(f *forecast) bool {
	const about = 5 * minute
	if !s.g.nodes[f.node].closes || s.vehicles[f.vehicle].number > 0 {
		return false
	}
	return s.g.lines[s.g.nodes[f.node].line].timed || slices.ContainsFunc(s.nodes[f.node].forecasts, func(j int32) bool {
		of := &s.forecasts[j]
		return s.vehicles[of.vehicle].number > 0 && of.at-f.at > -minute && of.at-f.at < about
	})
}

func (s *scratch) trains(v *View) {
	var total int32
	for i := range s.vehicles {
		if ve := &s.vehicles[i]; ve.number == 0 {
			total += ve.forecasts[1] - ve.forecasts[0]
		}
	}
	stops := make([]Arrival, 0, total)
	for i := range s.vehicles {
		ve := &s.vehicles[i]
		if ve.number > 0 || ve.dropped {
			continue
		}
		t := s.train(ve)
		from := len(stops)
		for j := ve.forecasts[0]; j < ve.forecasts[1]; j++ {
			if f := &s.forecasts[j]; !s.g.nodes[f.node].station.Closed {
				stops = append(stops, s.arrival(f))
			}
		}
		t.Stops = stops[from:len(stops):len(stops)]
		v.trains[t.ID] = len(v.Trains)
		v.Trains = append(v.Trains, t)
		switch b := &v.Boards[s.g.nodes[ve.node].board]; {
		case s.g.nodes[ve.node].station.Closed:
		case t.State == StateStopped, t.State == StateTurning && t.Status == cta.TrainInService && s.now-ve.at < minute && s.g.nodes[ve.node].turn == ve.node:
			b.Here = append(b.Here, t.ID)
		case t.State == StateStanding:
			b.Standing = append(b.Standing, t.ID)
		}
	}
}

func (s *scratch) train(ve *vehicle) Train {
	n, last := &s.g.nodes[ve.node], s.last(ve.train)
	t := Train{
		ID: s.order[ve.train].id, Line: s.g.lines[n.line].ID, Direction: n.direction,
		Status: statuses[last.status], State: ve.state,
		Station: n.station.ID, Bound: int(last.bound), Arrived: s.time(ve.at), Since: s.time(last.since),
		Point: n.station.Point,
	}
	if ve.node != last.node { // a closed station
		t.Since = t.Arrived
	}
	uses := s.courses(ve.node, ve.at, ve.bound)
	t.Towards = s.heading(ve.node, uses)
	if last.status == outOfService {
		return t
	}
	next := s.edgesOf(ve.node, uses)
	for _, e := range next {
		to := &s.g.nodes[s.g.edges[e].to]
		t.Next = append(t.Next, Hop{to.station.ID, to.direction})
	}
	if len(next) == 0 || ve.state == StateStanding {
		return t
	}
	// It is drawn on the way that no train has taken for longest.
	latest := func(e int32) int64 { return s.nodes[s.g.edges[e].to].recent[0].at } // 0 without a train
	e := slices.MinFunc(next, func(a, b int32) int { return cmp.Compare(latest(a), latest(b)) })
	took := s.edges[e].mean
	halt := min(stop, took/2)
	t.Fraction = min(max(float64(s.now-ve.left-halt)/float64(took-halt), 0), mostly)
	t.Point, _, _ = s.g.edges[e].path.At(t.Fraction)
	return t
}

// mostly is the largest fraction shown: a late train waits just before the station.
const mostly = 0.95
