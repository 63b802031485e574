package ctaweb

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/logtest"
	"github.com/seed-921eec07/ctalive/schemas"
)

// consuming runs Consume on sys until the test ends, or until stop is called.
func consuming(t *testing.T, sys *ctatest.System, m *Model, cfg ConsumeConfig) (stop func()) {
	t.Helper()
	cfg.Refresh = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Consume(ctx, sys.Kafka, sys.Registry, sys.Topics, m, cfg) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Consume: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// await waits until the model is as wanted.
func await(t *testing.T, sys *ctatest.System, m *Model, what string, check func(*Status) (string, bool)) {
	t.Helper()
	sys.Await(what, func(context.Context) (string, bool, error) {
		state, ok := check(m.Status(time.Now()))
		return state, ok, nil
	})
}

// summary is what a record of the summary's topic says.
func summary(sys *ctatest.System, value string) kafka.Record {
	return kafka.Record{Topic: sys.Topics.TurnstileSummary(), Key: []byte("40890"), Value: []byte(value)}
}

func table(sys *ctatest.System, key, value string) kafka.Record {
	r := kafka.Record{Topic: sys.Topics.StationsTable(), Key: []byte(key)}
	if value != "" {
		r.Value = []byte(value)
	}
	return r
}

func ensureTables(t *testing.T, sys *ctatest.System) {
	t.Helper()
	err := sys.Kafka.EnsureTopics(t.Context(),
		kafka.TableTopic(sys.Topics.StationsTable(), 1), kafka.TableTopic(sys.Topics.TurnstileSummary(), 1))
	if err != nil {
		t.Fatal(err)
	}
}

func TestConsume(t *testing.T) {
	for _, layout := range []cta.Layout{cta.LayoutPerStation, cta.LayoutShared} {
		t.Run(string(layout), func(t *testing.T) {
			sys := ctatest.Start(t)
			sys.Topics.Layout = layout
			net := cta.Chicago()
			first, second := net.Station(ohare), net.Station(rosemont)
			ensureTables(t, sys)
			sys.Observe(ctatest.At(8, 0), cta.Weather{Temperature: 61, Status: cta.WeatherWindy})
			sys.Arrive(ctatest.At(8, 0), ctatest.Arrival(first, "blue", "1"))
			sys.Send(
				summary(sys, `{"STATION_ID":40890,"COUNT":7}`),
				table(sys, "40890/blue", `{"station_id":40890,"station_name":"O'Hare Airport","order":0,"line":"blue"}`),
				table(sys, "40230/blue", ""),
				table(sys, "40750/blue", "null"),
			)
			m := NewModel(net)
			consuming(t, sys, m, ConsumeConfig{})
			await(t, sys, m, "the model to be ready", func(st *Status) (string, bool) { return st.Reason, st.Ready })
			st := m.Status(time.Now())
			blue := st.Lines[1]
			got := []any{st.Weather.Temperature, blue.Stations[0].Name, blue.Stations[0].Entries, blue.Stations[2].Name, where(st)}
			want := []any{float32(61), "O'Hare Airport", int64(7), "Jefferson Park", "1 a at 40890"}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("what was there (-want +got):\n%s", d)
			}
			// Rosemont's topic may be one that appears now.
			sys.Arrive(ctatest.At(8, 3), ctatest.ArrivalFrom(first, second, cta.DirectionA, "blue", "1"))
			sys.Send(summary(sys, `{"COUNT":9}`))
			await(t, sys, m, "the train to go on", func(st *Status) (string, bool) {
				return where(st), where(st) == "1 a at 40820"
			})
			await(t, sys, m, "the count to grow", func(st *Status) (string, bool) {
				return "", st.Lines[1].Stations[0].Entries == 9
			})
		})
	}
}

