package ctaweb

import (
	"encoding/json"
	"html"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/incident"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// replay passes arrivals through the whole chain: Kafka, Consume, and a handler
// whose pages and answers are read. The records bear the times at which a source
// of that speed would have sent them, and the handler's clock is theirs, so that
// nothing depends on how fast this machine is.
type replay struct {
	t        *testing.T
	sys      *ctatest.System
	publish  func(...kafka.Record)
	m        *Model
	h        *Handler
	reg      *prometheus.Registry
	formats  consumer
	arrivals []ctaproducer.Event       // not yet sent
	foretold []cta.Prediction          // the agency's, not yet sent
	sends    func(time.Time) time.Time // when an arrival is sent; nil: at its time
	sent     int
	speed    time.Duration
	from     time.Time                 // event time at
	base     time.Time                 // this wall time
	now      atomic.Pointer[time.Time] // wall
	said     string                    // read last
}

// replaying returns a replay of a network's arrivals that has come to a moment. Its
// records end by now.
func replaying(t *testing.T, sys *ctatest.System, publish func(...kafka.Record), net *cta.Network, arrivals []ctaproducer.Event, speed time.Duration, now time.Time) *replay {
	t.Helper()
	return delayed(t, sys, publish, net, arrivals, speed, now, nil)
}

// delayed is replaying with arrivals that are sent later than they happen.
func delayed(t *testing.T, sys *ctatest.System, publish func(...kafka.Record), net *cta.Network, arrivals []ctaproducer.Event, speed time.Duration, now time.Time, sends func(time.Time) time.Time) *replay {
	t.Helper()
	sys.Topics.Layout = cta.LayoutShared
	arrivals = slices.DeleteFunc(arrivals, func(e ctaproducer.Event) bool { return net.Line(e.Arrival.Line) == nil })
	last := arrivals[len(arrivals)-1].At
	r := &replay{
		t: t, sys: sys, publish: publish, m: NewModel(net), reg: prometheus.NewRegistry(),
		arrivals: arrivals, speed: speed, sends: sends,
		from: arrivals[0].At, base: time.Now().Add(-last.Sub(arrivals[0].At) / speed),
	}
	if err := r.formats.formats(sys.Registry); err != nil {
		t.Fatal(err)
	}
	ensureTables(t, sys)
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(sys.Topics.Arrivals(nil), ctatest.SharedPartitions), kafka.EventTopic(sys.Topics.Predictions(), 1)); err != nil {
		t.Fatal(err)
	}
	r.send(now)
	clock := func() time.Time { return *r.now.Load() }
	consuming(t, sys, r.m, ConsumeConfig{Metrics: r.reg, ArrivalsBack: 24 * time.Hour, Now: clock})
	// Not by its status: being asked about the present, its clock would go ahead.
	r.await("the model to be ready", func() bool { return r.m.Ready() == nil })
	r.h = newHandler(t, r.m, HandlerConfig{Interval: 10 * time.Millisecond, Now: clock})
	r.to(now)
	return r
}

// await waits for what should come about by itself.
func (r *replay) await(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(ctatest.Patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited %v for %s; ready: %v", ctatest.Patience, what, r.m.Ready())
		}
	}
}

func (r *replay) wall(event time.Time) time.Time { return r.base.Add(event.Sub(r.from) / r.speed) }

// to goes on to a moment of event time: all that has happened by then is read.
func (r *replay) to(now time.Time) {
	r.t.Helper()
	r.send(now)
	r.await("all records to be read", func() bool { return int(sum(r.t, r.reg, "ctalive_web_records_total")) == r.sent })
}

