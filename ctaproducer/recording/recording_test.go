package recording_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
)

var begin = time.Date(2026, 10, 7, 23, 58, 30, 250e6, time.UTC)

// record writes an answer every 15 s, of two feeds, with a restart.
func record(t *testing.T, dir string, n int) (all []recording.Answer) {
	t.Helper()
	r, err := recording.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		a := recording.Answer{Feed: []string{"vehicles", "trips"}[i%2], Came: begin.Add(time.Duration(i) * 15 * time.Second), Body: []byte(fmt.Sprintf("answer %d\x00\xff", i))}
		if err := r.Add(a); err != nil {
			t.Fatal(err)
		}
		if i == n/2 { // a restart
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, a)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func play(t *testing.T, dir string) (all []recording.Answer) {
	t.Helper()
	if err := recording.Play(t.Context(), dir, math.Inf(1), func(a recording.Answer) error { all = append(all, a); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func same(a, b []recording.Answer) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Feed != b[i].Feed || !a[i].Came.Equal(b[i].Came) || !bytes.Equal(a[i].Body, b[i].Body) {
			return false
		}
	}
	return true
}

// What was recorded comes back: over midnight, a new hour and a restart.
func TestRecordingComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	all := record(t, dir, 20)
	if got := play(t, dir); !same(got, all) {
		t.Errorf("played %v, want %v", got, all)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.tar.gz"))
	if len(files) != 3 || filepath.Base(files[0]) != "20261007T235830.250Z.tar.gz" {
		t.Errorf("files are %v, want three: of the start, the new hour and the restart", files)
	}
}

// The end of a file may be missing, as after a kill: what was added before is there.
func TestRecordingThatWasCut(t *testing.T) {
	dir := t.TempDir()
	r, err := recording.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []recording.Answer
	for i := range 3 { // without Close
		all = append(all, recording.Answer{Feed: "vehicles", Came: begin.Add(time.Duration(i) * time.Second), Body: bytes.Repeat([]byte{byte(i)}, 10_000)})
		if err := r.Add(all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if got := play(t, dir); !same(got, all) {
		t.Errorf("played %d answers without an end, want 3", len(got))
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for size := range whole {
		if err := os.WriteFile(files[0], whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if got := play(t, dir); !same(got, all[:len(got)]) {
			t.Fatalf("of %d bytes, played %d answers that weren't recorded", size, len(got))
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPlayKeepsPace(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, 5) // a minute
	from := time.Now()
	var last time.Duration
	if err := recording.Play(t.Context(), dir, 200, func(recording.Answer) error { last = time.Since(from); return nil }); err != nil {
		t.Fatal(err)
	}
	if last < 290*time.Millisecond {
		t.Errorf("a minute at 200 times speed took %v, want 300ms", last)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := recording.Play(ctx, dir, 1e-6, func(recording.Answer) error { cancel(); return nil }); err != nil {
		t.Errorf("Play returned %v at the end of its context", err)
	}
}

func TestPlayReportsFaults(t *testing.T) {
	nothing := func(recording.Answer) error { return nil }
	dir := t.TempDir()
	if err := recording.Play(t.Context(), dir, 1, nothing); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("of an empty folder, Play returned %v", err)
	}
	record(t, dir, 1)
	full := errors.New("full")
	if err := recording.Play(t.Context(), dir, 1, func(recording.Answer) error { return full }); !errors.Is(err, full) {
		t.Errorf("Play returned %v, want the error of take", err)
	}
	file := filepath.Join(dir, "20270101T000000.000Z.tar.gz")
	if err := os.WriteFile(file, []byte("no archive at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := recording.Play(t.Context(), dir, math.Inf(1), nothing); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Play returned %v, want the name of the bad file", err)
	}
}

func TestPlayOfSomeFeeds(t *testing.T) {
	dir := t.TempDir()
	all := record(t, dir, 4)
	var got []recording.Answer
	take := func(a recording.Answer) error { got = append(got, a); return nil }
	if err := recording.Play(t.Context(), dir, math.Inf(1), take, "trips"); err != nil || !same(got, []recording.Answer{all[1], all[3]}) {
		t.Errorf("of the trips, played %v: %v", got, err)
	}
	got = nil
	if err := recording.Play(t.Context(), dir, math.Inf(1), take, "train-tracker"); !errors.Is(err, recording.ErrNoAnswer) || len(got) > 0 {
		t.Errorf("of a feed that wasn't recorded, played %v: %v", got, err)
	}
}
