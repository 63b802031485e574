package traintracker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker/traintrackertest"
	"github.com/seed-921eec07/ctalive/ctaweb"
	"github.com/seed-921eec07/ctalive/schemas"
)

// chain is a sink, and the page behind it. Records bear the times at which the source would
// have sent them in real time, and the page's clock is theirs.
type chain struct {
	t      *testing.T
	sys    *ctatest.System
	format wire.Records[cta.Key, cta.Arrival]
	fake   *fake
	late   time.Duration // of the wall clock after the recording's
	now    atomic.Pointer[time.Time]
	reg    *prometheus.Registry
	page   *ctaweb.Handler
	sent   int
}

func (c *chain) wall() time.Time { return *c.now.Load() }

// tick sets the page's clock to the fake's, whose Mu is held.
func (c *chain) tick() {
	wall := c.fake.Now.Add(c.late)
	c.now.Store(&wall)
}

func (c *chain) Arrive(ctx context.Context, at time.Time, a cta.Arrival) error {
	rec, err := c.format.Record(ctx, c.sys.Topics.Arrivals(nil), cta.KeyAt(at), a)
	if err != nil {
		return err
	}
	c.fake.Mu.Lock()
	c.tick()
	rec.Time, rec.PartitionBy = c.wall(), cta.PartitionKey(a.StationID)
	c.fake.Mu.Unlock()
	c.sys.Send(rec)
	c.sent++
	return nil
}

// newChain starts the services, and a page of a network that reads them.
func newChain(t *testing.T, f *fake) *chain {
	sys := ctatest.Start(t)
	sys.Topics.Layout = cta.LayoutShared
	c := &chain{t: t, sys: sys, fake: f, late: time.Since(f.Ends), reg: prometheus.NewRegistry()}
	c.tick()
	var err error
	if c.format, err = wire.AvroRecords[cta.Key, cta.Arrival](sys.Registry, schemas.ArrivalKey, schemas.ArrivalValue); err != nil {
		t.Fatal(err)
	}
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(sys.Topics.Arrivals(nil), ctatest.SharedPartitions),
		kafka.TableTopic(sys.Topics.StationsTable(), 1), kafka.TableTopic(sys.Topics.TurnstileSummary(), 1)); err != nil {
		t.Fatal(err)
	}
	m := ctaweb.NewModel(f.net)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- ctaweb.Consume(ctx, sys.Kafka, sys.Registry, sys.Topics, m, ctaweb.ConsumeConfig{Metrics: c.reg, ArrivalsBack: 24 * time.Hour, Now: c.wall})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	sys.Await("the page to be ready", func(context.Context) (string, bool, error) {
		err := m.Ready()
		return fmt.Sprint(err), err == nil, nil
	})
	if c.page, err = ctaweb.NewHandler(m, ctaweb.HandlerConfig{Now: c.wall}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.page.Close)
	return c
}

// trains returns the trains of the API that are on their way, by line and direction, and
// the runs of all that it has. The fake's clock stands.
func (c *chain) trains() (running map[cta.Direction]map[string]bool, all map[string]bool) {
	c.t.Helper()
	c.tick()
	c.sys.Await("the page to have read all", func(context.Context) (string, bool, error) {
		families, err := c.reg.Gather()
		read := 0.0
		for _, f := range families {
			if f.GetName() == "ctalive_web_records_total" {
				for _, m := range f.GetMetric() {
					read += m.GetCounter().GetValue()
				}
			}
		}
		return "", int(read) == c.sent, err
	})
	w := httptest.NewRecorder()
	c.page.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/status", nil))
	var status ctaweb.Status
	if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil {
		c.t.Fatal(err)
	}
	running, all = map[cta.Direction]map[string]bool{cta.DirectionA: {}, cta.DirectionB: {}}, map[string]bool{}
	for _, l := range status.Lines {
		for _, tr := range l.Trains {
			run := runOf(arrival{Arrival: cta.Arrival{TrainID: tr.ID}})
			all[run] = true
			if len(tr.Next) > 0 && tr.State != live.StateTurning {
				running[tr.Next[0].Direction][run] = true
			}
		}
	}
	return running, all
}

// minutes compares the trains of each minute.
type minutes struct {
	n, equal       int
	shown, real    int // train-minutes
	missing, extra int // trains that the page lacks, or shows on their way without cause
	worst          int
}

