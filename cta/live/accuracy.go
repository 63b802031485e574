package live

import (
	"slices"
	"time"
)

// Horizon is a range of times ahead for which predictions are scored together.
type Horizon struct {
	From, To time.Duration
	// Early and Late bound the error of an accurate prediction: how much sooner and
	// later than predicted the train may come.
	Early, Late time.Duration
}

const horizons = 4

// Horizons are the four scored horizons, with the accuracy bands that transit agencies
// publish for them.
var Horizons = [horizons]Horizon{
	{0, 3 * time.Minute, 30 * time.Second, 90 * time.Second},
	{3 * time.Minute, 6 * time.Minute, 60 * time.Second, 150 * time.Second},
	{6 * time.Minute, 10 * time.Minute, 60 * time.Second, 210 * time.Second},
	{10 * time.Minute, 15 * time.Minute, 90 * time.Second, 270 * time.Second},
}

// Score holds the errors of one horizon's predictions, of the last hour and since the
// tracker was made.
type Score struct {
	Horizon
	Recent, All Errors
	// Ours and Agency compare our predictions of the last hour with the agency's, for
	// those arrivals that both predicted at the same moment.
	Ours, Agency Accuracy
	// Better names the more accurate predictions: SourceOurs at first, and without
	// predictions of both sides in the last hour. Better changes when the mean error of the
	// other side is lower by more than a tenth, over fifty predictions of each or more.
	Better Source
}

// Accuracy summarizes prediction errors. An error is the time of arrival minus the
// predicted time.
type Accuracy struct {
	Count int64
	// Error is the mean absolute error. Bias is the mean error: above zero, trains came
	// later than predicted.
	Error, Bias time.Duration
	// InBand is the share, 0 to 1, of errors inside the horizon's band. InRange is the
	// share of trains that came within the prediction's range.
	InBand, InRange float64
}

// Errors is the accuracy of our predictions, beside that of distance over mean speed for
// the same trains.
type Errors struct {
	Accuracy
	PlainError  time.Duration
	PlainInBand float64
	// Missed counts further predictions whose train never came. Elsewhere counts those
	// with Maybe whose train took another branch.
	Missed, Elsewhere int64
}

// Parameters of scoring.
const (
	recordEvery = 30 * second
	maxPending  = 100_000 // pending predictions
	expiry      = 40 * minute
	bucketSpan  = 10 * minute
	buckets     = 6 // one hour
)

// pending is a prediction waiting for its train.
type pending struct {
	node        int32
	number      int32  // position among the departures still to come, from 1
	run         string // id of a timetabled run still to begin; empty without one
	passes      int    // how often the train comes to node before, on a loop
	made        int64
	ours, plain guess
	agency      guess // at 0 without one
	horizon     uint8
	kind        uint8 // of its margins
	maybe       bool
}

// guess is a time of arrival, and how much sooner and later the train may come.
type guess struct{ at, early, late int64 }

// score holds pending predictions and the results of past ones.
type score struct {
	waiting    int // all pending predictions
	departures map[int32]*departures
	all        [horizons]tally
	recent     [buckets]bucket // by slot, modulo buckets
	now        int64           // ms: of the latest ScorePredictions; 0 before, and after Reset
	margins    [2]margins      // of our predictions, and of the agency's
	agency     [horizons]bool  // whose predictions are the better: the agency's
}

// margins widens the ranges of predictions to the errors that trains have shown, by
// horizon, for trains on their way and for runs that have not begun: each side is
// exceeded by one train of twenty.
type margins [2 * horizons][2]float64 // factors for the early and the late side, less 1

// wide are the margins before trains have shown errors. With them, about four of five
// trains in recordings of four lines came within the ranges of the first 45 minutes. Some
// thousand predictions of more regular trains narrow them.
var wide = margins{{0.6, 0.6}, {2, 2}, {3, 3}, {4, 4}, {4, 4}, {6, 6}, {7, 7}, {8, 8}}

// kindOf returns the index of a prediction in margins.
func kindOf(ahead int64, number int) uint8 {
	h := horizon(ahead)
	if h < 0 {
		h = horizons - 1
	}
	if number > 0 {
		h += horizons
	}
	return uint8(h)
}

// observe adapts the factors of a kind to a prediction whose train has come.
func (m *margins) observe(kind uint8, of guess, came int64) {
	const rate, tail, most = 0.04, 0.05, 20
	for side, exceeded := range [2]bool{came < of.at-of.early, came > of.at+of.late} {
		by := -rate * tail
		if exceeded {
			by = rate * (1 - tail)
		}
		f := &m[kind][side]
		*f = min(max((1+*f)*(1+by)-1, 0), most-1)
	}
}

// departures holds predictions for runs that have not begun, at the platform where they
// begin.
type departures struct {
	last    int64 // when the latest counted run began
	pending []pending
}

