package ctastream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctastream"
)

// testConfig returns settings for a test's worker: topics are found soon. Sessions
// are as short as brokers allow.
func testConfig(sys *ctatest.System) ctastream.Config {
	cfg := ctastream.Config{
		Topics:         sys.Topics,
		Group:          sys.Topics.Prefix + "group",
		Refresh:        20 * time.Millisecond,
		SessionTimeout: 6 * time.Second,
	}
	if os.Getenv("VERBOSE") != "" {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return cfg
}

// runner is a worker.
type runner interface{ Run(context.Context) error }

// start runs a worker until stop is called or the test ends.
func start(tb testing.TB, w runner, err error) (stop func()) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				tb.Errorf("Run: %v", err)
			}
		case <-time.After(6 * time.Second):
			tb.Error("Run has not returned 6 s after its context ended")
		}
	})
	tb.Cleanup(stop)
	return stop
}

func startSummary(tb testing.TB, sys *ctatest.System, cfg ctastream.Config) (stop func()) {
	tb.Helper()
	s, err := ctastream.NewTurnstileSummary(sys.Kafka, sys.Registry, cfg)
	return start(tb, s, err)
}

func TestSummaryCountsAcrossRestarts(t *testing.T) {
	for _, layout := range []cta.Layout{cta.LayoutPerStation, cta.LayoutShared} {
		t.Run(string(layout), func(t *testing.T) {
			sys := ctatest.Start(t)
			sys.Topics.Layout = layout
			lake, western := cta.Chicago().Station(40380), cta.Chicago().Station(40670)
			for round := int64(1); round <= 3; round++ {
				sys.Enter(ctatest.At(7, 30), lake, 3)
				stop := startSummary(t, sys, testConfig(sys))
				sys.Enter(ctatest.At(7, 31), western, 2)
				sys.AwaitCount(lake, 3*round)
				sys.AwaitCount(western, 2*round)
				stop()
			}
			for _, r := range sys.Read(sys.Topics.TurnstileSummary()) {
				if string(r.Key) != "40380" && string(r.Key) != "40670" {
					t.Errorf("key %q, want the text of a station's id", r.Key)
				}
			}
		})
	}
}

// Counts are restored from a backup into a new topic. A new group continues where the
// backup's counts end, whatever the old one has counted since.
func TestCountsAreRestoredFromABackup(t *testing.T) {
	sys := ctatest.Start(t)
	lake := cta.Chicago().Station(40380)
	sys.Enter(ctatest.At(7, 30), lake, 3)
	stop := startSummary(t, sys, testConfig(sys))
	sys.AwaitCount(lake, 3)
	backup := sys.Read(sys.Topics.TurnstileSummary())
	sys.Enter(ctatest.At(7, 31), lake, 2)
	sys.AwaitCount(lake, 5)
	stop()
	sys.Topics.Counts = sys.Topics.TurnstileSummary() + ".restored"
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.TableTopic(sys.Topics.Counts, 1)); err != nil {
		t.Fatal(err)
	}
	for _, r := range backup {
		sys.Send(kafka.Record{Topic: sys.Topics.Counts, Key: r.Key, Value: r.Value, Headers: r.Headers})
	}
	cfg := testConfig(sys)
	cfg.Group += ".restored"
	startSummary(t, sys, cfg)
	sys.AwaitCount(lake, 5)
}