func (m *minutes) add(shown, real map[string]bool, all map[string]bool) {
	m.n++
	m.shown, m.real = m.shown+len(shown), m.real+len(real)
	if len(shown) == len(real) {
		m.equal++
	}
	m.worst = max(m.worst, len(shown)-len(real), len(real)-len(shown))
	for run := range real {
		if !all[run] {
			m.missing++
		}
	}
}

// TestRecordingsOnThePage passes recordings of real trains through the fake, the source,
// Kafka and the page, and compares each minute's trains in the answers with those of the
// page's API. Trains of the first twenty minutes are not compared: a train is known from its
// first arrival on.
func TestRecordingsOnThePage(t *testing.T) {
	sums := map[string]*minutes{}
	of := func(k string) *minutes {
		if sums[k] == nil {
			sums[k] = &minutes{}
		}
		return sums[k]
	}
	for _, l := range recorded(t) {
		t.Run(l.name, func(t *testing.T) {
			dir := t.TempDir()
			recorder, err := recording.New(dir)
			if err != nil {
				t.Fatal(err)
			}
			f := &fake{net: l.net}
			var times []time.Time
			var answers []*answer
			l.play(t, func(now time.Time, body []byte, a *answer) {
				if err := recorder.Add(recording.Answer{Feed: "train-tracker", Came: now, Body: body}); err != nil {
					t.Fatal(err)
				}
				times, answers = append(times, now), append(answers, a)
			})
			if err := recorder.Close(); err != nil {
				t.Fatal(err)
			}
			if f.Tracker, err = traintrackertest.Recorded(l.net, dir, func() time.Time { return f.Now }); err != nil {
				t.Fatal(err)
			}
			begin := times[0].Add(15 * time.Second)
			f.Now, f.Ends = begin, times[len(times)-1]
			c := newChain(t, f)
			looked := begin.Add(20 * time.Minute)
			f.each = func(now time.Time, _ *Source) {
				if now.Before(looked) {
					return
				}
				looked = looked.Add(time.Minute)
				running, all := c.trains()
				i, _ := slices.BinarySearchFunc(times, now.Add(time.Millisecond), time.Time.Compare)
				real := map[cta.Direction]map[string]bool{cta.DirectionA: {}, cta.DirectionB: {}}
				runs := map[string]bool{}
				for _, r := range answers[i-1].trains {
					if n, ok := l.locate(&r, l.destination(&r, nil)); ok {
						real[n.d][r.run], runs[r.run] = true, true
					}
				}
				for d := range real {
					m := of(l.net.Lines[0].ID + " " + string(d))
					m.add(running[d], real[d], all)
					for run := range running[d] {
						if !runs[run] {
							m.extra++
						}
					}
				}
			}
			if _, err := f.feed(t, Config{}, c); err != nil {
				t.Fatal(err)
			}
			if c.sent < 100 {
				t.Errorf("%d arrivals", c.sent)
			}
		})
	}
	var all minutes
	off := map[string]float64{}
	for _, k := range slices.Sorted(maps.Keys(sums)) {
		m := sums[k]
		t.Logf("%-8s %4d minutes, %5d trains in the answers, %4d missing, %4d extra; equal in %.0f %%, mean difference %+.2f, worst %d",
			k, m.n, m.real, m.missing, m.extra, 100*float64(m.equal)/float64(m.n), float64(m.shown-m.real)/float64(m.n), m.worst)
		all.real, all.missing, all.extra = all.real+m.real, all.missing+m.missing, all.extra+m.extra
		line, _, _ := strings.Cut(k, " ")
		off[line] += float64(m.shown-m.real) / float64(m.n)
	}
	// Of both directions together: without platforms, which recordings lack, a train's
	// direction in the Loop isn't certain.
	for line, by := range off {
		if math.Abs(by) > 0.5 {
			t.Errorf("%s: the number of trains is off by %+.2f on average", line, by)
		}
	}
	t.Logf("of %d trains in the answers, %d are missing; %d are extra", all.real, all.missing, all.extra)
	if all.real < 5000 || all.missing*100 > 5*all.real || all.extra*100 > 4*all.real {
		t.Error("want at most 5 % missing and 4 % extra")
	}
}
