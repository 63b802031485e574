package ctaproducer

import (
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/seed-921eec07/ctalive/cta"
)

// track is a line as its trains see it: platforms, the links between them, and
// the paths over both.
type track struct {
	line      *cta.Line
	prefix    string // of the trains' ids
	platforms map[hopKey]*platform
	paths     []*path // one a pattern
	fleet     []*train

	dispatchers []*dispatcher // for directions a and b
}

type hopKey struct {
	station   int
	direction cta.Direction
}

// platform is where trains of one line stop in one direction. It holds one.
type platform struct {
	hopKey
	passed  bool // without a stop: its station is closed, and no run begins or ends there
	uses    []use
	entered *int64 // riders who came to the station for the line
	boarded int64  // how many of them had come at the latest boarding

	train    *train        // that stands here; nil when there is none
	clear    time.Duration // when the train that left is far enough away
	departed time.Duration // when the latest train left
	approach []*train      // waiting before the platform, in order
	holding  []*train      // waiting at the platforms before until approach is empty

	yard  []*train // in service, out of the way until it is their turn to leave from here
	depot []*train // out of service

	// For events only, which share them: the engine reads hopKey.
	prevStation   int
	prevDirection cta.Direction
}

// path is a pattern: its platforms in order.
type path struct {
	pattern   *cta.Pattern
	platforms []*platform
	links     []*link       // links[i] is between platforms i and i+1
	headway   time.Duration // of this hour; 0 when no trains are sent off
	changes   []change      // of headway, the latest last
}

type change struct{ from, headway time.Duration }

// remembered is how many changes of a headway count: those of the longest runs that
// are still out.
const remembered = 24

// headwayAt is the headway at which trains that left at a time were sent off.
func (p *path) headwayAt(at time.Duration) time.Duration {
	for i := len(p.changes) - 1; i >= 0; i-- {
		if p.changes[i].from <= at {
			return p.changes[i].headway
		}
	}
	return 0
}

// use is a path's call at a platform, and the nominal time that runs take to it.
type use struct {
	path   *path
	offset time.Duration
}

// every is how far apart trains are meant to be at a platform; 0 when none come.
// Those that are sent off in one direction take turns, but not with others.
func (p *platform) every(now time.Duration) time.Duration {
	var out, back time.Duration
	for _, u := range p.uses {
		h := u.path.headwayAt(now - u.offset)
		if u.path.pattern.Direction() == cta.DirectionA {
			out = cta.CombinedHeadway(out, h)
		} else {
			back = cta.CombinedHeadway(back, h)
		}
	}
	if out == 0 || back == 0 {
		return max(out, back)
	}
	return min(out, back)
}

// link is the track from one platform to the next.
type link struct {
	run    time.Duration // in dry weather
	latest time.Duration // when the latest train that entered is due at its end
}

// newTrack returns the track of a line, nil when no trains are sent off on it at
// intended headways.
func newTrack(l *cta.Line, prefix string, r *riders) *track {
	k := &track{line: l, prefix: prefix, platforms: make(map[hopKey]*platform)}
	links := make(map[[2]*platform]*link)
	loop := make(map[int]bool)
	for _, s := range l.Stations {
		loop[s.ID] = s.Loop
	}
	for _, pattern := range l.Patterns {
		if len(pattern.Calls) < 2 || len(pattern.Headways) == 0 {
			continue
		}
		p := &path{pattern: pattern}
		for i, c := range pattern.Calls {
			q := k.platform(c, r)
			p.platforms = append(p.platforms, q)
			if i == 0 {
				q.uses = append(q.uses, use{p, 0})
				continue
			}
			before := pattern.Calls[i-1]
			id := [2]*platform{p.platforms[i-1], q}
			if links[id] == nil {
				slow := loop[before.Station.ID] // both ends, or the way out, are in the loop
				links[id] = &link{run: runningTime(before.Station.Distance(c.Station.Point), slow)}
			}
			p.links = append(p.links, links[id])
			if q != p.platforms[0] || i < len(pattern.Calls)-1 { // a ring's end is its beginning
				q.uses = append(q.uses, use{p, p.nominal()})
			}
		}
		k.paths = append(k.paths, p)
	}
	for _, p := range k.paths {
		p.platforms[0].passed, p.platforms[len(p.platforms)-1].passed = false, false
	}
	if len(k.paths) == 0 {
		return nil
	}
	for _, d := range [2]cta.Direction{cta.DirectionA, cta.DirectionB} {
		k.dispatchers = append(k.dispatchers, &dispatcher{track: k, direction: d})
	}
	return k
}

