package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A line in one direction has one end.
func TestTellsOfALineInOneDirection(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"agency.txt": "agency_name,agency_timezone\nTown,Europe/Vienna\n", "routes.txt": "route_id,route_short_name,route_type\nR,Round,3\n",
		"stops.txt":      "stop_id,stop_name,stop_lat,stop_lon\n1,East,47.8,13.1\n2,West,47.8,13.0\n",
		"calendar.txt":   "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nd,1,1,1,1,1,1,1,20260101,20261231\n",
		"trips.txt":      "route_id,service_id,trip_id\nR,d,1\n",
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n1,8:00:00,8:00:00,1,1\n1,8:09:00,8:09:00,2,2\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := run(context.Background(), []string{dir}, &out, &bytes.Buffer{}); err != nil || !strings.Contains(out.String(), "Round: West\n") {
		t.Errorf("%v; %s", err, out.String())
	}
}

// Chicago becomes a folder, the folder a feed, and both tell the same.
func TestThereAndBack(t *testing.T) {
	dir := t.TempDir()
	folder, feed := filepath.Join(dir, "town"), filepath.Join(dir, "town.zip")
	told := func(args ...string) string {
		t.Helper()
		var out, notes bytes.Buffer
		if err := run(context.Background(), args, &out, &notes); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, notes.String())
		}
		return out.String()
	}
	before := told("-lines", "yellow,pink", "-day", "2026-10-07", "-o", folder)
	first := told("-day", "2026-10-07", "-o", feed, folder)
	if second := told("-day", "2026-10-07", feed); second != first {
		t.Errorf("the folder tells\n%s\nand the feed of it\n%s", first, second)
	}
	if !strings.Contains(before, "headways") || !strings.Contains(first, "Pink Line") || !strings.Contains(first, " runs ") {
		t.Errorf("Chicago tells\n%s\nand the folder\n%s", before, first)
	}
	if err := run(context.Background(), []string{"-lines", "yellow", "-o", folder}, &bytes.Buffer{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("over another network: %v", err)
	}
}

// A file that is there already is kept, as a folder is.
func TestWritesOverNothing(t *testing.T) {
	feed := filepath.Join(t.TempDir(), "town.zip")
	for range 2 {
		if err := os.WriteFile(feed, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := run(context.Background(), []string{"-lines", "yellow", "-o", feed}, &out, &bytes.Buffer{})
		if kept, _ := os.ReadFile(feed); err == nil || !strings.Contains(err.Error(), feed) || string(kept) != "mine" {
			t.Errorf("%v, and the file has %d bytes", err, len(kept))
		}
		if !strings.Contains(out.String(), ": 1 line, 3 stations\n") {
			t.Errorf("says %s", out.String())
		}
	}
}

// Modes may be in any case. A word that is none is an error with those that are.
func TestModes(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), []string{"-modes", "Metro"}, &out, &bytes.Buffer{}); err != nil || !strings.Contains(out.String(), ": 8 lines") {
		t.Errorf("%v; %s", err, out.String())
	}
	err := run(context.Background(), []string{"-modes", "metro,rocket"}, &out, &bytes.Buffer{})
	if err == nil || err.Error() != `-modes: found "rocket", want some of rail, metro, tram, bus, ferry` {
		t.Error(err)
	}
}
