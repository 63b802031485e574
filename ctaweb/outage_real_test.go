package ctaweb

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// For a minute of the wall clock there is no broker, or no registry when a record
// needs it. Within half a minute a page that is asked for says so, and the stream of
// a page that is open; both recover by themselves.
func TestOutagesOfARealMinute(t *testing.T) {
	if os.Getenv("CTALIVE_BROWSER") != "1" {
		t.Skip("takes more than a minute: .ci/run sets CTALIVE_BROWSER=1 for it")
	}
	for name, tt := range map[string]struct {
		begin, end func(o *outage, poison func())
	}{
		"no broker": {
			func(o *outage, _ func()) { o.stop() },
			func(o *outage, _ func()) { o.start() },
		},
		"no registry": {
			func(o *outage, poison func()) { o.registry.lead(""); poison() },
			func(o *outage, _ func()) { o.registry.lead(o.registryAddr()) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, sys, publish := failing(t)
			ensureTables(t, sys)
			sys.Topics.Layout = cta.LayoutShared
			if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(sys.Topics.Arrivals(nil), ctatest.SharedPartitions)); err != nil {
				t.Fatal(err)
			}
			var formats consumer
			if err := formats.formats(sys.Registry); err != nil {
				t.Fatal(err)
			}
			newer := newerReading(t, o, sys, &formats, time.Now())
			m := NewModel(cta.Chicago())
			consuming(t, sys, m, ConsumeConfig{})
			stop := make(chan struct{})
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for i := 0; ; i++ {
					a := cta.Arrival{Line: "blue", TrainID: "B", StationID: []int{ohare, rosemont}[i%2], Direction: "a", TrainStatus: cta.TrainInService}
					rec, err := formats.arrivals.Record(t.Context(), sys.Topics.Arrivals(nil), cta.KeyAt(time.Now()), a)
					if err != nil {
						t.Error(err)
						return
					}
					rec.PartitionBy = cta.PartitionKey(a.StationID)
					publish(rec)
					select {
					case <-stop:
						return
					case <-time.After(500 * time.Millisecond):
					}
				}
			}()
			defer func() { close(stop); <-sent }()
			h := newHandler(t, m, HandlerConfig{Now: time.Now})
			page := &replay{t: t, h: h, m: m} // for what it reads
			live := func() bool { dress, words := page.freshly(); return dress == "live" && words == "live" }
			told := fresh(t, serving(t, h, nil).URL)
			page.await("the page to be live", live)

			began := time.Now()
			tt.begin(o, func() { publish(newer) })
			page.await("the page to tell of the outage", func() bool { return !live() })
			t.Logf("told %v after it began", time.Since(began).Round(time.Millisecond))
			if d := time.Since(began); d > soon {
				t.Errorf("told %v after it began, want within %v", d, soon)
			}
			time.Sleep(time.Until(began.Add(time.Minute))) // the outage that is tested
			if dress, words := page.freshly(); dress != "stale" || !strings.HasPrefix(words, "last update ") {
				t.Errorf("after a minute the page is %s and says %q, want how old it is", dress, words)
			}
			tt.end(o, nil)
			ended := time.Now()
			page.await("the page to recover", live)
			t.Logf("recovered %v after it ended", time.Since(ended).Round(time.Millisecond))
			for _, want := range []string{"live", "not live", "live"} { // the last may be repeated
				for got := ""; got != want; {
					select {
					case got = <-told:
					case <-time.After(ctatest.Patience):
						t.Fatalf("the stream of an open page doesn't tell that it is %s", want)
					}
				}
			}
		})
	}
}

// fresh tells how a page that follows the stream would show itself, whenever that
// changes.
func fresh(t *testing.T, url string) <-chan string {
	t.Helper()
	r, err := http.Get(url + "/events?line=blue")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	told := make(chan string, 100)
	go func() {
		last := ""
		lines := bufio.NewScanner(r.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			var u update
			if !ok || json.Unmarshal([]byte(data), &u) != nil || u.AsOf.IsZero() {
				continue
			}
			says := "not live"
			if u.Ready && !u.Stale {
				says = "live"
			}
			if says != last {
				told <- says
			}
			last = says
		}
	}()
	return told
}

// newerReading is a reading of the weather in a record whose schema only the registry knows.
func newerReading(t *testing.T, o *outage, sys *ctatest.System, formats *consumer, at time.Time) kafka.Record {
	t.Helper()
	rec, err := formats.weather.Record(t.Context(), sys.Topics.Weather(), cta.KeyAt(at), cta.Weather{Temperature: 61, Status: cta.WeatherWindy})
	if err != nil {
		t.Fatal(err)
	}
	other, err := wire.NewRegistry(wire.RegistryConfig{URL: o.services.RegistryURL()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	newer := strings.Replace(schemas.WeatherValue, "One reading", "A reading", 1)
	id, err := other.Register(t.Context(), sys.Topics.Weather()+"-value", newer)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint32(rec.Value[1:], uint32(id))
	return rec
}
