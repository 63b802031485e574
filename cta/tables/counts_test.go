package tables

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A station's count is the sum of the partial counts of a grouping query.
func TestTurnstileCountsAddUpParts(t *testing.T) {
	for name, keys := range map[string][2]string{
		"ksqlDB":         {`{"STATION_ID":40380,"LINE":"blue"}`, `{"STATION_ID":40380,"LINE":"green"}`},
		"another order":  {`{"LINE":"blue","STATION_ID":40380}`, `{"LINE":"green","STATION_ID":40380}`},
		"KSQL 5":         {"40380|+|blue", "40380|+|green"},
		"in quotes":      {`"40380|+|blue"`, `"40380|+|green"`},
		"station's name": {"40380|+|Clark & Lake", "40380|+|Clark/Lake"},
	} {
		var counts TurnstileCounts
		var got []string
		for _, r := range []struct {
			key   string
			value []byte
		}{
			{keys[0], []byte(`{"COUNT":3}`)},
			{keys[1], []byte(`{"COUNT":4}`)},
			{keys[0], []byte(`{"COUNT":5}`)},
			{"40010", []byte(`{"COUNT":1}`)},
			{keys[1], nil},
			{keys[1], nil},
			{keys[0], nil},
			{keys[0], []byte(`{"COUNT":2}`)},
			{"40380", []byte(`{"COUNT":9}`)}, // a count of the whole station
			{"\x00\x00\x9d\xbc", []byte(`{"COUNT":10}`)},
			{"40380", nil},
		} {
			c, deleted, err := counts.Read([]byte(r.key), r.value)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, fmt.Sprint(c.StationID, " ", c.Count, " ", deleted))
		}
		want := []string{
			"40380 3 false", "40380 7 false", "40380 9 false", "40010 1 false", "40380 5 false", "40380 5 false", "40380 0 true",
			"40380 2 false", "40380 9 false", "40380 10 false", "40380 0 true",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if len(counts.parts) != 0 || counts.held != 0 {
			t.Errorf("%s: %d parts are held of %v", name, counts.held, counts.parts)
		}
	}
}

func TestTurnstileCountsAreBounded(t *testing.T) {
	var counts TurnstileCounts
	for i := range maxParts + 10 {
		c, deleted, err := counts.Read(fmt.Appendf(nil, "%d|+|%d", 1+i%1000, i), []byte(`{"COUNT":1}`))
		if err != nil || deleted {
			t.Fatal(c, deleted, err)
		}
	}
	if counts.held != maxParts {
		t.Errorf("%d parts are held, want %d", counts.held, maxParts)
	}
	if _, _, err := counts.Read([]byte("1"), []byte("x")); err == nil {
		t.Error("what can't be read is a count")
	}
}