// tally holds the results of a horizon: of our predictions and of plain ones, and of both
// sides where the agency has predicted too.
type tally struct {
	ours, plain, rivals, agency sums
	missed, elsewhere           int64
}

// bucket holds the results of a slot of time, by horizon.
type bucket struct {
	slot int64
	of   [horizons]tally
}

// sums add up errors, in ms.
type sums struct{ n, err, bias, inBand, inRange int64 }

func newScore() score {
	return score{departures: map[int32]*departures{}, margins: [...]margins{wide, wide}}
}

// ScorePredictions stores the current predictions, to be scored when the trains come: the
// next trains on the boards, up to fifteen minutes ahead. Call ScorePredictions at regular
// event times. A call less than half a minute after the latest does nothing.
func (t *Tracker) ScorePredictions(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := now.UnixMilli()
	if at < t.score.now+recordEvery {
		return
	}
	t.viewLocked(at) // fills scratch
	t.score.now = at
	t.settle()
	t.score.judge()
	t.note()
}

// settle scores the predictions whose trains have come.
func (t *Tracker) settle() {
	s := &t.scratch
	for node, d := range t.score.departures {
		t.begin(node, d)
	}
	for i, tr := range s.order {
		if len(tr.pending) > 0 {
			span := s.spans[i]
			tr.pending = t.score.settle(tr.pending, s.visits[span[0]:span[1]])
		}
	}
}

// begin moves the predictions for runs that have begun to their trains: by the run of a
// timetable, else by the order of departures.
func (t *Tracker) begin(node int32, d *departures) {
	s := &t.scratch
	st := &s.nodes[node]
	d.pending = slices.DeleteFunc(d.pending, func(q pending) bool {
		r, ok := s.named[q.run]
		if !ok || s.runs[r].train < 0 {
			return false
		}
		train := s.runs[r].train
		if left := st.passed(train); q.node == node && left != nil && left.at <= q.made { // it was reported after q was made
			t.score.count(q, left.at)
		} else {
			s.order[train].pending = append(s.order[train].pending, q)
		}
		return true
	})
	for i := st.n - 1; i >= 0; i-- {
		p := st.recent[i]
		if p.at <= d.last || !s.starts(node, &p) {
			continue
		}
		d.last = p.at
		keep := d.pending[:0]
		for _, q := range d.pending {
			if q.run == "" && q.made < p.at { // else made after the run began
				if q.number--; q.number == 0 {
					tr := s.order[p.train]
					tr.pending = append(tr.pending, q)
					continue
				}
			}
			keep = append(keep, q)
		}
		d.pending = keep
	}
	d.pending = t.score.expire(d.pending)
}

// settle scores a train's predictions that its visits decide, and returns the others.
func (c *score) settle(of []pending, visits []visit) []pending {
	return c.expire(slices.DeleteFunc(of, func(p pending) bool {
		passes := p.passes
		for _, v := range visits {
			if v.node != p.node || v.at <= p.made || v.at > p.made+expiry {
				continue
			}
			if passes--; passes < 0 {
				c.count(p, v.at)
				return true
			}
		}
		return false
	}))
}

// expire counts predictions older than expiry as missed, and returns the others.
func (c *score) expire(of []pending) []pending {
	old := func(p pending) bool { return c.now-p.made > expiry }
	for _, p := range of {
		if old(p) {
			c.miss(p)
		}
	}
	return slices.DeleteFunc(of, old)
}

// lose counts the predictions of a dropped train as missed.
func (c *score) lose(of []pending) {
	for _, p := range of {
		c.miss(p)
	}
}

func (c *score) miss(p pending) {
	c.waiting--
	c.all[p.horizon].miss(p)
	c.bucket().of[p.horizon].miss(p)
}

func (c *score) count(p pending, came int64) {
	c.waiting--
	c.margins[0].observe(p.kind, p.ours, came)
	if p.agency.at > 0 {
		c.margins[1].observe(p.kind, p.agency, came)
	}
	c.all[p.horizon].add(p, came)
	c.bucket().of[p.horizon].add(p, came)
}

// bucket returns the present one.
func (c *score) bucket() *bucket {
	slot := c.now / bucketSpan
	b := &c.recent[slot%buckets]
	if b.slot != slot {
		b.slot, b.of = slot, [horizons]tally{}
	}
	return b
}

func (y *tally) miss(p pending) {
	if p.maybe {
		y.elsewhere++
	} else {
		y.missed++
	}
}

func (y *tally) add(p pending, came int64) {
	h := &Horizons[p.horizon]
	y.ours.add(h, p.ours, came)
	y.plain.add(h, p.plain, came)
	if p.agency.at > 0 {
		y.rivals.add(h, p.ours, came)
		y.agency.add(h, p.agency, came)
	}
}

