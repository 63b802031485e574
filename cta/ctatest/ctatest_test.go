package ctatest_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Sarama's group consumer counts its fetches in the default registry of
		// go-metrics too, whose one goroutine a process never ends.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// TestEvents publishes every kind of event in both layouts and looks at the topics.
func TestEvents(t *testing.T) {
	for _, layout := range []cta.Layout{cta.LayoutPerStation, cta.LayoutShared} {
		t.Run(string(layout), func(t *testing.T) {
			t.Parallel()
			sys := ctatest.Start(t)
			sys.Topics.Layout = layout
			net := cta.Chicago()
			lake, washington := net.Station(40380), net.Station(40370)

			sys.Arrive(ctatest.At(7, 30), ctatest.Arrival(lake, "blue", "BL001"))
			sys.Arrive(ctatest.At(7, 32), ctatest.ArrivalFrom(lake, washington, cta.DirectionB, "blue", "BL001"))
			sys.Enter(ctatest.At(7, 30), lake, 25)
			sys.Observe(ctatest.At(7, 0), cta.Weather{Temperature: 40.5, Status: cta.WeatherSunny})
			sys.SendRows(tables.Rows(net)[:3]...)

			for topic, want := range map[string]int{
				sys.Topics.Arrivals(lake):   1,
				sys.Topics.Turnstiles(lake): 25,
				sys.Topics.Weather():        1,
				sys.Topics.Stations():       3,
				sys.Topics.DeadLetter():     0,
			} {
				if layout == cta.LayoutShared && topic == sys.Topics.Arrivals(lake) {
					want = 2 // both stations' are in one topic
				}
				records := sys.AwaitRecords(topic, want)
				if len(records) != want {
					t.Errorf("%s has %d records, want %d", topic, len(records), want)
				}
				if again := sys.Read(topic); len(again) != want {
					t.Errorf("%s has %d records when read, want %d", topic, len(again), want)
				}
				for _, r := range records {
					if r.Partition != records[0].Partition && topic == sys.Topics.Turnstiles(lake) {
						t.Errorf("entries of one station are in partitions %d and %d", records[0].Partition, r.Partition)
					}
				}
			}
			if !strings.HasPrefix(sys.Topics.Weather(), "ctatest.TestEvents-"+string(layout)+".") {
				t.Errorf("topic %s doesn't name its test", sys.Topics.Weather())
			}
		})
	}
}

func TestAwaitCount(t *testing.T) {
	sys := ctatest.Start(t)
	lake := cta.Chicago().Station(40380)
	sys.AwaitCount(lake, 0)
	publish(t, sys, lake, 1, 2, 3)
	sys.AwaitCount(lake, 3)
	if got := sys.Counts()[lake.ID]; got != 3 {
		t.Errorf("count is %d, want 3", got)
	}
}

// publish publishes counts as ctastream.TurnstileSummary would.
func publish(tb testing.TB, sys *ctatest.System, station *cta.Station, counts ...int64) {
	tb.Helper()
	topic := sys.Topics.TurnstileSummary()
	if err := sys.Kafka.EnsureTopics(tb.Context(), kafka.TableTopic(topic, 1)); err != nil {
		tb.Fatal(err)
	}
	for _, n := range counts {
		value, err := json.Marshal(tables.TurnstileCount{StationID: station.ID, Count: n})
		if err != nil {
			tb.Fatal(err)
		}
		sys.Send(kafka.Record{Topic: topic, Key: fmt.Append(nil, station.ID), Value: value})
	}
}

// TestFailures shows what a test is told when the kit ends it.
func TestFailures(t *testing.T) {
	lake := cta.Chicago().Station(40380)
	for name, c := range map[string]struct {
		do   func(*ctatest.System)
		want string
	}{
		"count passed": {func(s *ctatest.System) {
			publish(t, s, lake, 5)
			s.AwaitCount(lake, 4)
		}, "waiting for count 4 of Clark/Lake in ctatest.TestFailures-count_passed"},
		"no such topic": {func(s *ctatest.System) {
			s.Send(kafka.Record{Topic: "a b"})
		}, "ctatest: send to a b: "},
	} {
		t.Run(name, func(t *testing.T) {
			tb := &recorder{TB: t}
			sys := ctatest.Start(tb)
			done := make(chan struct{})
			go func() { // which Fatalf ends
				defer close(done)
				c.do(sys)
			}()
			<-done
			if !strings.Contains(tb.said, c.want) {
				t.Errorf("the test was told %q, want %q", tb.said, c.want)
			}
		})
	}
}

// recorder is a testing.TB that keeps what ends its test, instead of failing.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
