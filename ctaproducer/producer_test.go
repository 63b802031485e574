package ctaproducer

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/servicetest"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

func newTestProducer(tb testing.TB, sys *ctatest.System, net *cta.Network, cfg ProducerConfig) *Producer {
	tb.Helper()
	cfg.Topics = sys.Topics
	p, err := NewProducer(sys.Kafka, sys.Registry, net, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := p.Prepare(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return p
}

func layouts(t *testing.T, test func(t *testing.T, sys *ctatest.System)) {
	for _, l := range []cta.Layout{cta.LayoutPerStation, cta.LayoutShared} {
		t.Run(string(l), func(t *testing.T) {
			sys := ctatest.Start(t)
			sys.Topics.Layout = l
			test(t, sys)
		})
	}
}

// read decodes every record of the topics that match.
func read[V any](tb testing.TB, sys *ctatest.System, match kafka.Match, format wire.Records[cta.Key, V], each func(kafka.Record, cta.Key, V)) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), ctatest.Patience)
	defer cancel()
	err := sys.Kafka.Read(ctx, kafka.ReadConfig{Match: match, StopAtEnd: true},
		func(ctx context.Context, r kafka.Record) error {
			k, v, err := format.Decode(ctx, r)
			if err != nil {
				return err
			}
			each(r, k, v)
			return nil
		})
	if err != nil || ctx.Err() != nil {
		tb.Fatalf("reading: %v, %v", err, ctx.Err())
	}
}

func TestEventsGoToTheirStationsTopics(t *testing.T) {
	layouts(t, func(t *testing.T, sys *ctatest.System) {
		net := cta.Chicago()
		metrics := prometheus.NewRegistry()
		p := newTestProducer(t, sys, net, ProducerConfig{Metrics: metrics})
		at := DefaultStart(net)
		const lake = 40380

		if last, err := p.LastEvent(t.Context()); !last.IsZero() || err != nil {
			t.Errorf("last event of empty topics: %v, %v", last, err)
		}
		s, err := p.Station(lake)
		if err != nil {
			t.Fatal(err)
		}
		gates, err := p.Turnstile(lake)
		if err != nil {
			t.Fatal(err)
		}
		prev, direction := 41340, cta.DirectionB
		arrival := cta.Arrival{StationID: lake, TrainID: "BL001", Direction: direction, Line: "blue",
			TrainStatus: cta.TrainInService, PrevStationID: &prev, PrevDirection: &direction}
		if err := s.Run(t.Context(), at, arrival); err != nil {
			t.Fatal(err)
		}
		if err := gates.Run(t.Context(), at.Add(1500*time.Microsecond), "green", 3); err != nil {
			t.Fatal(err)
		}
		if err := gates.Run(t.Context(), at, "blue", 0); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}

		var arrived []cta.Arrival
		read(t, sys, sys.Topics.IsArrivals, p.arrivals, func(r kafka.Record, k cta.Key, a cta.Arrival) {
			if r.Topic != sys.Topics.Arrivals(net.Station(lake)) || !k.Time().Equal(at) || time.Since(r.Time) > time.Hour {
				t.Errorf("arrival in %s with key %v and time %v", r.Topic, k.Time(), r.Time)
			}
			arrived = append(arrived, a)
		})
		if d := cmp.Diff([]cta.Arrival{arrival}, arrived); d != "" {
			t.Errorf("arrivals (-want +got):\n%s", d)
		}
		var entered []cta.TurnstileEntry
		read(t, sys, sys.Topics.IsTurnstiles, p.turnstiles, func(r kafka.Record, k cta.Key, e cta.TurnstileEntry) {
			if r.Topic != sys.Topics.Turnstiles(net.Station(lake)) || k.Timestamp != at.UnixMilli()+1 {
				t.Errorf("entry in %s with key %v", r.Topic, k.Time())
			}
			entered = append(entered, e)
		})
		want := cta.TurnstileEntry{StationID: lake, StationName: "Clark/Lake", Line: "green"}
		if d := cmp.Diff([]cta.TurnstileEntry{want, want, want}, entered); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}
		if last, err := p.LastEvent(t.Context()); !last.Equal(at.Add(time.Millisecond)) || err != nil {
			t.Errorf("last event at %v, %v", last, err)
		}
		sys.Send(kafka.Record{Topic: sys.Topics.Turnstiles(net.Station(lake)), Key: []byte("?"), Value: []byte("?"), PartitionBy: cta.PartitionKey(lake)})
		if last, err := p.LastEvent(t.Context()); !last.Equal(at) || err != nil {
			t.Errorf("last event before a record that is none: %v, %v", last, err)
		}

		// One sensor's clock is wrong: in its unit, or by an hour.
		key, err := p.arrivals.Key.Encode(t.Context(), sys.Topics.Arrivals(net.Station(lake)), cta.KeyAt(at))
		if err != nil {
			t.Fatal(err)
		}
		sys.Send(kafka.Record{Topic: sys.Topics.Turnstiles(net.Station(lake)), Key: key, Value: []byte("?"), PartitionBy: cta.PartitionKey(lake)})
		for _, wrong := range []cta.Key{{Timestamp: at.UnixMicro()}, cta.KeyAt(at.Add(time.Hour))} {
			key, err := p.arrivals.Key.Encode(t.Context(), sys.Topics.Arrivals(net.Station(40890)), wrong)
			if err != nil {
				t.Fatal(err)
			}
			sys.Send(kafka.Record{Topic: sys.Topics.Arrivals(net.Station(40890)), Key: key, Value: []byte("?"), PartitionBy: cta.PartitionKey(40890)})
			if last, err := p.LastEvent(t.Context()); !last.Equal(at) || err != nil {
				t.Errorf("last event beside a key of %d: %v, %v, want %v", wrong.Timestamp, last, err, at)
			}
		}

		families, err := metrics.Gather()
		if err != nil || len(families) != 1 || families[0].Metric[0].Counter.GetValue()+families[0].Metric[1].Counter.GetValue() != 4 {
			t.Errorf("metrics %v, %v", families, err)
		}
	})
}

