package ctaproducer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// DefaultStart returns the default start of a simulation: 07:30 local time of the
// network, on a usual day of its timetable. Without a timetable, the day is Wednesday 7
// October 2026, when every line of the 'L' runs.
func DefaultStart(net *cta.Network) time.Time {
	if net.Typical != 0 {
		return net.Typical.Begin(net.Location).Add(7*time.Hour + 30*time.Minute)
	}
	return time.Date(2026, time.October, 7, 7, 30, 0, 0, net.Location)
}

// In service without faults, the time between two trains at a platform stays within
// these parts of the intended headway ([cta.Pattern.HeadwayAt], of all patterns that
// call there). For some two hours after a change of the intended headway, trains from
// before and after are on the line together. Then the band spans the shorter and the
// longer one.
const (
	minHeadway = 0.6
	maxHeadway = 1.4
)

// maxReplay is the longest simulated time that is repeated without output to continue an
// earlier simulation. A day costs about a third of a second.
const maxReplay = 30 * day

// SimulationConfig holds the optional settings of a [Simulation]. The zero value
// begins at [DefaultStart] and runs without end, in real time.
type SimulationConfig struct {
	// Seed determines the events: the same seed, network, start and faults yield the
	// same events on every platform.
	Seed uint64

	// Start is the simulated time at which events begin, from 1970 to 2200; trains
	// are on their lines by then. Default: DefaultStart.
	Start time.Time

	// After, if later than Start, leaves out the events up to that moment: an earlier
	// run with the same settings has sent them (see [Producer.LastEvent]). If After is
	// more than 30 days after Start, the simulation starts at After instead.
	After time.Time

	// For is how much simulated time is run. Default: without end.
	For time.Duration

	// Speed is the number of simulated seconds per second; math.Inf(1) is as fast as
	// the machine can. It doesn't change the events. Default: 1.
	Speed float64

	// NoFaults leaves out breakdowns of trains. With them, about one arrival in
	// 2,500 is of a train that breaks down there, for 3 to 10 minutes.
	NoFaults bool

	// Progress, if not nil, is called about once a second of wall time during Run, from
	// Run's goroutine. It should return soon.
	Progress func(SimulationProgress)

	// Log receives a warning when the sink can't keep up with Speed. Default: silent.
	Log *slog.Logger
}

func (c SimulationConfig) withDefaults(net *cta.Network) SimulationConfig {
	if c.Start.IsZero() {
		c.Start = DefaultStart(net)
	}
	c.Speed = cmp.Or(c.Speed, 1)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

func (c SimulationConfig) validate() error {
	var faults []error
	if y := c.Start.UTC().Year(); y < 1970 || y > 2200 {
		faults = append(faults, fmt.Errorf("Start is %v, want a time from 1970 to 2200", c.Start))
	}
	if y := c.After.UTC().Year(); !c.After.IsZero() && y > 2200 {
		faults = append(faults, fmt.Errorf("After is %v, want a time until 2200", c.After))
	}
	if c.For < 0 {
		faults = append(faults, fmt.Errorf("For is %v, want 0 (without end) or more", c.For))
	}
	if !(c.Speed > 0) {
		faults = append(faults, fmt.Errorf("Speed is %v, want more than 0 simulated seconds a second", c.Speed))
	}
	return errors.Join(faults...)
}

// Simulation produces the trains, riders and weather of a network as a stream of
// events. It can be run any number of times, also concurrently: each run yields the
// same events.
type Simulation struct {
	net *cta.Network
	cfg SimulationConfig
}

// NewSimulation returns a simulation of net. The error lists every wrong setting.
func NewSimulation(net *cta.Network, cfg SimulationConfig) (*Simulation, error) {
	if net == nil {
		return nil, errors.New("ctaproducer: simulation: the network is nil")
	}
	cfg = cfg.withDefaults(net)
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("ctaproducer: simulation: %w", err)
	}
	cfg.Start = cfg.Start.Truncate(time.Millisecond).In(net.Location)
	if cfg.After.Sub(cfg.Start) > maxReplay {
		cfg.Start, cfg.After = cfg.After.Truncate(time.Millisecond).In(net.Location), time.Time{}
	}
	return &Simulation{net: net, cfg: cfg}, nil
}