// send goes on to a moment of event time, whether anybody reads or not.
func (r *replay) send(now time.Time) {
	r.t.Helper()
	wall := r.wall(now)
	r.now.Store(&wall)
	var records []kafka.Record
	sends := r.sends
	if sends == nil {
		sends = func(at time.Time) time.Time { return at }
	}
	for len(r.arrivals) > 0 && !sends(r.arrivals[0].At).After(now) {
		e := r.arrivals[0]
		r.arrivals = r.arrivals[1:]
		rec, err := r.formats.arrivals.Record(r.t.Context(), r.sys.Topics.Arrivals(nil), cta.KeyAt(e.At), e.Arrival)
		if err != nil {
			r.t.Fatal(err)
		}
		rec.Time = r.wall(sends(e.At))
		rec.PartitionBy = cta.PartitionKey(e.Arrival.StationID)
		records = append(records, rec)
	}
	for ; len(r.foretold) > 0 && !time.UnixMilli(r.foretold[0].Made).After(now); r.foretold = r.foretold[1:] {
		p := r.foretold[0]
		rec, err := r.formats.predictions.Record(r.t.Context(), r.sys.Topics.Predictions(), cta.PredictionKey{TrainID: p.TrainID}, p)
		if err != nil {
			r.t.Fatal(err)
		}
		rec.Time = r.wall(time.UnixMilli(p.Made))
		records = append(records, rec)
	}
	r.sent += len(records)
	r.publish(records...)
}

// told is what a rider reads of a line's direction.
type told struct {
	level    live.Level // of the line
	sentence string
}

var (
	saysPart = regexp.MustCompile(`(?s)<section id="says".*?</section>`)
	levelOf  = regexp.MustCompile(`class="level (\w+)"`)
	sentence = regexp.MustCompile(`(?s)<p[^>]*>(.*?)</p>`)
)

// unlinked is what a page says, with the names of stations as they are read.
func unlinked(page string) string {
	return html.UnescapeString(regexp.MustCompile(`<a href="[^"]*stations/\d+">([^<]*)</a>`).ReplaceAllString(page, "$1"))
}

// reads reads the line's page, and fails the test if the page of all lines or the
// API says anything else.
func (r *replay) reads(line string, d cta.Direction) told {
	r.t.Helper()
	page := text(r.t, get(r.t, r.h, "GET", "/lines/"+line))
	level := levelOf.FindStringSubmatch(page)
	says := sentence.FindAllStringSubmatch(saysPart.FindString(page), -1)
	if len(level) != 2 || len(says) != 2 {
		r.t.Fatalf("the line's page has %d levels and %d sentences:\n%s", len(level), len(says), page)
	}
	i := 0
	if d == cta.DirectionB {
		i = 1
	}
	got := told{live.Level(level[1]), unlinked(says[i][1])}

	var api struct {
		AsOf time.Time `json:"as_of"`
		Line struct {
			Level      live.Level        `json:"level"`
			Directions []DirectionStatus `json:"directions"`
		} `json:"line"`
	}
	if err := json.Unmarshal([]byte(text(r.t, get(r.t, r.h, "GET", "/api/v1/lines/"+line))), &api); err != nil {
		r.t.Fatal(err)
	}
	if api.Line.Level != got.level || len(api.Line.Directions) != 2 || api.Line.Directions[i].Sentence != got.sentence {
		r.t.Errorf("the page says %+v, the API %+v", got, api.Line)
	}
	if got.sentence == r.said {
		return got
	}
	r.said = got.sentence
	if system := text(r.t, get(r.t, r.h, "GET", "/")); !strings.Contains(unlinked(system), got.sentence) {
		r.t.Errorf("the page of all lines lacks %q", got.sentence)
	}
	return got
}

const loganSquare, california = 41020, 40570

// eight is eight o'clock of a Wednesday, the middle of the morning's rush.
var eight = ctatest.At(8, 0)

// rush is the traffic from 7:15 to 9:30, without faults of its own.
func rush(t testing.TB) []ctaproducer.Event {
	t.Helper()
	arrivals, err := rushes()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(arrivals)
}

var rushes = sync.OnceValues(func() ([]ctaproducer.Event, error) {
	return incident.Arrivals(cta.Chicago(), ctaproducer.SimulationConfig{Seed: 2, Start: ctatest.At(7, 15), For: 135 * time.Minute, NoFaults: true})
})

// soon is how fast, in event time, a page has to tell of something, and to forget it.
const soon = 30 * time.Second

