package traintrackertest

import (
	"hash/fnv"
	"slices"
	"strconv"
	"time"
)

// Outage is a fault of answers as a whole.
type Outage int

// Every Outage. In the ones that have trains, those are of ttpositions.
const (
	None    Outage = iota
	Frozen         // answers with the last content, and its time
	Stuck          // answers with the last trains under new times
	Again          // answers with the trains of three minutes ago under new times, as after an outage
	Ahead          // answers with the time and the trains of an hour later
	Empty          // answers without a train
	Page           // answers with a page of HTML
	Trouble        // refuses with status 503 and a page
)

// Fault changes an answer of ttpositions as the Train Tracker's differ, or go wrong.
type Fault func(now time.Time, a *Answer)

// each makes a fault of what is done to each train. It leaves out those for which do
// returns false.
func each(do func(now time.Time, route string, t *Train) bool) Fault {
	return func(now time.Time, a *Answer) {
		for _, r := range a.Route {
			r.Train = slices.DeleteFunc(r.Train, func(t *Train) bool { return !do(now, r.Name, t) })
		}
	}
}

// chance reports whether something happens to a train in an answer: to one of n.
func chance(now time.Time, kind, route string, t *Train, n uint32) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(kind + route + t.Rn + strconv.FormatInt(now.Unix()/10, 10)))
	return h.Sum32()%n == 0
}

// The faults of trains.
var (
	// NoPositions puts trains at 0,0.
	NoPositions = each(func(_ time.Time, _ string, t *Train) bool {
		t.Lat, t.Lon = "0", "0"
		return true
	})
	// NoPlatforms leaves out the platforms of next stations.
	NoPlatforms = each(func(_ time.Time, _ string, t *Train) bool {
		t.NextStpID = ""
		return true
	})
	// NoDestinations has trains whose destination isn't known.
	NoDestinations = each(func(_ time.Time, _ string, t *Train) bool {
		t.DestSt, t.DestNm = "0", "See train"
		return true
	})
	// WrongDirections has one train of twenty in the other direction, for a single answer,
	// without a platform.
	WrongDirections = each(func(now time.Time, route string, t *Train) bool {
		if chance(now, "direction", route, t, 20) {
			t.TrDr, t.NextStpID = map[string]string{"1": "5", "5": "1"}[t.TrDr], ""
		}
		return true
	})
	// Gaps leaves out one train of twelve, for a single answer.
	Gaps = each(func(now time.Time, route string, t *Train) bool { return !chance(now, "gap", route, t, 12) })
	// Elsewhere has one train of twenty before Howard, Clark/Lake or Roosevelt, for a
	// single answer, wherever it is.
	Elsewhere = each(func(now time.Time, route string, t *Train) bool {
		if chance(now, "elsewhere", route, t, 20) {
			t.NextStaID, t.NextStpID = []string{"40900", "40380", "41400"}[len(t.Rn+route)%3], ""
		}
		return true
	})
)

// Rubbish adds a second entry of each line's first train, years old, and entries that are
// no trains.
func Rubbish(_ time.Time, a *Answer) {
	for _, r := range a.Route {
		if len(r.Train) == 0 {
			continue
		}
		twice := *r.Train[0]
		twice.Prdt, twice.NextStaID = "2020-01-01T00:00:00", "40900"
		r.Train = append(r.Train, &twice, &Train{Rn: "../etc", NextStaID: "40900"}, &Train{Rn: "999", NextStaID: "1"}, &Train{})
	}
	a.Route = append(a.Route, &Route{Name: "monorail", Train: []*Train{{Rn: "1", NextStaID: "40900"}}})
}

// Without returns a fault that leaves out the trains of a line, such as "p".
func Without(line string) Fault {
	return each(func(_ time.Time, route string, _ *Train) bool { return route != line })
}