func (s *sums) add(h *Horizon, of guess, came int64) {
	err := came - of.at
	s.n++
	s.err += max(err, -err)
	s.bias += err
	if err >= -h.Early.Milliseconds() && err <= h.Late.Milliseconds() {
		s.inBand++
	}
	if err >= -of.early && err <= of.late {
		s.inRange++
	}
}

// note stores the current predictions as pending.
func (t *Tracker) note() {
	s, c := &t.scratch, &t.score
	for i := range s.nodes {
		if s.g.nodes[i].station.Closed { // nobody sees these, and no report decides them
			continue
		}
		of := s.nodes[i].forecasts
		for l, j := range of[:min(perBoard, len(of))] {
			f := &s.forecasts[j]
			h := horizon(f.at - s.now)
			if h < 0 || c.waiting >= maxPending {
				continue
			}
			v := &s.vehicles[f.vehicle]
			passes := 0
			for _, k := range of[:l] {
				if s.forecasts[k].vehicle == f.vehicle {
					passes++
				}
			}
			p := pending{passes: passes, kind: kindOf(f.at-s.now, v.number), node: f.node, made: s.now, plain: guess{at: f.plain}, horizon: uint8(h), maybe: f.maybe}
			p.ours.at = f.at
			p.ours.early, p.ours.late = s.margin(f, &c.margins[0])
			if f.agency > 0 {
				p.agency.at = f.agency
				p.agency.early, p.agency.late = s.margin(f, &c.margins[1])
			}
			c.waiting++
			if v.number == 0 {
				tr := s.order[v.train]
				tr.pending = append(tr.pending, p)
				continue
			}
			if p.number = int32(v.number); v.timed.run >= 0 {
				p.run = s.runs[v.timed.run].id
			}
			d := c.departures[v.node]
			if d == nil {
				d = &departures{last: s.now}
				if st := &s.nodes[v.node]; st.n > 0 {
					d.last = st.recent[0].at
				}
				c.departures[v.node] = d
			}
			d.pending = append(d.pending, p)
		}
	}
}

// horizon returns the index in Horizons of a time ahead, -1 outside all of them.
func horizon(ms int64) int {
	for i, h := range Horizons {
		if ms >= h.From.Milliseconds() && ms < h.To.Milliseconds() {
			return i
		}
	}
	return -1
}

// judge decides whose predictions are the better. See [Score.Better].
func (c *score) judge() {
	const clear = 0.9 // of the other's error
	for i, s := range c.scores(c.now) {
		switch {
		case s.Agency.Count == 0:
			c.agency[i] = false
		case s.Agency.Count < enough:
		case c.agency[i]:
			c.agency[i] = float64(s.Ours.Error) >= clear*float64(s.Agency.Error)
		default:
			c.agency[i] = float64(s.Agency.Error) < clear*float64(s.Ours.Error)
		}
	}
}

func (c *score) scores(now int64) (scores [horizons]Score) {
	for i := range scores {
		var recent tally
		for _, b := range c.recent {
			if b.slot > now/bucketSpan-buckets {
				recent.merge(b.of[i])
			}
		}
		s := Score{Horizon: Horizons[i], Recent: recent.errors(), All: c.all[i].errors(),
			Ours: recent.rivals.accuracy(), Agency: recent.agency.accuracy(), Better: SourceOurs}
		if c.agency[i] {
			s.Better = SourceAgency
		}
		scores[i] = s
	}
	return scores
}

func (y *tally) merge(o tally) {
	y.ours.merge(o.ours)
	y.plain.merge(o.plain)
	y.rivals.merge(o.rivals)
	y.agency.merge(o.agency)
	y.missed += o.missed
	y.elsewhere += o.elsewhere
}

func (s *sums) merge(o sums) {
	s.n += o.n
	s.err += o.err
	s.bias += o.bias
	s.inBand += o.inBand
	s.inRange += o.inRange
}

func (y tally) errors() Errors {
	plain := y.plain.accuracy()
	return Errors{Accuracy: y.ours.accuracy(), PlainError: plain.Error, PlainInBand: plain.InBand, Missed: y.missed, Elsewhere: y.elsewhere}
}

func (s sums) accuracy() Accuracy {
	if s.n == 0 {
		return Accuracy{}
	}
	mean := func(sum int64) time.Duration { return time.Duration(sum/s.n) * time.Millisecond }
	share := func(n int64) float64 { return float64(n) / float64(s.n) }
	return Accuracy{Count: s.n, Error: mean(s.err), Bias: mean(s.bias), InBand: share(s.inBand), InRange: share(s.inRange)}
}

// forget drops all pending predictions.
func (c *score) forget() {
	clear(c.departures)
	c.waiting, c.now = 0, 0
}
