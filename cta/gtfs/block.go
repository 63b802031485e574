package gtfs

import (
	"cmp"
	"slices"

	"github.com/seed-921eec07/ctalive/cta"
)

// maxPairs bounds the pairs of trips that checkBlocks compares.
const maxPairs = 100_000

// checkBlocks notices trips of a block that overlap on a day: one vehicle cannot make
// both. All trips are kept.
func (f *feed) checkBlocks() {
	blocks := make(map[string][]*trip)
	var names []string
	for i := range f.tripList {
		t := &f.tripList[i]
		if t.block == "" || t.broken || t.last == t.first || len(f.repeats[int32(i)]) > 0 {
			continue
		}
		if blocks[t.block] == nil {
			names = append(names, t.block)
		}
		blocks[t.block] = append(blocks[t.block], t)
	}
	begins := func(t *trip) int32 { return f.calls[t.first].departure }
	days := sharedDays{}
	found, pairs, example := 0, 0, ""
	for _, name := range names {
		trips := blocks[name]
		slices.SortStableFunc(trips, func(a, b *trip) int { return cmp.Compare(begins(a), begins(b)) })
		for i, a := range trips {
			for _, b := range trips[i+1:] {
				if begins(b) >= f.calls[a.last-1].arrival || pairs == maxPairs {
					break
				}
				if pairs++; !days.some(a.calendar, b.calendar) {
					continue
				}
				if found++; found == 1 {
					example = a.id + " and " + b.id + " of block " + name
				}
			}
		}
	}
	if found > 0 {
		f.notice("%s of one block at the same time, which one vehicle can't make; all run: the first are %s", many(found, "pair of trips", "pairs of trips"), example)
	}
}

// sharedDays remembers which calendars have a day in common.
type sharedDays map[[2]*cta.Calendar]bool

func (s sharedDays) some(a, b *cta.Calendar) bool {
	if a == b {
		return true
	}
	key := [2]*cta.Calendar{a, b}
	shared, ok := s[key]
	if !ok {
		shared = slices.ContainsFunc(a.Added, b.Includes) || slices.ContainsFunc(b.Added, a.Includes) || a.Days&b.Days != 0 && regularly(a, b)
		s[key] = shared
	}
	return shared
}

// regularly reports whether two calendars run together on one of their days of the week.
func regularly(a, b *cta.Calendar) bool {
	const longest = 366 // days to look at
	from, to := cmp.Or(max(a.From, b.From), ever), min(cmp.Or(a.To, forever), cmp.Or(b.To, forever))
	for d, n := from, 0; d <= to && n < longest; d, n = d.Add(1), n+1 {
		if a.Includes(d) && b.Includes(d) {
			return true
		}
	}
	return false
}