// Workers come and go while riders enter. Whoever reads the counts never sees one
// fall, and in the end everybody is counted once.
func TestSummaryWorkersShareTheWork(t *testing.T) {
	sys := ctatest.Start(t)
	sys.Topics.Layout = cta.LayoutShared
	stations := cta.Chicago().Stations[:40]
	want := make(map[int]int64)
	enter := func(n int) {
		for _, s := range stations {
			sys.Enter(ctatest.At(8, 0), s, n)
			want[s.ID] += int64(n)
		}
	}
	enter(5)
	stop1 := startSummary(t, sys, testConfig(sys))
	enter(5)
	stop2 := startSummary(t, sys, testConfig(sys))
	enter(5)
	startSummary(t, sys, testConfig(sys))
	enter(5)
	stop1()
	enter(5)
	stop2()
	enter(5)
	for _, s := range stations {
		sys.AwaitCount(s, want[s.ID])
	}
	last := make(map[string]int64)
	for _, r := range sys.Read(sys.Topics.TurnstileSummary()) {
		c, _, err := tables.ParseTurnstileCount(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if c.Count <= last[string(r.Key)] {
			t.Errorf("count of %s goes from %d to %d", r.Key, last[string(r.Key)], c.Count)
		}
		last[string(r.Key)] = c.Count
	}
}

// A worker is ready once it has counted what there is, and only while it runs.
func TestSummaryIsReadyWhenItHasCaughtUp(t *testing.T) {
	sys := ctatest.Start(t)
	lake := cta.Chicago().Station(40380)
	s, err := ctastream.NewTurnstileSummary(sys.Kafka, sys.Registry, testConfig(sys))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "not running") {
		t.Errorf("before Run: %v, want that it isn't running", err)
	}
	stop := start(t, s, err)
	sys.Enter(ctatest.At(9, 0), lake, 2)
	sys.AwaitCount(lake, 2)
	awaitReady(t, s)
	stop()
	if s.Ready() == nil {
		t.Error("ready after its end")
	}
}

func awaitReady(t *testing.T, s *ctastream.TurnstileSummary) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); s.Ready() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %v", s.Ready())
		}
	}
}

func TestSummaryFindsNewTopics(t *testing.T) {
	sys := ctatest.Start(t)
	stations := cta.Chicago().Stations[:3]
	startSummary(t, sys, testConfig(sys))
	for _, s := range stations {
		sys.Enter(ctatest.At(9, 0), s, 2)
		sys.AwaitCount(s, 2)
	}
}

// A group without positions reads all entries again. They are counted already.
func TestSummaryCountsOnceThoughPositionsAreLost(t *testing.T) {
	for _, layout := range []cta.Layout{cta.LayoutPerStation, cta.LayoutShared} {
		t.Run(string(layout), func(t *testing.T) {
			sys := ctatest.Start(t)
			sys.Topics.Layout = layout
			lake, western := cta.Chicago().Station(40380), cta.Chicago().Station(40670)
			for round := int64(1); round <= 3; round++ {
				cfg := testConfig(sys)
				cfg.Group += strconv.FormatInt(round, 10)
				stop := startSummary(t, sys, cfg)
				sys.Enter(ctatest.At(7, 30), lake, 3)
				sys.Enter(ctatest.At(7, 30), western, 1)
				sys.AwaitCount(lake, 3*round)
				sys.AwaitCount(western, round)
				stop()
			}
		})
	}
}

