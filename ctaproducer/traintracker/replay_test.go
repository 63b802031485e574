package traintracker

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// A recording gives the events of the run that wrote it. A day of the whole system at
// the density of the rush takes under 100 MB.
func TestReplay(t *testing.T) {
	lines, few := []string(nil), 500
	if race.Enabled {
		lines, few = []string{"purple", "yellow"}, 50
	}
	f := newFake(t, 1, lines...)
	f.Ends = f.Now.Add(30 * time.Minute)
	dir := t.TempDir()
	recorder, err := recording.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	live, _, err := f.run(t, Config{Record: recorder})
	if err != nil {
		t.Fatal(err)
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := New(f.net, Config{Replay: dir, Speed: math.Inf(1)}) // without a key
	if err != nil {
		t.Fatal(err)
	}
	again := &collected{}
	if err := s.Run(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if len(live.all) < few || len(live.all) != len(again.all) {
		t.Fatalf("%d events, and %d of the recording", len(live.all), len(again.all))
	}
	for i, a := range live.all {
		if b := again.all[i]; !a.at.Equal(b.at) || !reflect.DeepEqual(a.Arrival, b.Arrival) {
			t.Fatalf("event %d is %+v, and %+v of the recording", i, a, b)
		}
	}
	var size int64
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	day := size * int64(24*time.Hour/(30*time.Minute))
	t.Logf("half an hour has %d bytes: a day %d MB", size, day/1e6)
	if day > 100e6 {
		t.Errorf("a day takes %d MB, want under 100", day/1e6)
	}
}