func TestPrepareMayBeCalledByManyAtOnce(t *testing.T) {
	sys := ctatest.Start(t)
	net := smallTown(t)
	p := newTestProducer(t, sys, net, ProducerConfig{})
	errs := make(chan error, 3)
	for range cap(errs) {
		go func() { errs <- p.Prepare(t.Context()) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	names, err := sys.Kafka.Topics(t.Context(), func(name string) bool { return strings.HasPrefix(name, sys.Topics.Prefix) })
	if want := 2*len(net.Stations) + 3; err != nil || len(names) != want {
		t.Errorf("%d topics, %v; want %d: %q", len(names), err, want, names)
	}
}

func TestTopicsAreNamedOnce(t *testing.T) {
	sys := ctatest.Start(t)
	topics := sys.Topics
	topics.Layout = cta.LayoutShared
	p := newTestProducer(t, sys, smallTown(t), ProducerConfig{})
	if names := p.topicNames(topics.Arrivals); len(names) != 1 {
		t.Errorf("the shared layout has %q for arrivals, want one topic", names)
	}
}

func TestWrongEventsAreRefused(t *testing.T) {
	sys := ctatest.Start(t)
	p := newTestProducer(t, sys, smallTown(t), ProducerConfig{})
	st := p.net.Stations[0]
	s, err := p.Station(st.ID)
	if err != nil {
		t.Fatal(err)
	}
	gates, err := p.Turnstile(st.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, noStation := p.Station(-1)
	_, noTurnstile := p.Turnstile(-1)
	for _, c := range []struct {
		err  error
		want string
	}{
		{noStation, "no station -1"},
		{noTurnstile, "no station -1"},
		{s.Run(t.Context(), morning, cta.Arrival{StationID: st.ID + 1}), "passed to station " + st.Slug()},
		{s.Run(t.Context(), morning, cta.Arrival{StationID: st.ID, TrainStatus: "late"}), "arrival at " + st.Slug()},
		{gates.Run(t.Context(), morning, "ghost", 1), `line is "ghost", want one of ` + st.Lines[0]},
		{gates.Run(t.Context(), morning, st.Lines[0], -1), "entries is -1"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v doesn't say %q", c.err, c.want)
		}
	}

	_, err = NewProducer(sys.Kafka, sys.Registry, p.net, ProducerConfig{Topics: cta.Topics{Layout: "odd"}, Partitions: -1, MaxBuffered: -1})
	for _, want := range []string{`layout is "odd"`, "Partitions is -1", "MaxBuffered is -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v doesn't say %q", err, want)
		}
	}
	if _, err := NewProducer(nil, nil, nil, ProducerConfig{}); err == nil {
		t.Error("a producer of nothing")
	}
}

func TestSimulatedHalfHourIsInTheTopics(t *testing.T) {
	length := 30 * time.Minute
	if race.Enabled {
		length = 10 * time.Minute
	}
	layouts(t, func(t *testing.T, sys *ctatest.System) {
		p := newTestProducer(t, sys, cta.Chicago(), ProducerConfig{})
		w, err := NewWeather(sys.RESTProxyURL, sys.Topics, WeatherConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer http.DefaultClient.CloseIdleConnections()
		sink := NewEmitter(p, w)
		s := newTestSimulation(t, p.net, SimulationConfig{Seed: 5, For: length, Speed: math.Inf(1)})
		sum, err := s.Run(t.Context(), sink)
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}

		var got SimulationSummary
		inOrder := make(map[int]int64) // by station, the time of the latest entry
		read(t, sys, sys.Topics.IsArrivals, p.arrivals, func(_ kafka.Record, k cta.Key, a cta.Arrival) {
			got.count(&Event{At: k.Time(), Kind: EventArrival, Arrival: a})
		})
		read(t, sys, sys.Topics.IsTurnstiles, p.turnstiles, func(_ kafka.Record, k cta.Key, e cta.TurnstileEntry) {
			if k.Timestamp < inOrder[e.StationID] {
				t.Fatalf("entries of station %d are out of order", e.StationID)
			}
			inOrder[e.StationID] = k.Timestamp
			got.count(&Event{At: k.Time(), Kind: EventEntry, Entry: e})
		})
		read(t, sys, kafka.Names(sys.Topics.Weather()), p.weather, func(_ kafka.Record, k cta.Key, w cta.Weather) {
			got.count(&Event{At: k.Time(), Kind: EventWeather, Weather: w})
		})
		want := SimulationSummary{Arrivals: sum.Arrivals, Entries: sum.Entries, Readings: sum.Readings}
		got.To = time.Time{}
		if d := cmp.Diff(want, got); d != "" || want.Readings != int64(length/(5*time.Minute)) {
			t.Errorf("events in the topics (-summary +topics):\n%s", d)
		}
	})
}

// A proxy that is away holds nothing up but the weather, which comes later.
func TestEmitterOutlastsTheProxy(t *testing.T) {
	var away atomic.Bool
	var posts atomic.Int32
	away.Store(true)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		posts.Add(1)
		w.Header().Set("Content-Type", "application/vnd.kafka.v2+json")
		_, _ = w.Write([]byte(`{"key_schema_id":1,"value_schema_id":2,"offsets":[{"partition":0,"offset":0}]}`))
	}))
	defer proxy.Close()
	sys := ctatest.Start(t)
	p := newTestProducer(t, sys, smallTown(t), ProducerConfig{})
	w, err := NewWeather(proxy.URL, sys.Topics, WeatherConfig{Wait: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	e := NewEmitter(p, w)
	for i := range 10 {
		if err := e.Observe(t.Context(), morning.Add(time.Duration(i)*time.Minute), sunny); err != nil {
			t.Fatal(err)
		}
	}
	away.Store(false)
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := e.Observe(t.Context(), morning, sunny); err == nil {
		t.Error("a closed emitter takes a reading")
	}
	if n := posts.Load(); n != 10 {
		t.Errorf("%d readings posted, want 10", n)
	}
}

// The proxy, its brokers or its registry are away for longer than Wait: a reading waits, and
// isn't counted as failed.
func TestEmitterWaitsForTheProxy(t *testing.T) {
	type refusal struct {
		status int
		body   string
	}
	for name, refusals := range map[string][]refusal{
		"a record's code in a success": {{200, `{"offsets":[{"partition":null,"offset":null,"error_code":50003,"error":"not the leader"}],"key_schema_id":1,"value_schema_id":2}`}},
		"the manual's code":            {{200, `{"offsets":[{"partition":null,"offset":null,"error_code":2,"error":"not the leader"}]}`}},
		"the registry is away":         {{422, `{"error_code":42207,"message":"Error serializing message: Connection refused"}`}},
		"back before its registry, and doesn't say why": {{503, "no proxy here"}, {503, "no proxy here"},
			{408, `{"error_code":40801,"message":"Error when registering schema. format = AVRO, subject = weather-value"}`},
			{422, `{"error_code":42207,"message":"Error serializing message"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			const times = 4
			var n atomic.Int32
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if i := int(n.Add(1)) - 1; i < times {
					r := refusals[i%len(refusals)]
					w.WriteHeader(r.status)
					_, _ = w.Write([]byte(r.body))
					return
				}
				_, _ = w.Write([]byte(`{"offsets":[{"partition":0,"offset":0}]}`))
			}))
			defer proxy.Close()
			metrics := prometheus.NewRegistry()
			w, err := NewWeather(proxy.URL, cta.Topics{}, WeatherConfig{Wait: time.Nanosecond, Metrics: metrics})
			if err != nil {
				t.Fatal(err)
			}
			w.proxy.Clock, _ = servicetest.FakeClock()
			e := NewEmitter(nil, w)
			if err := e.Observe(t.Context(), morning, sunny); err != nil {
				t.Fatal(err)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			want := map[string]float64{
				"ctalive_weather_readings_total failed": 0, "ctalive_weather_readings_total posted": 1, "ctalive_weather_retries_total": times,
			}
			if d := cmp.Diff(want, counts(t, metrics)); d != "" {
				t.Errorf("metrics (-want +got):\n%s", d)
			}
		})
	}
}

func TestEmitterReturnsARefusal(t *testing.T) {
	answer := make(chan struct{})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-answer
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"error_code":42205,"message":"bad schema"}`))
	}))
	defer proxy.Close()
	sys := ctatest.Start(t)
	p := newTestProducer(t, sys, smallTown(t), ProducerConfig{})
	metrics := prometheus.NewRegistry()
	w, err := NewWeather(proxy.URL, sys.Topics, WeatherConfig{Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	behind := NewEmitter(p, w)
	for range 4 {
		if err := behind.Observe(t.Context(), morning, sunny); err != nil {
			t.Fatal(err)
		}
	}
	close(answer)
	if err := behind.Close(); err == nil || !strings.Contains(err.Error(), "and 3 after it") {
		t.Errorf("Close returned %v, want how many readings are lost", err)
	}
	if n := counts(t, metrics)["ctalive_weather_readings_total failed"]; n != 4 {
		t.Errorf("%v readings are counted as failed, want 4", n)
	}
	e := NewEmitter(p, w)
	for i := 0; err == nil && i < 10*maxReadings; i++ {
		err = e.Observe(t.Context(), morning, sunny)
	}
	if err == nil || !strings.Contains(err.Error(), "bad schema") {
		t.Errorf("Observe returned %v", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("Close returned %v, which was told before", err)
	}

	untold := NewEmitter(p, w)
	if err := untold.Observe(t.Context(), morning, sunny); err != nil {
		t.Fatal(err)
	}
	if err := untold.Close(); err == nil || !strings.Contains(err.Error(), "bad schema") {
		t.Errorf("Close returned %v", err)
	}
}

// Readings that a closing emitter leaves behind are an error that nobody takes for
// the end of his own context.
func TestEmitterTellsWhatItLeavesBehind(t *testing.T) {
	sys := ctatest.Start(t)
	p := newTestProducer(t, sys, smallTown(t), ProducerConfig{})
	w, err := NewWeather("http://127.0.0.1:1", sys.Topics, WeatherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	e := NewEmitter(p, w)
	for range 3 {
		if err := e.Observe(t.Context(), morning, sunny); err != nil {
			t.Fatal(err)
		}
	}
	err = e.Close()
	if err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "3 weather readings not posted") {
		t.Errorf("Close returned %v", err)
	}
	t.Log(err)
}

// One entry after the other, each from its own call, into the embedded broker.
func BenchmarkTurnstileRun(b *testing.B) {
	sys := ctatest.Start(b)
	p := newTestProducer(b, sys, cta.Chicago(), ProducerConfig{})
	var gates []*Turnstile
	for _, s := range p.net.Stations {
		t, err := p.Turnstile(s.ID)
		if err != nil {
			b.Fatal(err)
		}
		gates = append(gates, t)
	}
	slices.SortFunc(gates, func(x, y *Turnstile) int { return x.station.ID*31%97 - y.station.ID*31%97 })
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		t := gates[i%len(gates)]
		if err := t.Run(b.Context(), morning.Add(time.Duration(i)*time.Millisecond), t.station.Lines[0], 1); err != nil {
			b.Fatal(err)
		}
		i++
	}
	if err := p.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// A simulated day into the embedded broker of this process.
func BenchmarkDayEmitted(b *testing.B) {
	var events int64
	for b.Loop() {
		sys := ctatest.Start(b)
		p := newTestProducer(b, sys, cta.Chicago(), ProducerConfig{})
		w, err := NewWeather(sys.RESTProxyURL, sys.Topics, WeatherConfig{})
		if err != nil {
			b.Fatal(err)
		}
		sink := NewEmitter(p, w)
		s := newTestSimulation(b, p.net, SimulationConfig{Seed: 1, For: 24 * time.Hour, Speed: math.Inf(1)})
		sum, err := s.Run(b.Context(), sink)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := sink.Close(); err != nil {
			b.Fatal(err)
		}
		events += sum.Total()
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
