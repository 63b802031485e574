package realtime

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
)

// A recording gives the events of the run that wrote it, each time.
func TestReplay(t *testing.T) {
	f := evening(t, rush, 20*time.Minute)
	dir := t.TempDir()
	recorder, err := recording.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	live, _ := f.run(t, "vt", Config{Record: recorder})
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := New(f.net, Config{Replay: dir, Speed: math.Inf(1)})
		if err != nil {
			t.Fatal(err)
		}
		again := &collected{f: f, tb: t}
		if err := s.Run(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		if len(live.all) < 50 || len(live.all) != len(again.all) {
			t.Fatalf("%d events, and %d of the recording", len(live.all), len(again.all))
		}
		for i, a := range live.all {
			b := again.all[i]
			if !a.at.Equal(b.at) || !reflect.DeepEqual(a.Arrival, b.Arrival) {
				t.Fatalf("event %d is %+v, and %+v of the recording", i, a, b)
			}
		}
	}
	s, err := New(f.net, Config{Replay: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), &collected{f: f, tb: t}); err == nil || !strings.Contains(err.Error(), "contains no recording") {
		t.Errorf("of an empty folder, Run returned %v", err)
	}
}