// What can't be read is counted, logged once for each reason and topic, and the
// rest flows on.
func TestConsumeSkipsWhatCannotBeRead(t *testing.T) {
	sys := ctatest.Start(t)
	net := cta.Chicago()
	ensureTables(t, sys)
	station := net.Station(ohare)
	sys.Arrive(ctatest.At(8, 0), ctatest.Arrival(station, "blue", "1"))
	sys.Observe(ctatest.At(8, 0), cta.Weather{Temperature: 61, Status: cta.WeatherWindy})
	odd := ctatest.Arrival(station, "blue", "2")
	odd.Direction = "sideways"
	sys.Arrive(ctatest.At(8, 0), odd)
	for _, name := range []string{"Blue", "Blue Line"} {
		sys.Arrive(ctatest.At(8, 0), ctatest.Arrival(station, name, "3"))
		sys.Arrive(ctatest.At(8, 0), ctatest.Arrival(net.Station(rosemont), name, "3"))
	}
	strange := sys.AwaitRecords(sys.Topics.Arrivals(net.Station(rosemont)), 2)[0]
	strange.Topic = sys.Topics.Arrivals(station)
	sys.Send(strange)
	sys.Observe(ctatest.At(8, 2), cta.Weather{Temperature: 185, Status: cta.WeatherSunny}) // a sensor that just started
	arrivals := sys.Topics.Arrivals(station)
	sys.Send(
		kafka.Record{Topic: arrivals, Key: []byte("?"), Value: []byte("?")},
		kafka.Record{Topic: arrivals, Key: []byte("?"), Value: []byte("?")},
		kafka.Record{Topic: arrivals},
		kafka.Record{Topic: sys.Topics.Weather(), Key: []byte{1, 2, 3}, Value: []byte{}},
		table(sys, "not a key", ""),
		table(sys, "1/blue", "not JSON"),
		table(sys, "1/blue", `{"station_id":1,"station_name":"`+strings.Repeat("x", maxText+1)+`","line":"blue"}`),
		summary(sys, `{"COUNT":"many"}`),
		summary(sys, `{"COUNT":3}`),
	)
	predicted := func(made int64, stops ...cta.PredictedStop) kafka.Record {
		var formats consumer
		if err := formats.formats(sys.Registry); err != nil {
			t.Fatal(err)
		}
		rec, err := formats.predictions.Record(t.Context(), sys.Topics.Predictions(), cta.PredictionKey{TrainID: "1"}, cta.Prediction{Line: "blue", Made: made, Stops: stops})
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(sys.Topics.Predictions(), 1)); err != nil {
		t.Fatal(err)
	}
	tombstone := predicted(0)
	tombstone.Value = nil // it is no fault
	made := ctatest.At(8, 2).UnixMilli()
	foretold := cta.PredictedStop{StationID: rosemont, Direction: cta.DirectionA, At: made}
	sys.Send(predicted(math.MaxInt64), predicted(time.Now().Unix()), tombstone, predicted(made, foretold))
	sys.Arrive(ctatest.At(8, 3), ctatest.Arrival(net.Station(rosemont), "blue", "1"))

	var log logtest.Buffer
	reg := prometheus.NewRegistry()
	m := NewModel(net)
	for i := range 4000 { // as many trains as a tracker takes predictions of
		if err := m.ApplyPrediction(cta.Prediction{TrainID: fmt.Sprint("train ", i), Line: "blue", Made: made, Stops: []cta.PredictedStop{foretold}}); err != nil {
			t.Fatal(err)
		}
	}
	stop := consuming(t, sys, m, ConsumeConfig{Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: reg})
	await(t, sys, m, "the model to be ready", func(st *Status) (string, bool) { return st.Reason, st.Ready })
	// Three minutes were an instant, so that the train may have gone on meanwhile.
	if got := where(m.Status(time.Now())); got != "1 a at 40820" && got != "1 a approaching 40230" {
		t.Errorf("trains: %s", got)
	}
	if w := m.Status(time.Now()).Weather; w == nil || w.Temperature != 61 {
		t.Errorf("the weather is %+v, want 61 °F", w)
	}
	stop()
	if got := sum(t, reg, "ctalive_web_unreadable_records_total"); got != 18 {
		t.Errorf("%v unreadable records were counted, want 18", got)
	}
	if n := strings.Count(log.String(), "record skipped"); n < 8 || n > 13 {
		t.Errorf("%d records were logged, want one for each reason and topic:\n%s", n, log.String())
	}
	for reason, want := range map[string]int{"not in this network": 1, "wrong topic": 1} { // the first is in two topics
		if n := strings.Count(log.String(), fmt.Sprintf("reason=%q", reason)); n != want {
			t.Errorf("%s: %d records were logged, want %d:\n%s", reason, n, want, log.String())
		}
	}
}

