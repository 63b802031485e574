package foretold

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
)

var eight = time.Date(2026, 10, 7, 8, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return eight.Add(time.Duration(seconds) * time.Second) }

// to are stops at seconds after eight.
func to(stops ...int) (list []cta.PredictedStop) {
	for i := 0; i < len(stops); i += 2 {
		list = append(list, cta.PredictedStop{StationID: stops[i], Direction: cta.DirectionA, At: after(stops[i+1]).UnixMilli()})
	}
	return list
}

func TestNews(t *testing.T) {
	var train Train
	for _, c := range []struct {
		what  string
		made  int
		stops []cta.PredictedStop
		want  bool
	}{
		{"nothing yet", 0, nil, false},
		{"the first", 0, to(1, 60, 2, 120), true},
		{"the same", 15, to(1, 60, 2, 120), false},
		{"a bit later", 30, to(1, 64, 2, 116), false},
		{"later", 45, to(1, 60, 2, 125), true},
		{"without one that is past", 75, to(2, 125), false},
		{"a further one", 90, to(2, 125, 3, 200), true},
		{"without one to come", 105, to(3, 200), true},
		{"another station", 110, to(4, 200), true},
		{"the same for two minutes less a second", 229, to(4, 200), false},
		{"the same for two minutes", 230, to(4, 400), true},
		{"unchanged for two minutes", 350, to(4, 400), true},
		{"withdrawn", 365, nil, true},
		{"still withdrawn", 900, nil, false},
	} {
		if got := train.News(after(c.made), c.stops); got != c.want {
			t.Errorf("%s: news %v, want %v", c.what, got, c.want)
		}
	}
}

func TestStop(t *testing.T) {
	var got []cta.PredictedStop
	for i, at := range []int{-5, 0, 60, 50, 1800, 1801} {
		got = Stop(got, eight, i, cta.DirectionA, after(at))
	}
	if d := cmp.Diff(to(2, 60, 3, 60, 4, 1800), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for range 2 * cta.MaxPredictedStops {
		got = Stop(got, eight, 1, cta.DirectionA, after(100))
	}
	if p := (cta.Prediction{TrainID: "t", Made: eight.UnixMilli(), Stops: got}); len(got) != cta.MaxPredictedStops || p.Check() != nil {
		t.Errorf("%d stops: %v", len(got), p.Check())
	}
}
