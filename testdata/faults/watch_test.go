package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestWatcher(t *testing.T) {
	const position = "entries/0/7"
	type count struct {
		offset, count int64
		position      string
		producer      int64
		ms            int64 // of the record's time
	}
	for _, tt := range []struct {
		name     string
		careless bool
		counts   []count
		want     string // part of the only fault; none if empty
	}{
		{"rising", false, []count{{0, 1, position, 1, 1}, {2, 4, position, 1, 2}}, ""},
		{"falling", false, []count{{0, 4, position, 1, 1}, {2, 3, position, 1, 2}}, "falls from 4 to 3"},
		{"repeated", false, []count{{0, 4, position, 1, 1}, {2, 4, position, 1, 1}}, "count 4 again"},
		{"restated by the broker", false, []count{{0, 4, position, 1, 1}, {2, 4, position, -1, 1}}, ""},
		{"repeated without a producer", false, []count{{0, 4, position, -1, 1}, {2, 4, position, -1, 2}}, "count 4 again"},
		{"without a position", false, []count{{0, 1, "", 1, 1}}, "doesn't say which entries"},
		{"without a position, of careless workers", true, []count{{0, 1, "", -1, 1}}, ""},
		{"with a position that can't be read", false, []count{{0, 1, "entries/0", 1, 1}}, `has position "entries/0"`},
		{"back at an offset", false, []count{{5, 1, position, 1, 1}, {4, 2, position, 1, 2}}, "has lost what it had committed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &watcher{strict: !tt.careless, restates: true, stalls: newStalls(), offset: -1, counts: make(map[int]int64), times: make(map[int]time.Time),
				claims: make(map[source][]claim), highest: make(map[source]int64)}
			for _, c := range tt.counts {
				r := &kgo.Record{Topic: "counts", Offset: c.offset, ProducerID: c.producer, Timestamp: time.UnixMilli(c.ms), Key: []byte("40380"), Value: fmt.Appendf(nil, `{"STATION_ID":40380,"COUNT":%d}`, c.count)}
				if c.position != "" {
					r.Headers = []kgo.RecordHeader{{Key: "position", Value: []byte(c.position)}}
				}
				w.see(r)
			}
			if tt.want == "" && len(w.faults) > 0 || tt.want != "" && (len(w.faults) != 1 || !strings.Contains(w.faults[0], tt.want)) {
				t.Errorf("faults %q, want %q", w.faults, tt.want)
			}
		})
	}
}

// An end that is too low for long is a fault, and not one that is put right soon.
func TestWatcherDoubtsEnds(t *testing.T) {
	at := time.Unix(0, 0)
	for name, tt := range map[string]struct {
		end, claimed int64
		want         string
	}{"lost": {90, 0, "has lost some"}, "counted": {100, 120, "there are only 100"}} {
		for _, lasts := range []bool{false, true} {
			w := &watcher{ends: map[source]int64{{"entries", 0}: 100}, doubted: make(map[source]time.Time)}
			w.end(source{"entries", 0}, tt.end, tt.claimed, at)
			w.end(source{"entries", 0}, tt.end, tt.claimed, at.Add(doubt/2))
			last := tt.end
			if !lasts {
				last = 130
			}
			w.end(source{"entries", 0}, last, tt.claimed, at.Add(doubt))
			if lasts != (len(w.faults) == 1) || lasts && !strings.Contains(w.faults[0], tt.want) {
				t.Errorf("%s, lasts %v: faults %q", name, lasts, w.faults)
			}
		}
	}
}