// A topic may end before what was counted of it. When it's the same topic, a broker
// has lost entries, and those that are left are counted already. Another topic of that
// name has none that are.
func TestSummaryKnowsLostEntriesFromANewTopic(t *testing.T) {
	for _, same := range []bool{true, false} {
		t.Run(fmt.Sprintf("same topic %t", same), func(t *testing.T) {
			sys := ctatest.Start(t)
			sys.Topics.Layout = cta.LayoutShared
			lake := cta.Chicago().Station(40380)
			in := func(s *cta.Station) int32 { return kafka.PartitionOf(cta.PartitionKey(s.ID), ctatest.SharedPartitions) }
			quiet := lake // another station of the same partition
			for _, s := range cta.Chicago().Stations {
				if s != lake && in(s) == in(lake) {
					quiet = s
				}
			}
			sys.Enter(ctatest.At(7, 30), lake, 3)
			entries, counts := sys.Topics.Turnstiles(lake), sys.Topics.TurnstileSummary()
			id := "another"
			if same {
				id = topicID(t, sys)
			}
			if err := sys.Kafka.EnsureTopics(t.Context(), kafka.TableTopic(counts, 1)); err != nil {
				t.Fatal(err)
			}
			for _, s := range []*cta.Station{lake, quiet} {
				sys.Send(kafka.Record{
					Topic: counts, Key: cta.PartitionKey(s.ID), Value: fmt.Appendf(nil, `{"STATION_ID":%d,"COUNT":7}`, s.ID),
					Headers: []kafka.Header{
						{Key: "position", Value: fmt.Appendf(nil, "%s/%d/14", entries, in(lake))},
						{Key: "topic-id", Value: []byte(id)},
					},
				})
			}
			want := int64(7)
			if !same {
				want += 3
			}
			for round := range 2 { // the second finds what the first has published of the quiet station
				cfg := testConfig(sys)
				cfg.Group += strconv.Itoa(round)
				s, err := ctastream.NewTurnstileSummary(sys.Kafka, sys.Registry, cfg)
				stop := start(t, s, err)
				awaitReady(t, s)
				sys.Enter(ctatest.At(7, 31), lake, 10)
				want += 10
				sys.AwaitCount(lake, want)
				sys.AwaitCount(quiet, 7)
				stop()
			}
		})
	}
}

// topicID returns the id that the cluster has given to a topic of entries, as counts tell it.
func topicID(t *testing.T, sys *ctatest.System) string {
	t.Helper()
	cfg := testConfig(sys)
	cfg.Group, cfg.Output = cfg.Group+"-id", sys.Topics.Prefix+"id"
	stop := startSummary(t, sys, cfg)
	defer stop()
	for _, h := range sys.AwaitRecords(cfg.Output, 1)[0].Headers {
		if h.Key == "topic-id" {
			return string(h.Value)
		}
	}
	t.Fatal("a count doesn't tell the id of its topic")
	return ""
}

