package ctaproducer

import (
	"math"
	"sort"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// riders is the process by which riders enter stations.
//
// Each station's entries are a Poisson process, with a rate of the station's
// entries on such a day, times the hour's share. The sum of those is a Poisson
// process again, each of whose entries belongs to a station with a probability
// in proportion to its rate: so one process is drawn for the whole network, and
// then the station.
type riders struct {
	random    source
	next      time.Duration // when the next rider enters
	mean      time.Duration // between riders, 0 when nobody comes
	entrances []*entrance   // by station, in the network's order
	sums      []uint64      // of the entrances' rates, up to and with each
	shares    [24]uint64    // of a day's entries by hour, in millionths
}

// entrance is a station's turnstiles.
type entrance struct {
	station *cta.Station
	lines   []lineShare
	total   uint64 // of the lines' weights
}

// lineShare is the part of a station's riders that come for one line.
type lineShare struct {
	line    string
	weight  uint64 // trains an hour, in thousandths; 0 when none comes
	entered *int64 // riders so far
}

const never = time.Duration(math.MaxInt64)

func newRiders(net *cta.Network, seed uint64) *riders {
	r := &riders{random: newSource(seed, streamRiders), next: never}
	for h, share := range net.Hourly {
		r.shares[h] = uint64(math.Round(max(0, share) * 1e6))
	}
	for _, s := range net.Stations {
		if len(s.Lines) == 0 || s.Closed {
			continue
		}
		en := &entrance{station: s}
		for _, id := range s.Lines {
			en.lines = append(en.lines, lineShare{line: id, entered: new(int64)})
		}
		r.entrances = append(r.entrances, en)
	}
	r.sums = make([]uint64, len(r.entrances))
	return r
}

func (r *riders) entered(stationID int, line string) *int64 {
	for _, en := range r.entrances {
		if en.station.ID != stationID {
			continue
		}
		for _, l := range en.lines {
			if l.line == line {
				return l.entered
			}
		}
	}
	return new(int64)
}

// hour sets what holds for an hour of local time, and how far apart riders are on
// the average after each of the hour's readings.
//
// Ridership figures are averages over all weather, so weather may not change an
// hour's total: it moves riders inside the hour, from its wet parts to its dry ones.
func (r *riders) hour(local time.Time, tracks []*track, trips *timetable, readings []reading, end time.Duration) {
	var sum uint64
	for i, en := range r.entrances {
		sum += uint64(math.Round(max(0, en.station.Entries.On(local)) * 10))
		r.sums[i] = sum
		en.total = 0
		for j := range en.lines {
			l := &en.lines[j]
			l.weight = trainsAnHour(tracks, l.line, en.station.ID) + 1000*trips.calls[stationLine{en.station.ID, l.line}]
			en.total += l.weight
		}
	}
	perHour := sum * r.shares[local.Hour()] / 1e4 // riders, in thousandths

	var length, weighted uint64 // in seconds, and in thousandths of seconds
	for i, s := range readings {
		until := end
		if i+1 < len(readings) {
			until = readings[i+1].at
		}
		seconds := uint64((until - s.at + time.Second - 1) / time.Second)
		length += seconds
		weighted += seconds * s.riders()
	}
	for i := range readings {
		if rate := perHour * readings[i].riders() * length; rate > 0 {
			// Nanoseconds of an hour, times a thousand for perHour's thousandths.
			readings[i].gap = time.Duration(3_600_000_000_000_000 / max(1, rate/weighted))
		}
	}
}

// trainsAnHour is how often a line's trains come to a station, in thousandths.
func trainsAnHour(tracks []*track, line string, stationID int) uint64 {
	for _, k := range tracks {
		if k.line.ID != line {
			continue
		}
		for _, d := range [2]cta.Direction{cta.DirectionA, cta.DirectionB} {
			var every time.Duration
			if p := k.platforms[hopKey{stationID, d}]; p != nil {
				for _, u := range p.uses {
					every = cta.CombinedHeadway(every, u.path.headway)
				}
			}
			if every > 0 {
				return uint64(1000 * time.Hour / every)
			}
		}
	}
	return 0
}

// rate changes how far apart riders are from now on.
func (r *riders) rate(now, mean time.Duration) {
	r.mean = mean
	if r.next = never; mean > 0 {
		// The process has no memory: drawing again is the same as going on.
		r.next = now + r.random.exponentialGap(mean)
	}
}

// enter lets the next rider in.
func (r *riders) enter() cta.TurnstileEntry {
	r.next += r.random.exponentialGap(r.mean)
	u := r.random.below(r.sums[len(r.sums)-1])
	en := r.entrances[sort.Search(len(r.sums), func(i int) bool { return r.sums[i] > u })]
	l := en.choose(r.random)
	*l.entered++
	return cta.TurnstileEntry{StationID: en.station.ID, StationName: en.station.Name, Line: l.line}
}

// choose picks the line a rider comes for: one that runs at this hour, the
// likelier the more often it does. When none runs, any.
func (en *entrance) choose(random source) *lineShare {
	if en.total == 0 {
		return &en.lines[random.below(uint64(len(en.lines)))]
	}
	u := random.below(en.total)
	for i := range en.lines {
		if w := en.lines[i].weight; u < w {
			return &en.lines[i]
		} else {
			u -= w
		}
	}
	return &en.lines[len(en.lines)-1]
}
