package main

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var lake = source{"entries", 0}

// written is an entry of station 40380 as its bytes are.
func written(incarnation int, number int64) (key, value []byte) {
	frame := []byte{0, 0, 0, 0, 1}
	key = binary.AppendVarint(append([]byte(nil), frame...), entryTime(incarnation, number).UnixMilli())
	value = binary.AppendVarint(append([]byte(nil), frame...), 40380)
	return key, append(value, 0, 0)
}

func TestJudgeLetters(t *testing.T) {
	at := func(offsets ...int64) map[origin]int {
		m := make(map[origin]int)
		for _, o := range offsets {
			m[origin{lake, o}]++
		}
		return m
	}
	for _, tt := range []struct {
		name         string
		bad, letters map[origin]int
		want         string // part of the only fault; none if empty
	}{
		{"one of each", at(1, 5), at(5, 1), ""},
		{"none of one", at(1, 5), at(1), "offset 5 of entries/0 has 0 dead letters"},
		{"two of one", at(1), at(1, 1), "offset 1 of entries/0 has 2 dead letters"},
		{"of one that can be read", at(1), at(1, 2), "dead letter of offset 2 of entries/0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := judgeLetters(tt.bad, tt.letters)
			if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)) {
				t.Errorf("faults %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLedger(t *testing.T) {
	type numbered struct {
		incarnation int
		number      int64
	}
	tests := []struct {
		name    string
		entries []numbered
		claims  []claim
		want    []string // parts of the faults, in order
	}{
		{"all in order", []numbered{{1, 1}, {1, 2}, {2, 1}}, []claim{{40380, 1, 1}, {40380, 3, 3}}, nil},
		{"an entry twice", []numbered{{1, 1}, {1, 2}, {1, 2}}, nil, []string{"is there again"}},
		{"an entry late", []numbered{{1, 2}, {1, 1}}, nil, []string{"is there again", "entries 1 to 1 of producer 1 were acknowledged"}},
		{"an entry lost", []numbered{{1, 1}, {1, 3}}, nil, []string{"entries 2 to 2 of producer 1 were acknowledged"}},
		{"an entry failed, nobody was told otherwise", []numbered{{2, 1}, {2, 3}}, nil, nil},
		{"a count too high", []numbered{{1, 1}, {1, 2}}, []claim{{40380, 3, 2}}, []string{"count 3 was published"}},
		{"a count too low", []numbered{{1, 1}, {1, 2}}, []claim{{40380, 1, 2}}, []string{"count 1 was published"}},
		{"a count of entries that never came", []numbered{{1, 1}}, []claim{{40380, 2, 2}}, []string{"count 2 was published"}},
		{"a count of another station", []numbered{{1, 1}}, []claim{{40010, 1, 1}}, []string{"station 40010"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger(map[source][]claim{lake: tt.claims})
			for i, e := range tt.entries {
				key, value := written(e.incarnation, e.number)
				if err := l.entry(lake, int64(i), key, value); err != nil {
					t.Fatal(err)
				}
			}
			l.judge(lake, 1<<62)
			l.faults = append(l.faults, l.lost(map[int]map[int]int64{1: {40380: 9}, 2: {40380: 1}})...)
			if len(l.faults) != len(tt.want) {
				t.Fatalf("faults %q, want %d", l.faults, len(tt.want))
			}
			for i, part := range tt.want {
				if !strings.Contains(l.faults[i], part) {
					t.Errorf("fault %q, want %q in it", l.faults[i], part)
				}
			}
			if diff := cmp.Diff(map[int]int64{40380: int64(len(tt.entries))}, l.totals()); diff != "" {
				t.Errorf("totals (-want +got):\n%s", diff)
			}
		})
	}
}