// What another engine has counted says nothing of which entries it counts. To add
// to it, or to restore a part of it, would be wrong without a word.
func TestSummaryRefusesForeignCounts(t *testing.T) {
	const (
		text = "40380"
		tomb = ""
	)
	type record struct{ key, value string }
	for _, test := range []struct {
		name    string
		records []record // in the topic of counts
		before  bool     // this engine has counted before, in the same group
		refused bool
	}{
		{"nobody's", nil, true, false},
		{"KSQL 5", []record{{text, `{"STATION_ID":40380,"COUNT":3}`}}, false, true},
		{"KSQL 5 by two columns", []record{{"40380|+|Clark/Lake", `{"STATION_ID":40380,"STATION_NAME":"Clark/Lake","COUNT":3}`}}, false, true},
		{"ksqlDB 0.7", []record{{"\x00\x00\x9d\xbc", `{"STATION_ID":40380,"COUNT":3}`}}, false, true},
		{"ksqlDB 0.10, an INT key", []record{{"\x00\x00\x9d\xbc", `{"COUNT":3}`}}, false, true},
		{"ksqlDB 0.10, a BIGINT key", []record{{"\x00\x00\x00\x00\x00\x00\x9d\xbc", `{"COUNT":3}`}}, false, true},
		{"ksqlDB 0.14, a JSON key", []record{{text, `{"COUNT":3}`}}, false, true},
		{"ksqlDB as KSQL makes it", []record{{text, `{"STATION_ID":40380,"COUNT":3}`}}, true, true},
		{"ksqlDB by station and line", []record{{`{"STATION_ID":40380,"LINE":"blue"}`, `{"COUNT":2}`}, {`{"STATION_ID":40380,"LINE":"green"}`, `{"COUNT":1}`}}, false, true},
		{"deleted again", []record{{"\x00\x00\x9d\xbc", `{"COUNT":3}`}, {"\x00\x00\x9d\xbc", tomb}}, false, false},
		{"deleted again, beside one's own", []record{{"\x00\x00\x9d\xbc", `{"COUNT":3}`}, {"\x00\x00\x9d\xbc", tomb}}, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			sys := ctatest.Start(t)
			lake := cta.Chicago().Station(40380)
			counts := sys.Topics.TurnstileSummary()
			sys.Enter(ctatest.At(7, 30), lake, 3)
			if test.before {
				stop := startSummary(t, sys, testConfig(sys))
				sys.AwaitCount(lake, 3)
				stop()
			} else if err := sys.Kafka.EnsureTopics(t.Context(), kafka.TableTopic(counts, 1)); err != nil {
				t.Fatal(err)
			}
			for _, r := range test.records {
				out := kafka.Record{Topic: counts, Key: []byte(r.key)}
				if r.value != tomb {
					out.Value = []byte(r.value)
				}
				sys.Send(out)
			}
			sys.Enter(ctatest.At(7, 31), lake, 1)
			if !test.refused {
				startSummary(t, sys, testConfig(sys))
				sys.AwaitCount(lake, 4)
				return
			}
			published := len(sys.Read(counts))
			s, err := ctastream.NewTurnstileSummary(sys.Kafka, sys.Registry, testConfig(sys))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			err = s.Run(ctx)
			var named *cta.ServiceError
			if !errors.Is(err, ctastream.ErrForeignCounts) || !errors.As(err, &named) || !strings.Contains(err.Error(), "topic "+counts) || named.Hint == "" {
				t.Fatalf("Run returns %v, want %v with topic and remedy", err, ctastream.ErrForeignCounts)
			}
			if n := len(sys.Read(counts)); n != published {
				t.Errorf("%d counts are published beside the other engine's", n-published)
			}
			// The remedy; a new topic stands for the old one, deleted.
			sys.Topics.Counts = counts + ".anew"
			cfg := testConfig(sys)
			cfg.Group += ".anew"
			startSummary(t, sys, cfg)
			sys.AwaitCount(lake, 4)
		})
	}
}

// A count that can't be read isn't taken for none, unless the one before it is there.
func TestSummaryRefusesACountThatCantBeRead(t *testing.T) {
	sys := ctatest.Start(t)
	lake := cta.Chicago().Station(40380)
	counts := sys.Topics.TurnstileSummary()
	sys.Enter(ctatest.At(7, 30), lake, 3)
	stop := startSummary(t, sys, testConfig(sys))
	sys.AwaitCount(lake, 3)
	stop()
	broken := func(key string) {
		sys.Send(kafka.Record{Topic: counts, Key: []byte(key), Value: []byte(`{"COUNT":`)})
	}
	broken("40380")
	broken("nobody's")
	sys.Enter(ctatest.At(7, 31), lake, 1)
	stop = startSummary(t, sys, testConfig(sys))
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		records := sys.Read(counts)
		if string(records[len(records)-1].Value) == `{"STATION_ID":40380,"COUNT":4}` {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the count doesn't go on from the one before it")
		}
	}
	stop()

	broken("41320")
	s, err := ctastream.NewTurnstileSummary(sys.Kafka, sys.Registry, testConfig(sys))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var named *cta.ServiceError
	if err := s.Run(ctx); !errors.As(err, &named) || !strings.Contains(err.Error(), "station 41320") || named.Hint == "" {
		t.Errorf("Run returns %v, want one that names station 41320 and a remedy", err)
	}
}

func TestSettingsAreRefusedTogether(t *testing.T) {
	topics := cta.Topics{}
	cfg := ctastream.Config{Refresh: -1, SessionTimeout: -1, Input: topics.DeadLetter(), Output: topics.DeadLetter()}
	_, err := ctastream.NewStationTransformer(nil, nil, cfg)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Refresh is -1ns", "SessionTimeout is -1ns", "Input is", "Output is"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}