func TestConsumeRefusesWrongSettings(t *testing.T) {
	err := Consume(t.Context(), nil, nil, cta.Topics{}, NewModel(cta.Chicago()), ConsumeConfig{ArrivalsBack: time.Second, Refresh: time.Hour})
	want := "ctaweb: consume: ArrivalsBack is 1s, want 1m to 24h\nRefresh is 1h0m0s, want 10ms to 1m"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// sum is the sum of a counter's or gauge's series.
func sum(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var total float64
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return total
}

// The station whose clock is wrong is named, by a metric and in one line of the log;
// a page that is started again finds it out at once. Impossible times are skipped.
func TestConsumeNamesWrongClocks(t *testing.T) {
	sys := ctatest.Start(t)
	ensureTables(t, sys)
	net := cta.Chicago()
	keys, err := wire.AvroKey[cta.Key](sys.Registry, schemas.ArrivalKey)
	if err != nil {
		t.Fatal(err)
	}
	stations := []int{ohare, rosemont, cumberland, 40750}
	arrivals := map[int]kafka.Record{}
	for _, id := range stations {
		st := net.Station(id)
		sys.Arrive(time.Now(), ctatest.Arrival(st, "blue", fmt.Sprint(id)))
		arrivals[id] = sys.Read(sys.Topics.Arrivals(st))[0]
	}
	send := func(id int, event, sent time.Time) {
		key, err := keys.Encode(t.Context(), arrivals[id].Topic, cta.KeyAt(event))
		if err != nil {
			t.Fatal(err)
		}
		sys.Send(kafka.Record{Topic: arrivals[id].Topic, Key: key, Value: arrivals[id].Value, Time: sent})
	}
	hour := time.Now().Add(-time.Hour)
	for i := range 30 {
		for _, id := range stations {
			at := hour.Add(time.Duration(i) * 2 * time.Minute)
			if id == cumberland {
				send(id, at.Add(-7*time.Minute), at)
			} else {
				send(id, at, at)
			}
		}
	}
	send(rosemont, time.UnixMilli(time.Now().UnixMicro()), time.Now())
	send(rosemont, time.UnixMilli(time.Now().Unix()), time.Now())
	for _, name := range []string{"started", "started again"} {
		var log logtest.Buffer
		reg := prometheus.NewRegistry()
		m := NewModel(net)
		stop := consuming(t, sys, m, ConsumeConfig{Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: reg})
		await(t, sys, m, "the model to be ready", func(st *Status) (string, bool) { return st.Reason, st.Ready })
		if off := time.Since(m.Status(time.Now()).AsOf); off.Abs() > 2*time.Second {
			t.Errorf("%s: the clock is off by %v", name, off)
		}
		stop()
		if got := sum(t, reg, "ctalive_web_wrong_clock"); got != 1 {
			t.Errorf("%s: %v stations are said to have wrong clocks, want 1", name, got)
		}
		if n := strings.Count(log.String(), "the clock of a station is wrong"); n != 1 || !strings.Contains(log.String(), "station=40230") {
			t.Errorf("%s: %d lines on wrong clocks, want 1, of station 40230:\n%s", name, n, log.String())
		}
		if got := sum(t, reg, "ctalive_web_unreadable_records_total"); got != 2 {
			t.Errorf("%s: %v records were skipped, want 2 impossible times", name, got)
		}
	}
}

// What a model refuses for good is a skipped record with its reason; what it knows, or what
// isn't of its network, is none.
func TestRefused(t *testing.T) {
	for err, want := range map[error]string{
		nil: "", live.ErrKnown: "", live.ErrOld: "", live.ErrUnknown: "",
		fmt.Errorf("%w: a name", live.ErrInvalid): "impossible value",
		fmt.Errorf("%w: 20000", live.ErrFull):     "too many",
	} {
		if reason, got := refused(err); reason != want || (want != "") != (got != nil) {
			t.Errorf("%v is %q, %v, want %q", err, reason, got, want)
		}
	}
}
