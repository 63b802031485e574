package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestWatcher(t *testing.T) {
	const position = "entries/0/7"
	type count struct {
		offset, count int64
		position      string
	}
	for _, tt := range []struct {
		name     string
		careless bool
		counts   []count
		want     string // part of the only fault; none if empty
	}{
		{"rising", false, []count{{0, 1, position}, {2, 4, position}}, ""},
		{"falling", false, []count{{0, 4, position}, {2, 3, position}}, "falls from 4 to 3"},
		{"repeated", false, []count{{0, 4, position}, {2, 4, position}}, "count 4 again"},
		{"without a position", false, []count{{0, 1, ""}}, "doesn't say which entries"},
		{"without a position, of careless workers", true, []count{{0, 1, ""}}, ""},
		{"with a position that can't be read", false, []count{{0, 1, "entries/0"}}, `has position "entries/0"`},
		{"back at an offset", false, []count{{5, 1, position}, {4, 2, position}}, "has lost what it had committed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &watcher{strict: !tt.careless, stalls: newStalls(), offset: -1, counts: make(map[int]int64),
				claims: make(map[source][]claim), highest: make(map[source]int64)}
			for _, c := range tt.counts {
				r := &kgo.Record{Topic: "counts", Offset: c.offset, Key: []byte("40380"), Value: fmt.Appendf(nil, `{"STATION_ID":40380,"COUNT":%d}`, c.count)}
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