func (k *track) platform(c cta.Call, r *riders) *platform {
	key := hopKey{c.Station.ID, c.Direction}
	p := k.platforms[key]
	if p == nil {
		p = &platform{
			hopKey:        key,
			passed:        c.Station.Closed,
			entered:       r.entered(c.Station.ID, k.line.ID),
			departed:      -day, // long ago
			prevStation:   key.station,
			prevDirection: key.direction,
		}
		k.platforms[key] = p
	}
	return p
}

const day = 24 * time.Hour

// Running times are our model:
//   - The top speed is 55 mph, that of the 'L', and 18 mph in a loop with its sharp curves.
//   - Trains accelerate and brake by 1 m/s².
//   - Track is a tenth longer than the great circle.
//   - Curves, signals and slow zones add a sixth and 12 seconds.
const (
	topSpeed   = 24_600 // mm/s
	loopSpeed  = 8_000  // mm/s
	shortest   = 20 * time.Second
	slowZones  = 6 // one part in so many
	slowZone   = 12 * time.Second
	millimetre = 1000 // parts of a metre
)

// runningTime is the time from standing at one station to standing at the next.
func runningTime(metres float64, loop bool) time.Duration {
	// Distances come from trigonometry, whose last bits differ between processors:
	// whole metres don't.
	mm := int64(math.Round(metres)) * millimetre * 11 / 10
	speed := int64(topSpeed)
	if loop {
		speed = loopSpeed
	}
	// At 1 m/s², speeding up to v and braking take v seconds and v²/1000 mm each, v in mm/s.
	var ms int64
	if mm >= speed*speed/1000 {
		ms = mm*1000/speed + speed
	} else {
		ms = 2 * int64(math.Sqrt(float64(mm*1000))) // exact on every processor
	}
	run := time.Duration(ms) * time.Millisecond
	return max(shortest, run+run/slowZones+slowZone).Truncate(time.Millisecond)
}

// nominal is the time that a run takes, dwells included, when nothing happens.
func (p *path) nominal() time.Duration {
	var d time.Duration
	for _, l := range p.links {
		d += l.run + 24*time.Second
	}
	return d
}

// begins returns the platform from which a train that has ended its run at p may
// begin another: the one in the other direction, or the same one in a ring. It is p
// where none begins.
func (k *track) begins(p *platform) *platform {
	var start *platform
	for _, o := range k.paths {
		q := o.platforms[0]
		switch {
		case q.station != p.station:
		case q == p && o.platforms[len(o.platforms)-1] == p:
			return p
		case start == nil || start == p:
			start = q
		}
	}
	if start == nil {
		return p
	}
	return start
}

// trainPrefixes returns the letters that begin the ids of each line's trains: the first
// two of the line's id, as BL for blue, or more where two lines begin alike.
func trainPrefixes(lines []*cta.Line) []string {
	letters := make([][]rune, len(lines))
	longest := 0
	for i, l := range lines {
		for _, r := range strings.ToUpper(l.ID) {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				letters[i] = append(letters[i], r)
			}
		}
		longest = max(longest, len(letters[i]))
	}
	for n := 2; n <= longest; n++ {
		prefixes := make([]string, len(lines))
		seen := make(map[string]bool)
		for i, r := range letters {
			if prefixes[i] = string(r[:min(n, len(r))]); prefixes[i] != "" {
				seen[prefixes[i]] = true
			}
		}
		if len(seen) == len(lines) {
			return prefixes
		}
	}
	prefixes := make([]string, len(lines))
	for i, l := range lines {
		prefixes[i] = strings.ToUpper(l.ID) + "-"
	}
	return prefixes
}
