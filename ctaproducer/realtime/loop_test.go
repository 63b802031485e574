package realtime

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// Our own feeds, read back, give the same model: the same trains, at the same stops, with
// the same next arrivals. The feeds are seconds behind, so a train may be a stop behind.
func TestOwnFeedsGiveTheSameModel(t *testing.T) {
	f := evening(t, rush, 30*time.Minute)
	got, _ := f.run(t, "vt", Config{})
	at := f.Ends.Add(-time.Second)
	view := func(list []arrival) map[string]live.Train {
		tracker := live.NewTracker(f.net)
		for _, a := range list {
			if !a.at.After(at) {
				tracker.ApplyArrival(cta.KeyAt(a.at), a.Arrival)
			}
		}
		trains := map[string]live.Train{}
		for _, tr := range tracker.View(at).Trains {
			if tr.Status == cta.TrainInService && len(tr.Stops) > 0 {
				trains[tr.ID] = tr
			}
		}
		return trains
	}
	begun := map[string]time.Time{} // by train: when it left its first stop
	for _, a := range f.truth {
		if a.PrevStationID != nil && begun[a.TrainID].IsZero() {
			begun[a.TrainID] = a.at
		}
	}
	truth, read := view(f.truth), view(got.all)
	same, wanted := 0, 0
	var off []time.Duration
	for id, tr := range truth {
		if b := begun[id]; b.IsZero() || b.After(at.Add(-time.Minute)) {
			continue // it stands at its first stop, or has just left it
		}
		wanted++
		other, ok := read[id]
		if !ok {
			t.Errorf("%s isn't in the feeds' model", id)
			continue
		}
		if other.Stops[0].Station == tr.Stops[0].Station {
			same++
			off = append(off, other.Stops[0].Expected.Sub(tr.Stops[0].Expected).Abs())
		}
	}
	for id := range read {
		if _, ok := truth[id]; !ok {
			// Its last arrival may be seconds too new for the feed.
			late := slices.ContainsFunc(f.truth, func(a arrival) bool { return a.TrainID == id && a.at.After(at.Add(-3*time.Minute)) })
			if !late {
				t.Errorf("%s is in the feeds' model alone", id)
			}
		}
	}
	slices.Sort(off)
	if wanted < 8 || same*10 < wanted*8 || len(off) == 0 || off[len(off)/2] > 10*time.Second {
		t.Errorf("of %d trains, %d come to the same stop, %v apart", wanted, same, off)
	}
	t.Logf("of %d trains, %d come to the same stop, %v apart", wanted, same, off)
}
