package ctastream_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/ctastream"
)

// poison is what no reader of Avro can read, by the reason that it is given.
func poison(t *testing.T, sys *ctatest.System) map[string][]byte {
	t.Helper()
	id, err := sys.Registry.Register(t.Context(), sys.Topics.Prefix+"poison-value",
		`{"type":"record","name":"bad","fields":[{"name":"a","type":{"type":"array","items":"long"}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"null":                     nil,
		"too short":                {0, 0},
		"wrong magic byte":         []byte("random bytes"),
		"unknown schema id":        {0, 0x7f, 0, 0, 1, 2, 3},
		"schema that does not fit": append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), 0),
	}
}

// letters returns the reasons and origins of the dead letters, sorted.
func letters(t *testing.T, records []kafka.Record) (reasons, origins []string) {
	t.Helper()
	for _, r := range records {
		h := make(map[string]string)
		for _, x := range r.Headers {
			h[x.Key] = string(x.Value)
		}
		if h["error"] == "" {
			t.Errorf("dead letter %v has no error", h)
		}
		reasons = append(reasons, h["reason"])
		origins = append(origins, h["topic"]+"/"+h["partition"]+"/"+h["offset"])
	}
	slices.Sort(reasons)
	slices.Sort(origins)
	return reasons, origins
}

func TestPoisonedEntriesDontStopTheCount(t *testing.T) {
	for _, layout := range []cta.Layout{cta.LayoutPerStation, cta.LayoutShared} {
		t.Run(string(layout), func(t *testing.T) {
			sys := ctatest.Start(t)
			sys.Topics.Layout = layout
			metrics := prometheus.NewRegistry()
			cfg := testConfig(sys)
			cfg.Metrics = metrics
			lake, western := cta.Chicago().Station(40380), cta.Chicago().Station(40670)
			sys.Enter(ctatest.At(7, 30), lake, 2)
			sys.Enter(ctatest.At(7, 30), western, 1)

			var want, origins []string
			var bad []kafka.Record
			for reason, value := range poison(t, sys) {
				want = append(want, reason)
				bad = append(bad, kafka.Record{Topic: sys.Topics.Turnstiles(lake), Key: []byte("k"), Value: value, PartitionBy: cta.PartitionKey(lake.ID)})
			}
			// An entry of another station is fine, but not here.
			stray := sys.Read(sys.Topics.Turnstiles(western))
			stray = slices.DeleteFunc(stray, func(r kafka.Record) bool {
				return layout == cta.LayoutShared && r.Partition != kafka.PartitionOf(cta.PartitionKey(western.ID), ctatest.SharedPartitions)
			})
			bad = append(bad, kafka.Record{Topic: sys.Topics.Turnstiles(lake), Key: stray[0].Key, Value: stray[0].Value, PartitionBy: cta.PartitionKey(lake.ID)})
			want = append(want, map[cta.Layout]string{cta.LayoutPerStation: "wrong topic", cta.LayoutShared: "wrong partition"}[layout])
			slices.Sort(want)
			sys.Send(bad...)
			sys.Enter(ctatest.At(7, 31), lake, 3)

			stop := startSummary(t, sys, cfg)
			sys.AwaitCount(lake, 5)
			stop()
			startSummary(t, sys, cfg) // starts behind the bad ones
			sys.Enter(ctatest.At(7, 32), lake, 1)
			sys.AwaitCount(lake, 6)
			sys.AwaitCount(western, 1)

			got, from := letters(t, sys.AwaitRecords(sys.Topics.DeadLetter(), len(bad)))
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("reasons (-want +got):\n%s", d)
			}
			p := int32(0)
			if layout == cta.LayoutShared {
				p = kafka.PartitionOf(cta.PartitionKey(lake.ID), ctatest.SharedPartitions)
			}
			for i := range bad {
				origins = append(origins, sys.Topics.Turnstiles(lake)+"/"+strconv.Itoa(int(p))+"/"+strconv.Itoa(2+i))
			}
			if d := cmp.Diff(origins, from); d != "" {
				t.Errorf("origins (-want +got):\n%s", d)
			}
			if n := deadLetters(t, metrics); n != len(bad) {
				t.Errorf("%d dead letters counted, want %d", n, len(bad))
			}
		})
	}
}

// deadLetters returns the sum of the metric over all topics and reasons.
func deadLetters(t *testing.T, reg *prometheus.Registry) (n int) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "ctalive_stream_dead_letters_total" {
			for _, m := range f.GetMetric() {
				n += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}

func TestInspectorFindsPoison(t *testing.T) {
	sys := ctatest.Start(t)
	lake := cta.Chicago().Station(40380)
	sys.Arrive(ctatest.At(8, 0), ctatest.Arrival(lake, "blue", "1"))
	sys.Observe(ctatest.At(8, 0), cta.Weather{Temperature: 60, Status: cta.WeatherSunny})
	good := map[string]kafka.Record{
		sys.Topics.Arrivals(lake): sys.Read(sys.Topics.Arrivals(lake))[0],
		sys.Topics.Weather():      sys.Read(sys.Topics.Weather())[0],
	}

	var want []string
	var bad []kafka.Record
	for reason, value := range poison(t, sys) {
		for topic, r := range good {
			bad = append(bad, kafka.Record{Topic: topic, Key: r.Key, Value: value})
			want = append(want, reason)
		}
	}
	for topic, r := range good {
		bad = append(bad, kafka.Record{Topic: topic, Key: []byte("bad key"), Value: r.Value})
		want = append(want, "wrong magic byte")
	}
	slices.Sort(want)
	x, err := ctastream.NewInspector(sys.Kafka, sys.Registry, testConfig(sys))
	stop := start(t, x, err)
	sys.Send(bad...)
	got, _ := letters(t, sys.AwaitRecords(sys.Topics.DeadLetter(), len(bad)))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("reasons (-want +got):\n%s", d)
	}
	stop()
	x, err = ctastream.NewInspector(sys.Kafka, sys.Registry, testConfig(sys))
	start(t, x, err)
	sys.Send(bad[0])
	sys.AwaitRecords(sys.Topics.DeadLetter(), len(bad)+1)
	if n := len(sys.Read(sys.Topics.DeadLetter())); n != len(bad)+1 {
		t.Errorf("%d dead letters, want %d", n, len(bad)+1)
	}
}

// A worker whose positions are lost, as those of another group are to begin with, reads
// everything again. Records that have their dead letter get no other.
func TestOneLetterThoughPositionsAreLost(t *testing.T) {
	lake := cta.Chicago().Station(40380)
	for _, tt := range []struct {
		name  string
		good  func(sys *ctatest.System)
		topic func(cta.Topics) string
		new   func(sys *ctatest.System, cfg ctastream.Config) (runner, error)
	}{
		{"entries", func(sys *ctatest.System) { sys.Enter(ctatest.At(8, 0), lake, 1); sys.AwaitCount(lake, 1) },
			func(topics cta.Topics) string { return topics.Turnstiles(lake) },
			func(sys *ctatest.System, cfg ctastream.Config) (runner, error) {
				return ctastream.NewTurnstileSummary(sys.Kafka, sys.Registry, cfg)
			}},
		{"rows", func(sys *ctatest.System) { sys.SendRows(row(1, 40380, 7, "blue")) }, cta.Topics.Stations,
			func(sys *ctatest.System, cfg ctastream.Config) (runner, error) {
				return ctastream.NewStationTransformer(sys.Kafka, nil, cfg)
			}},
		{"weather", func(sys *ctatest.System) {
			sys.Observe(ctatest.At(8, 0), cta.Weather{Temperature: 60, Status: cta.WeatherSunny})
		},
			cta.Topics.Weather,
			func(sys *ctatest.System, cfg ctastream.Config) (runner, error) {
				return ctastream.NewInspector(sys.Kafka, sys.Registry, cfg)
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sys := ctatest.Start(t)
			bad := kafka.Record{Topic: tt.topic(sys.Topics), Key: []byte("k"), Value: []byte("bad"), PartitionBy: cta.PartitionKey(lake.ID)}
			cfg := testConfig(sys)
			w, err := tt.new(sys, cfg)
			stop := start(t, w, err)
			tt.good(sys)
			sys.Send(bad, bad) // nothing good follows: no count tells that they were dealt with
			sys.AwaitRecords(sys.Topics.DeadLetter(), 2)
			stop()

			cfg.Group += "-that-knows-nothing"
			w, err = tt.new(sys, cfg)
			stop = start(t, w, err)
			sys.Send(bad)
			sys.AwaitRecords(sys.Topics.DeadLetter(), 3)
			stop()
			_, origins := letters(t, sys.Read(sys.Topics.DeadLetter()))
			if d := cmp.Diff(slices.Compact(slices.Clone(origins)), origins); d != "" || len(origins) != 3 {
				t.Errorf("origins of the dead letters are %q, want three different ones", origins)
			}
		})
	}
}

// Letters of another topic that had the name, and of records that the cluster has lost
// since, say nothing of the records that are there now.
func TestLettersOfWhatIsGoneDontCount(t *testing.T) {
	sys := ctatest.Start(t)
	sys.Observe(ctatest.At(8, 0), cta.Weather{Temperature: 60, Status: cta.WeatherSunny})
	letter := func(offset string, more ...kafka.Header) kafka.Record {
		return kafka.Record{Topic: sys.Topics.DeadLetter(), Value: []byte("bad"), Headers: append(more,
			kafka.Header{Key: "topic", Value: []byte(sys.Topics.Weather())}, kafka.Header{Key: "partition", Value: []byte("0")},
			kafka.Header{Key: "offset", Value: []byte(offset)}, kafka.Header{Key: "reason", Value: []byte("r")}, kafka.Header{Key: "error", Value: []byte("e")})}
	}
	bad := kafka.Record{Topic: sys.Topics.Weather(), Key: []byte("k"), Value: []byte("bad")}
	sys.Send(bad)
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(sys.Topics.DeadLetter(), 1)); err != nil {
		t.Fatal(err)
	}
	sys.Send(letter("1", kafka.Header{Key: "topic-id", Value: []byte("another")}))
	x, err := ctastream.NewInspector(sys.Kafka, sys.Registry, testConfig(sys))
	stop := start(t, x, err)
	sys.AwaitRecords(sys.Topics.DeadLetter(), 2)
	stop()

	sys.Send(letter("10"))
	x, err = ctastream.NewInspector(sys.Kafka, sys.Registry, testConfig(sys))
	start(t, x, err)
	sys.Await("the inspector", func(context.Context) (string, bool, error) {
		err := x.Ready()
		return fmt.Sprint(err), err == nil, nil
	})
	sys.Send(bad)
	sys.AwaitRecords(sys.Topics.DeadLetter(), 4)
}

// An event time that can't be is a dead letter; one of a replay is not.
// What can be read and can't be is put aside as well: pages pass it over.
func TestImpossibleValues(t *testing.T) {
	sys := ctatest.Start(t)
	lake := cta.Chicago().Station(40380)
	x, err := ctastream.NewInspector(sys.Kafka, sys.Registry, testConfig(sys))
	start(t, x, err)
	sideways, unnamed := ctatest.Arrival(lake, "blue", "1"), ctatest.Arrival(lake, "blue", "")
	sideways.Direction = "sideways"
	sys.Arrive(ctatest.At(8, 0), sideways)
	sys.Arrive(ctatest.At(8, 0), ctatest.Arrival(lake, "blue", "1"))
	sys.Arrive(ctatest.At(8, 0), unnamed)
	ohare := cta.Chicago().Station(40890)
	sys.Arrive(ctatest.At(8, 0), ctatest.Arrival(ohare, "blue", "1"))
	strange := sys.AwaitRecords(sys.Topics.Arrivals(ohare), 1)[0]
	strange.Topic = sys.Topics.Arrivals(lake)
	sys.Send(strange)
	for _, temperature := range []float32{185, 60, float32(math.NaN())} {
		sys.Observe(ctatest.At(8, 0), cta.Weather{Temperature: temperature, Status: cta.WeatherSunny})
	}
	for _, topic := range []string{sys.Topics.Arrivals(lake), sys.Topics.Weather()} { // all before it is inspected
		sys.Send(kafka.Record{Topic: topic, Key: []byte("last"), Value: []byte("last")})
	}
	got, _ := letters(t, sys.AwaitRecords(sys.Topics.DeadLetter(), 7))
	if d := cmp.Diff(append(slices.Repeat([]string{"impossible value"}, 4), "wrong magic byte", "wrong magic byte", "wrong topic"), got); d != "" {
		t.Errorf("reasons (-want +got):\n%s", d)
	}
}

func TestImpossibleEventTimes(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name   string
		others time.Duration // from the records' times
		at     time.Time
		want   bool
	}{
		{"microseconds", 0, time.UnixMilli(now.UnixMicro()), true},
		{"nanoseconds", 0, time.UnixMilli(now.UnixNano()), true},
		{"seconds", 0, time.UnixMilli(now.Unix()), true},
		{"seconds in a replay", -1000 * 24 * time.Hour, time.UnixMilli(now.Unix()), true},
		{"before 1970", 0, time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{"two days ahead of the rest", 0, now.Add(48 * time.Hour), true},
		{"a day behind the rest", 0, now.Add(-25 * time.Hour), true},
		{"an hour ahead of the rest", 0, now.Add(time.Hour), false},
		{"a replay", -1000 * 24 * time.Hour, now.Add(-1000 * 24 * time.Hour), false},
		{"a simulation that comes to be a day ahead", 24*time.Hour - time.Minute, now.Add(24*time.Hour + time.Minute), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sys := ctatest.Start(t)
			x, err := ctastream.NewInspector(sys.Kafka, sys.Registry, testConfig(sys))
			start(t, x, err)
			// What comes last in a partition can't be read: its letter says that all is inspected.
			last := func(st *cta.Station) {
				sys.Send(kafka.Record{Topic: sys.Topics.Arrivals(st), Key: []byte("last"), Value: []byte("last")})
			}
			var want []string
			for _, id := range []int{40890, 40820, 40230, 40750} {
				st := cta.Chicago().Station(id)
				sys.Arrive(now.Add(tt.others), ctatest.Arrival(st, "blue", "1"))
				last(st)
				want = append(want, "wrong magic byte")
			}
			sys.AwaitRecords(sys.Topics.DeadLetter(), len(want))
			odd := cta.Chicago().Station(40380)
			sys.Arrive(tt.at, ctatest.Arrival(odd, "blue", "2"))
			last(odd)
			want = append(want, "wrong magic byte")
			if tt.want {
				want = slices.Insert(want, 0, "impossible event time")
			}
			got, _ := letters(t, sys.AwaitRecords(sys.Topics.DeadLetter(), len(want)))
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("reasons (-want +got):\n%s", d)
			}
		})
	}
}
