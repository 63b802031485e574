package ctastream_test

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
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
	for _, layout := range []cta.Layout{cta.PerStation, cta.Shared} {
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

// Workers come and go while riders enter. Whoever reads the counts never sees one
// fall, and in the end everybody is counted once.
func TestSummaryWorkersShareTheWork(t *testing.T) {
	sys := ctatest.Start(t)
	sys.Topics.Layout = cta.Shared
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
		c, _, err := cta.ParseTurnstileCount(r.Key, r.Value)
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
	for deadline := time.Now().Add(20 * time.Second); s.Ready() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %v", s.Ready())
		}
	}
	stop()
	if s.Ready() == nil {
		t.Error("ready after its end")
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
	for _, layout := range []cta.Layout{cta.PerStation, cta.Shared} {
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
