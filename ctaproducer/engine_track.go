package ctaproducer

import (
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/seed-921eec07/ctalive/cta"
)

// track is a line as its trains see it: platforms, the links between them, and
// the paths that lead out and back.
type track struct {
	line      *cta.Line
	prefix    string // of the trains' ids
	platforms map[hopKey]*platform
	paths     []*path // one a route
	fleet     []*train
	out, back *dispatcher // for directions a and b

	service cta.Service // of this hour
	running bool
}

type hopKey struct {
	station   int
	direction cta.Direction
}

// platform is where trains of one line stop in one direction. It holds one.
type platform struct {
	hopKey
	paths   int    // that lead here
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

// path is a route there and back: its platforms in direction a, then those in b.
type path struct {
	route     cta.Route
	platforms []*platform
	links     []*link // links[i] is between platforms i and i+1; nil where trains turn
	far       int     // index of the first platform in direction b
}

// link is the track from one platform to the next.
type link struct {
	run    time.Duration // in dry weather
	latest time.Duration // when the latest train that entered is due at its end
}

// newTrack returns the track of a line, nil when it has nowhere to go.
func newTrack(l *cta.Line, prefix string, r *riders) *track {
	k := &track{line: l, prefix: prefix, platforms: make(map[hopKey]*platform)}
	links := make(map[[2]hopKey]*link)
	for _, route := range l.Routes {
		if len(route.Stations) < 2 || route.Loop < 1 {
			continue
		}
		p := &path{route: route, far: len(route.Stations)}
		hops := append(route.Hops(cta.DirectionA), route.Hops(cta.DirectionB)...)
		for i, h := range hops {
			q := k.platform(h, r)
			q.paths++
			p.platforms = append(p.platforms, q)
			if i+1 == len(hops) || i+1 == p.far && route.Terminates() {
				p.links = append(p.links, nil)
				continue
			}
			next := hops[i+1]
			id := [2]hopKey{{h.Station.ID, h.Direction}, {next.Station.ID, next.Direction}}
			if links[id] == nil {
				slow := i >= route.Loop && i < p.far // both ends, or the way out, are in the loop
				links[id] = &link{run: runningTime(cta.Distance(h.Station, next.Station), slow)}
			}
			p.links = append(p.links, links[id])
		}
		k.paths = append(k.paths, p)
	}
	if len(k.paths) == 0 {
		return nil
	}
	k.out = &dispatcher{track: k, direction: cta.DirectionA}
	k.back = &dispatcher{track: k, direction: cta.DirectionB}
	return k
}

func (k *track) platform(h cta.Hop, r *riders) *platform {
	key := hopKey{h.Station.ID, h.Direction}
	p := k.platforms[key]
	if p == nil {
		p = &platform{
			hopKey:        key,
			entered:       r.entered(h.Station.ID, k.line.ID),
			departed:      -day, // long ago
			prevStation:   key.station,
			prevDirection: key.direction,
		}
		k.platforms[key] = p
	}
	return p
}

const day = 24 * time.Hour

// Running times are our model: trains reach 55 mph, which is the top speed of
// the 'L', but in a loop with its sharp curves 18 mph; speed changes by a metre a
// second each second; track is a tenth longer than the great circle; and curves,
// signals and slow zones cost a sixth and twelve seconds more.
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

// nominal is the time that a run along p takes from platform i to its end, dwells
// included, when nothing happens.
func (p *path) nominal(i int) time.Duration {
	var d time.Duration
	for _, l := range p.links[i:] {
		if l != nil {
			d += l.run + 24*time.Second
		}
	}
	return d
}

// short returns the index in p at which trains turn back in the present service,
// and that of the same station in direction b. ok is false when they run through.
func (k *track) short(p *path) (turn, back int, ok bool) {
	if k.service.Last == 0 {
		return 0, 0, false
	}
	for i := 1; i < p.route.Loop; i++ {
		if p.platforms[i].station == k.service.Last {
			back = len(p.platforms) - 1 - i
			return i, back, !(p.route.Terminates() && back == p.far)
		}
	}
	return 0, 0, false
}

// serves reports whether trains come to a station in the present service.
func (k *track) serves(stationID int) bool {
	for _, p := range k.paths {
		turn, _, short := k.short(p)
		for i, q := range p.platforms[:p.far] {
			if q.station == stationID && (!short || i <= turn) {
				return true
			}
		}
	}
	return false
}

// trainPrefixes returns the letters that begin the ids of each line's trains: the
// first two of the line's id, as BL for blue, or as many as tell the lines apart.
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