// A page says within half a minute what has happened, for as long as it lasts.
func TestSituationsAreTold(t *testing.T) {
	at := incident.Place{Line: "blue", Direction: cta.DirectionA, Station: loganSquare, After: eight}
	for name, tt := range map[string]struct {
		// happen makes it so, from a moment on until another.
		happen func([]ctaproducer.Event) (changed []ctaproducer.Event, from, until time.Time)
		want   string // in the sentence meanwhile
		levels map[live.Level]bool
		behind time.Duration // after which the train comes that was held up behind, of which the same is told
		then   time.Duration // after which the line runs well again
	}{
		"a train stands for fifteen minutes": {
			happen: func(a []ctaproducer.Event) ([]ctaproducer.Event, time.Time, time.Time) {
				a, began := incident.Stand(a, at, 15*time.Minute, true)
				return a, began, began.Add(15 * time.Minute)
			},
			want:   "a train has been standing at Logan Square for ",
			levels: map[live.Level]bool{live.LevelMinor: true, live.LevelMajor: true},
			then:   55 * time.Minute,
		},
		"a train stands and doesn't say so": {
			happen: func(a []ctaproducer.Event) ([]ctaproducer.Event, time.Time, time.Time) {
				changed, began := incident.Stand(slices.Clone(a), at, 15*time.Minute, false)
				next := slices.IndexFunc(a, func(e ctaproducer.Event) bool {
					return e.Arrival.Line == "blue" && e.Arrival.Direction == cta.DirectionA && e.Arrival.StationID == california && e.At.After(began)
				})
				due := a[next].At // it can't be known before
				return changed, due, due.Add(15 * time.Minute)
			},
			want:   " overdue at California",
			levels: map[live.Level]bool{live.LevelMinor: true, live.LevelMajor: true},
			behind: 150 * time.Second,
			then:   55 * time.Minute,
		},
		"trains are bunched": {
			happen: func(a []ctaproducer.Event) ([]ctaproducer.Event, time.Time, time.Time) {
				return incident.Bunch(a, at, 100*time.Second)
			},
			want:   "two trains 2 min apart at Logan Square",
			levels: map[live.Level]bool{live.LevelMinor: true},
			then:   15 * time.Minute,
		},
		"a line is silent": {
			happen: func(a []ctaproducer.Event) ([]ctaproducer.Event, time.Time, time.Time) {
				a, _, back := incident.Silence(a, "blue", eight, eight.Add(12*time.Minute))
				return a, eight, back
			},
			want:   "no reports from its trains ",
			levels: map[live.Level]bool{live.LevelUnknown: true},
			then:   2 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if race.Enabled && name != "trains are bunched" {
				t.Skip("without -race: an hour of two lines is ten times slower with it")
			}
			arrivals, from, until := tt.happen(rush(t))
			now := eight.Add(-time.Minute)
			sys := ctatest.Start(t)
			// The Red Line shows that time goes on.
			r := replaying(t, sys, sys.Send, only(t, "blue", "red"), arrivals, 20, now)
			var first, last, well time.Time // told first and last, runs well since
			levels := map[live.Level]bool{}
			for now.Before(until.Add(tt.then)) {
				got := r.reads("blue", cta.DirectionA)
				if strings.Contains(got.sentence, tt.want) {
					if first.IsZero() {
						first = now
						t.Logf("%v after it began: %s", now.Sub(from).Round(time.Second), got.sentence)
					}
					last = now
					levels[got.level] = true
				} else if now.Sub(from) >= soon && now.Before(until) {
					t.Errorf("%v after it began: %s", now.Sub(from).Round(time.Second), got.sentence)
				}
				switch {
				case got.level != live.LevelGood && !strings.Contains(got.sentence, "getting back to normal"):
					well = time.Time{}
				case well.IsZero():
					well = now
				}
				step := 5 * time.Second
				if race.Enabled {
					step = 15 * time.Second // half as long as a page may take to tell
				}
				if now.Sub(until) > time.Minute {
					step = time.Minute
				}
				now = now.Add(step)
				r.to(now)
			}
			if first.Before(from) || first.Sub(from) > soon {
				t.Errorf("it began at %s and is first told at %s, want within %v", from.Format(time.TimeOnly), first.Format(time.TimeOnly), soon)
			}
			if late := last.Sub(until); late > soon+tt.behind {
				t.Errorf("it is still told %v after its end", late)
			}
			if d := cmp.Diff(tt.levels, levels); d != "" {
				t.Errorf("levels (-want +got):\n%s", d)
			}
			if well.IsZero() {
				t.Fatalf("%v after its end: %+v", tt.then, r.reads("blue", cta.DirectionA))
			}
			t.Logf("told until %v after its end; runs well from %v after it", last.Sub(until).Round(time.Second), well.Sub(until).Round(time.Second))
		})
	}
}