// Begin returns the simulated time at which a run begins: Start, or After when
// that is later.
func (s *Simulation) Begin() time.Time {
	if s.cfg.After.After(s.cfg.Start) {
		return s.cfg.After.Truncate(time.Millisecond).In(s.net.Location)
	}
	return s.cfg.Start
}

// Events returns the events of a run, in order of time, without waiting for them. The
// sequence ends after For, if set.
//
// It begins with the latest arrival of each train that is already on its line, some
// minutes before Start, and with the weather at Start. A run that continues an earlier
// one begins with the next event.
func (s *Simulation) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for ev := range s.events() {
			if !yield(*ev) {
				return
			}
		}
	}
}

// events is Events without copying; an event is good until the next one.
func (s *Simulation) events() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		start := s.cfg.Start
		warm := warmUp(s.net)
		e := newEngine(s.net, s.cfg.Seed, start.Add(-warm), !s.cfg.NoFaults)
		e.skip(warm)

		begin := s.Begin()
		if resumed := begin.After(start); resumed {
			e.skip(warm + begin.Sub(start) + time.Millisecond)
		} else {
			for _, ev := range append(e.standing(), e.observe(warm)...) {
				if !yield(&ev) {
					return
				}
			}
		}
		end := begin.Add(s.cfg.For)
		for {
			ev := e.next()
			if s.cfg.For > 0 && !ev.At.Before(end) || !yield(ev) {
				return
			}
		}
	}
}

// observe returns the weather at a moment, unless a reading falls on it anyway.
func (e *engine) observe(at time.Duration) []Event {
	if sinceHour(e.time(at).In(e.net.Location))%readingEvery == 0 {
		return nil
	}
	return []Event{{At: e.time(at), Kind: EventWeather, Weather: e.weather.latest.weather}}
}

// warmUp is how long before its start a simulation begins unseen: long enough
// for trains to have spread over every line, and to have come back.
func warmUp(net *cta.Network) time.Duration {
	var longest time.Duration
	for _, l := range net.Lines {
		if k := newTrack(l, "", newRiders(net, 0)); k != nil {
			for _, p := range k.paths {
				longest = max(longest, p.nominal())
			}
		}
	}
	longest = min(max(2*time.Hour, 3*longest/2), 12*time.Hour)
	return max(longest, min(newTimetable(net).longest+time.Hour, 48*time.Hour)).Round(time.Minute)
}

// Sink receives the events of a simulation. A method may block: the simulated clock
// waits. [Emitter] is the sink that sends events to Kafka.
type Sink interface {
	Arrive(ctx context.Context, at time.Time, a cta.Arrival) error
	Enter(ctx context.Context, at time.Time, e cta.TurnstileEntry) error
	Observe(ctx context.Context, at time.Time, w cta.Weather) error
}

// Run passes the events of the simulation to sink, one at a time, each when its time has
// come by Speed. Run returns nil once For is over or ctx ends, or the error of sink. The
// summary contains the events passed so far.
//
// Run never skips an event. If sink falls behind by more than a second, the simulated
// clock waits for it, then continues at Speed without catching up.
func (s *Simulation) Run(ctx context.Context, sink Sink) (SimulationSummary, error) {
	r := run{sim: s, sink: sink, digest: newDigest(), began: time.Now()}
	r.sum.From = s.Begin()
	r.sum.To = r.sum.From
	r.pace.speed = s.cfg.Speed
	var err error
	for ev := range s.events() {
		if err = r.await(ctx, ev.At); err != nil {
			break
		}
		if err = r.pass(ctx, ev); err != nil {
			err = fmt.Errorf("ctaproducer: simulation: %s at %s: %w", ev.Kind, ev.At.Format(time.RFC3339), err)
			break
		}
		r.digest.add(ev)
		r.sum.count(ev)
	}
	if err == nil && s.cfg.For > 0 {
		r.sum.To = r.sum.From.Add(s.cfg.For)
		err = r.await(ctx, r.sum.To)
	}
	if ctx.Err() != nil {
		err = nil // sink's error too is then a sign of the end
	}
	r.sum.Wall = time.Since(r.began)
	r.sum.Digest = r.digest.sum()
	return r.sum, err
}
