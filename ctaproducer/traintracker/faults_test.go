package traintracker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker/traintrackertest"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// entries calls do with each train of an answer, and leaves out those for which it
// returns false.
func entries(root *traintrackertest.Answer, do func(route string, e *traintrackertest.Train) bool) {
	for _, r := range root.Route {
		r.Train = slices.DeleteFunc(r.Train, func(e *traintrackertest.Train) bool { return !do(r.Name, e) })
	}
}

// Whatever is odd about the answers, no arrival is made up or told twice, hardly one is
// lost, times are right to within the answers that came, and each oddity is counted.
func TestOddAnswers(t *testing.T) {
	const all = 1.0
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	// during reports whether it is that many minutes after the fake's start.
	during := func(f *fake, now time.Time, from, to int) bool {
		m := now.Sub(f.Ends.Add(-time.Hour)).Minutes() + 30
		return m >= float64(from)+30 && m < float64(to)+30
	}
	for i, c := range []struct {
		name   string
		odd    func(f *fake)
		share  float64       // found at least
		within time.Duration // largest error
		aside  string        // reason that must be counted
		logs   string        // text that the log must hold, once
	}{
		{name: "nothing", share: all, within: 30 * time.Second},
		{name: "next stations move on as trains leave", share: .99, within: 45 * time.Second, odd: func(f *fake) { f.MoveOnLate(true) }},
		{name: "no positions", share: .98, within: 45 * time.Second, odd: func(f *fake) {
			f.Set(traintrackertest.None, traintrackertest.NoPositions)
		}},
		{name: "no platforms", share: .97, within: 45 * time.Second, odd: func(f *fake) {
			f.Set(traintrackertest.None, traintrackertest.NoPlatforms)
		}},
		{name: "destination unknown", share: .99, within: 45 * time.Second, odd: func(f *fake) {
			f.Set(traintrackertest.None, traintrackertest.NoDestinations)
		}},
		{name: "each second answer is the last one again", share: .99, within: 45 * time.Second, aside: asideRepeated, odd: func(f *fake) {
			n := 0
			f.edit = func(now time.Time, root *traintrackertest.Answer) {
				if n++; n%2 == 0 {
					*root = *f.Positions(now.Add(-15 * time.Second))
				}
			}
		}},
		{name: "answers out of order", share: .99, within: 45 * time.Second, aside: asideRepeated, odd: func(f *fake) {
			n := 0
			f.edit = func(now time.Time, root *traintrackertest.Answer) {
				if n++; n%4 == 0 {
					*root = *f.Positions(now.Add(-50 * time.Second))
				}
			}
		}},
		{name: "old positions under new times", share: .99, within: 45 * time.Second, aside: asideOld, odd: func(f *fake) {
			n := 0
			f.edit = func(now time.Time, root *traintrackertest.Answer) {
				if n++; n%4 == 0 {
					tmst := root.Tmst
					*root = *f.Positions(now.Add(-50 * time.Second))
					root.Tmst = tmst
				}
			}
		}},
		{name: "noise of single answers", share: .97, within: 60 * time.Second, aside: asideUnsure, odd: func(f *fake) {
			r := rng()
			f.edit = func(_ time.Time, root *traintrackertest.Answer) {
				entries(root, func(route string, e *traintrackertest.Train) bool {
					if r.IntN(20) == 0 {
						e.TrDr = map[string]string{"1": "5", "5": "1"}[e.TrDr]
						l := f.net.Line(form.Lines[route])
						s := l.Stations[r.IntN(len(l.Stations))]
						e.NextStaID, e.NextStpID = fmt.Sprint(s.ID), fmt.Sprint(s.Stops[r.IntN(len(s.Stops))].ID)
					}
					return true
				})
			}
		}},
		{name: "trains missing from single answers", share: .98, within: 60 * time.Second, odd: func(f *fake) {
			r := rng()
			f.edit = func(_ time.Time, root *traintrackertest.Answer) {
				entries(root, func(string, *traintrackertest.Train) bool { return r.IntN(20) != 0 })
			}
		}},
		{name: "a line missing for eight minutes", share: .8, within: 45 * time.Second, logs: "most trains of a line are missing", odd: func(f *fake) {
			f.edit = func(now time.Time, root *traintrackertest.Answer) {
				entries(root, func(route string, _ *traintrackertest.Train) bool { return route != "p" || !during(f, now, 20, 28) })
			}
		}},
		{name: "frozen for ten minutes, then replayed", share: .7, within: 30 * time.Second, aside: asideOld, logs: "no train moves in its answers", odd: func(f *fake) {
			f.edit = func(now time.Time, root *traintrackertest.Answer) {
				begin := f.Ends.Add(-40 * time.Minute)
				tmst := root.Tmst
				switch {
				case during(f, now, 20, 30): // new times, old trains
					*root = *f.Positions(begin)
				case during(f, now, 30, 33): // what was before comes again
					*root = *f.Positions(begin.Add(-2 * time.Minute))
				}
				root.Tmst = tmst
			}
		}},
		{name: "pages instead of JSON", share: .97, within: 90 * time.Second, logs: "the answer is not JSON", odd: func(f *fake) {
			f.replace = func(now time.Time, w http.ResponseWriter) bool {
				if during(f, now, 20, 21) {
					fmt.Fprint(w, "<html><title>Service unavailable</title>")
					return true
				}
				return false
			}
		}},
		{name: "503 with a page", share: .97, within: 90 * time.Second, logs: "HTTP 503", odd: func(f *fake) {
			f.replace = func(now time.Time, w http.ResponseWriter) bool {
				if during(f, now, 20, 21) {
					w.WriteHeader(http.StatusServiceUnavailable)
					fmt.Fprint(w, "<html>down</html>")
					return true
				}
				return false
			}
		}},
		{name: "an answer from the future", share: .98, within: 60 * time.Second, aside: asideAhead, logs: "check this machine's clock", odd: func(f *fake) {
			f.edit = func(now time.Time, root *traintrackertest.Answer) {
				if during(f, now, 20, 21) {
					*root = *f.Positions(now.Add(time.Hour))
				}
			}
		}},
		{name: "scheduled trains, twice in an answer, and rubbish", share: .99, within: 45 * time.Second, aside: asideOdd, odd: func(f *fake) {
			f.Set(traintrackertest.None, traintrackertest.Rubbish)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if race.Enabled && i%4 > 0 {
				t.Skip("without -race: an hour of answers is ten times slower with it")
			}
			t.Parallel()
			f := newFake(t, 1, "purple", "yellow")
			from := f.Now
			if c.odd != nil {
				c.odd(f)
			}
			var log bytes.Buffer
			got, s, err := f.run(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			sum := judged{}
			for k, j := range f.judge(got.all, from.Add(2*time.Minute), f.Ends.Add(-90*time.Second)) {
				sum.wanted, sum.found, sum.false_ = sum.wanted+j.wanted, sum.found+j.found, sum.false_+j.false_
				sum.errors = append(sum.errors, j.errors...)
				if j.found == 0 {
					t.Errorf("%s: nothing was found", k)
				}
			}
			t.Logf("found %d of %d, %d false, error median %v, 90%% %v, most %v", sum.found, sum.wanted, sum.false_, sum.quantile(.5), sum.quantile(.9), sum.quantile(1))
			if float64(sum.found) < c.share*float64(sum.wanted) || sum.false_ > 0 || sum.quantile(1) > c.within {
				t.Errorf("want %v of them and none false, within %v", c.share, c.within)
			}
			for _, a := range got.all {
				if a.TrainStatus == cta.TrainOutOfService && f.runs(a.Line, strings.Split(a.TrainID, "-")[1], a.at) {
					t.Errorf("%s was said to be out of service at %s, but it runs", a.TrainID, a.at)
				}
			}
			if c.aside != "" && counted(t, s, c.aside) == 0 {
				t.Errorf("nothing was set aside as %s", c.aside)
			}
			if n := strings.Count(log.String(), c.logs); c.logs != "" && n < 1 || strings.Count(log.String(), "level=WARN") > 3 {
				t.Errorf("%q was logged %d times:\n%s", c.logs, n, &log)
			}
			if strings.Contains(log.String(), traintrackertest.Key) {
				t.Errorf("the log holds the key:\n%s", &log)
			}
		})
	}
}

// runs reports whether a train is on its way at a time: it was at one station, two answers
// ago at least, and comes to another in five minutes.
func (f *fake) runs(line, run string, at time.Time) bool {
	before := 0
	var since time.Time
	for _, a := range f.truth {
		if a.Line != line || f.RunNumber(a.TrainID) != run {
			continue
		}
		if a.at.After(at) {
			return before != 0 && a.StationID != before && a.at.Sub(at) < 5*time.Minute && at.Sub(since) > 30*time.Second
		}
		before, since = a.StationID, a.at
	}
	return false
}

// counted returns how often something was set aside.
func counted(tb testing.TB, s *Source, reason string) float64 {
	tb.Helper()
	return value(tb, s.aside.WithLabelValues(reason))
}

// value returns what a metric counts.
func value(tb testing.TB, c prometheus.Collector) float64 {
	tb.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 {
		tb.Fatalf("gathered %v (%v), want one metric", families, err)
	}
	m := families[0].GetMetric()[0]
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

// A Train Tracker that answers from the future alone has nothing to emit, and nobody knows
// since when its trains stand.
func TestAnswersFromTheFutureAreNotReady(t *testing.T) {
	f := newFake(t, 1, "purple")
	f.Set(traintrackertest.Ahead)
	got, s, err := f.run(t, Config{})
	if ready := s.Ready(); err != nil || ready == nil || ready.Error() != "Train Tracker: no answer so far can be used" {
		t.Errorf("ready: %v, after %d arrivals (%v)", ready, len(got.all), err)
	}
}

// A Train Tracker without trains, at night, whose answers stop being newer.
func TestAnswersThatStandStillAreNotReady(t *testing.T) {
	f := newFake(t, 1, "purple")
	from := f.Now.Format("2006-01-02T15:04:05")
	f.edit = func(_ time.Time, root *traintrackertest.Answer) {
		entries(root, func(string, *traintrackertest.Train) bool { return false })
		root.Tmst = from
	}
	f.Ends = f.Now.Add(10 * time.Minute)
	want := "Train Tracker: no train has moved since " + f.Now.Format(time.TimeOnly)
	_, s, err := f.run(t, Config{})
	if ready := s.Ready(); err != nil || ready == nil || ready.Error() != want {
		t.Errorf("ready: %v (%v), want %q", ready, err, want)
	}
}

// A train that is lost leaves the page in time, and so does one whose run has ended; a
// frozen feed takes nothing from it.
func TestTrainsLeave(t *testing.T) {
	f := newFake(t, 1, "purple")
	lost := ""
	cut := f.Ends.Add(-30 * time.Minute)
	f.edit = func(now time.Time, root *traintrackertest.Answer) {
		entries(root, func(_ string, e *traintrackertest.Train) bool {
			if lost == "" && !now.Before(cut) && e.NextStaID == "40050" { // before Davis
				lost = e.Rn
			}
			return now.Before(cut) || e.Rn != lost
		})
	}
	got, _, err := f.run(t, Config{})
	if err != nil || lost == "" {
		t.Fatal(err, lost)
	}
	var last arrival
	left := 0
	for _, a := range got.all {
		if strings.Contains(a.TrainID, "-"+lost+"-") {
			last = a
			if a.TrainStatus == cta.TrainOutOfService {
				left++
			}
		}
	}
	if after := last.at.Sub(cut); last.TrainStatus != cta.TrainOutOfService || left != 1 || after < lostAfter || after > lostAfter+2*time.Minute {
		t.Errorf("run %s: %d times out of service, last %+v, %v after it was lost", lost, left, last.Arrival, after)
	}
}

func TestRefusals(t *testing.T) {
	for code := range 1000 {
		if code != 900 && (code < 100 || code > 112) && (code < 500 || code > 503) {
			continue
		}
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			f := newFake(t, 1, "yellow")
			f.edit = func(_ time.Time, root *traintrackertest.Answer) {
				name := "refused for key " + traintrackertest.Key
				*root = traintrackertest.Answer{Tmst: root.Tmst, ErrCd: fmt.Sprint(code), ErrNm: &name}
			}
			f.Ends = f.Now.Add(20 * time.Minute)
			var log bytes.Buffer
			_, s, err := f.run(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
			lasts := code >= 100 && code <= 112 && code != 102 || code == 500
			var down *cta.ServiceError
			if lasts != errors.As(err, &down) {
				t.Fatalf("returned %v", err)
			}
			text := log.String() + fmt.Sprint(err, s.Ready())
			if strings.Contains(text, traintrackertest.Key) || !strings.Contains(text, fmt.Sprintf("code %d: refused for key ***", code)) {
				t.Errorf("said %q", text)
			}
			if code == 101 && !strings.Contains(text, KeyURL) || code == 102 && !strings.Contains(text, "midnight in Chicago") {
				t.Errorf("said no remedy: %q", text)
			}
			if n := strings.Count(log.String(), "level=WARN"); !lasts && n != 1 || lasts && f.requests != 1 || code == 102 && f.requests > 3 {
				t.Errorf("%d warnings, %d calls", n, f.requests)
			}
			if got := value(t, s.poll.Results.WithLabelValues("refused")); got != float64(f.requests) {
				t.Errorf("%v of %d refusals are counted", got, f.requests)
			}
		})
	}
}

// After good answers, even a wrong key is waited for.
func TestLaterRefusalsPass(t *testing.T) {
	f := newFake(t, 1, "yellow")
	f.Ends = f.Now.Add(40 * time.Minute)
	begin := f.Now
	f.edit = func(now time.Time, root *traintrackertest.Answer) {
		if m := now.Sub(begin).Minutes(); m > 5 && m < 12 {
			*root = traintrackertest.Answer{Tmst: root.Tmst, ErrCd: "101"}
		}
	}
	got, s, err := f.run(t, Config{})
	if err != nil || s.Ready() != nil || len(got.all) == 0 || got.all[len(got.all)-1].at.Sub(begin) < 35*time.Minute {
		t.Errorf("returned %v, ready %v, %d arrivals", err, s.Ready(), len(got.all))
	}
}

func TestDailyBudget(t *testing.T) {
	f := newFake(t, 1, "yellow")
	f.Now = time.Date(2026, 10, 7, 20, 0, 0, 0, f.net.Location)
	f.Ends = f.Now.Add(4*time.Hour + 30*time.Minute) // half an hour into the next day
	midnight := f.Now.Add(4 * time.Hour)
	var today, tomorrow int
	f.edit = func(now time.Time, _ *traintrackertest.Answer) {
		if now.Before(midnight) {
			today++
		} else {
			tomorrow++
		}
	}
	_, s, err := f.run(t, Config{DailyBudget: 60})
	if err != nil || today != 60 || tomorrow < 1 || tomorrow > 3 {
		t.Errorf("%d calls in the last 4 hours of a day and %d in half an hour of the next, want 60 and 2: %v", today, tomorrow, err)
	}
	if got := value(t, s.left); got != float64(60-tomorrow) {
		t.Errorf("%v calls are said to be left after %d", got, tomorrow)
	}
}

type refusing struct{ err error }

func (r refusing) Arrive(context.Context, time.Time, cta.Arrival) error { return r.err }

// Every value comes as text, but lists may be one object, null or missing.
func TestShapes(t *testing.T) {
	zone := cta.Chicago().Location
	now := time.Date(2026, 2, 6, 16, 8, 0, 0, zone)
	train := `{"rn":"012","destSt":"30173","destNm":"Howard","trDr":"1","nextStaId":"41400","nextStpId":"30269","prdt":"2026-02-06T16:07:38","arrT":"2026-02-06T16:09:38","isApp":"1","isDly":"0","flags":null,"lat":"41.86579","lon":"-87.62736","heading":"358"}`
	for _, c := range []struct {
		body   string
		trains int
		odd    int
		err    string
	}{
		{`{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"0","errNm":null,"route":[{"@name":"red","train":[` + train + `,` + train + `]}]}}`, 2, 0, ""},
		{"\ufeff" + `{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"0","route":{"@name":"red","train":` + train + `}}}`, 1, 0, ""},
		{`{"ctatt":{"tmst":"20260206 16:07:57","errCd":0,"route":[{"@name":"red","train":null},{"@name":"g"}]}}`, 0, 0, ""},
		{`{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"0","route":null}}`, 0, 0, ""},
		{`{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"0"}}`, 0, 0, ""},
		{`{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"0","route":[7,{"@name":"red","train":["x",` + train + `]}]}}`, 1, 2, ""},
		{`{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"0","route":[{"@name":"red","train":[{"rn":12,"nextStaId":41400,"lat":0,"lon":0,"flags":{}}]}]}}`, 1, 0, ""},
		{`{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"101","errNm":"Invalid key"}}`, 0, 0, "code 101: Invalid key"},
		{`{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"-","errNm":null}}`, 0, 0, "code 900: refused"},
		{`{"ctatt":{"tmst":"soon","errCd":"0"}}`, 0, 0, `its time tmst is "soon"`},
		{`{"ctatt":null}`, 0, 0, "it has no ctatt"},
		{`[]`, 0, 0, "not JSON"},
		{`<!DOCTYPE html><html>`, 0, 0, "not JSON"},
		{``, 0, 0, "not JSON"},
	} {
		a, err := parse([]byte(c.body), now, zone)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", c.body, err, c.err)
		}
		if err == nil && (len(a.trains) != c.trains || a.odd != c.odd || !a.at.Equal(now.Add(-3*time.Second))) {
			t.Errorf("%s: %d trains, %d odd, at %s, want %d and %d", c.body, len(a.trains), a.odd, a.at, c.trains, c.odd)
		}
	}
	a, err := parse([]byte(`{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"0","route":{"@name":"Red","train":`+train+`}}}`), now, zone)
	if err != nil {
		t.Fatal(err)
	}
	want := report{route: "red", run: "012", next: 41400, stop: 30269, direction: 1, destination: 30173, destName: "Howard",
		predicted: now.Add(-22 * time.Second), due: now.Add(98 * time.Second), approaching: true, located: true, lat: 41.86579, lon: -87.62736}
	if got := a.trains[0]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// In the hour that comes twice, the moment nearer to the known one is meant.
func TestTheHourThatComesTwice(t *testing.T) {
	zone := cta.Chicago().Location
	first := time.Date(2026, 11, 1, 6, 30, 0, 0, time.UTC) // 01:30 CDT
	for _, want := range []time.Time{first, first.Add(time.Hour)} {
		if got := localTime("2026-11-01T01:30:00", want.Add(20*time.Second), zone); !got.Equal(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := localTime("yesterday", first, zone); !got.IsZero() {
		t.Errorf("got %s", got)
	}
}

// A run goes on after midnight under its day's name.
func TestServiceDay(t *testing.T) {
	zone := cta.Chicago().Location
	for clock, want := range map[string]cta.Date{"2026-11-27T23:59:00": 20261127, "2026-11-28T03:59:00": 20261127, "2026-11-28T04:00:00": 20261128} {
		if got := cta.ServiceDay(localTime(form.Text(clock), time.Now(), zone)); got != want {
			t.Errorf("%s is of %s, want %s", clock, got, want)
		}
	}
}

func TestSinkFails(t *testing.T) {
	f := newFake(t, 1, "yellow")
	broken := errors.New("disk full")
	server := httptest.NewServer(f)
	defer server.Close()
	s, err := New(f.net, Config{Key: traintrackertest.Key, URL: server.URL + "/ttpositions.aspx"})
	if err != nil {
		t.Fatal(err)
	}
	s.poll.Clock.Now = func() time.Time { f.Mu.Lock(); defer f.Mu.Unlock(); return f.Now }
	s.poll.Clock.Pause = func(ctx context.Context, d time.Duration) error {
		f.Mu.Lock()
		defer f.Mu.Unlock()
		f.Now = f.Now.Add(d)
		return ctx.Err()
	}
	if err := s.Run(t.Context(), refusing{broken}); !errors.Is(err, broken) {
		t.Errorf("returned %v, want the sink's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx, refusing{broken}); err != nil {
		t.Errorf("returned %v at the end of its context", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"ctatt":{"tmst":"2026-02-06T16:07:57","errCd":"0","errNm":null,"route":[{"@name":"red","train":[{"rn":"012","destSt":"30173","nextStaId":"41400","nextStpId":"30269","prdt":"2026-02-06T16:07:38","arrT":"2026-02-06T16:09:38","isApp":"1","lat":"41.86579","lon":"-87.62736"}]}]}}`))
	f.Add([]byte(`{"ctatt":{"tmst":"20260206 16:07:57","errCd":101,"route":{"train":{"rn":{}}}}}`))
	f.Add([]byte(`<html>`))
	net := cta.Chicago()
	now := time.Date(2026, 2, 6, 16, 8, 0, 0, net.Location)
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parse(body, now, net.Location)
		if (a == nil) == (err == nil) {
			t.Fatalf("answer %v and error %v", a, err)
		}
		if err != nil {
			return
		}
		in := newInference(net, func(string) {})
		for i := range 3 {
			at := a.at.Add(time.Duration(i) * 15 * time.Second)
			next := answer{at: at, trains: a.trains}
			arrivals, _ := in.apply(&next, at, 15*time.Second)
			for _, e := range arrivals {
				if e.at.After(at) || net.Station(e.StationID) == nil {
					t.Errorf("at %s: %+v", at, e)
				}
			}
		}
	})
}

// A train that was lost at a platform, and comes to the same station on a later run, arrives
// once more.
func TestTrainComesAgain(t *testing.T) {
	net := cta.Chicago()
	in := newInference(net, func(string) {})
	start := time.Date(2026, 2, 6, 16, 0, 0, 0, net.Location)
	loyola := net.Station(41300)
	var arrived []time.Duration
	told := 0
	for second := 0; second <= 50*60; second += 30 {
		at := time.Duration(second) * time.Second
		now := start.Add(at)
		a := &answer{at: now, trains: []report{{route: "red", run: "999", next: 40540, stop: 30106, direction: 1, destName: "Howard", predicted: now}}}
		r := report{route: "red", run: "813", next: loyola.ID, stop: 30251, direction: 1, destination: 30173, destName: "Howard",
			predicted: now, due: now.Add(2 * time.Minute), located: true, lat: loyola.Latitude - 0.01, lon: loyola.Longitude}
		switch {
		case second == 60 || second >= 45*60:
			r.approaching, r.lat = true, loyola.Latitude
			fallthrough
		case second < 60 || second >= 42*60:
			a.trains = append(a.trains, r)
		}
		out, predictions := in.apply(a, now, 30*time.Second)
		for _, e := range out {
			if e.StationID == loyola.ID && e.TrainStatus == cta.TrainInService {
				arrived = append(arrived, at)
			}
		}
		for _, p := range predictions {
			if len(p.Stops) > 0 && second >= 42*60 && strings.Contains(p.TrainID, "-813-") {
				told++
			}
		}
	}
	if want := []time.Duration{time.Minute, 45 * time.Minute}; !slices.Equal(arrived, want) || told == 0 {
		t.Errorf("arrivals after %v, want %v; %d predictions", arrived, want, told)
	}
}
