package traintracker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker/traintrackertest"
)

// observed is one position of a recording.
type observed struct {
	At          int64   `json:"ts"` // ms
	Run         string  `json:"rn"`
	Direction   string  `json:"trDr"`
	Destination string  `json:"destination"`
	Lat         float64 `json:"lat"`
	Lon         float64 `json:"lon"`
}

// spot is a place between two calls.
type spot struct {
	from, to node
	before   float64 // metres to to
	past     float64 // metres from from
	aside    float64 // metres from the straight line between them
}

// place returns the spot of a position on the way of a train in a direction.
func (r *route) spot(o observed, ways map[node]bool) spot {
	best := spot{aside: math.Inf(1)}
	scale := math.Cos(o.Lat * math.Pi / 180)
	for from, edges := range r.next {
		for _, e := range edges {
			if e.turn || !ways[from] || !ways[e.to] {
				continue
			}
			a, b := r.place[from.station], r.place[e.to.station]
			dx, dy := (b.Longitude-a.Longitude)*scale, b.Latitude-a.Latitude
			px, py := (o.Lon-a.Longitude)*scale, o.Lat-a.Latitude
			f := min(max((px*dx+py*dy)/(dx*dx+dy*dy), 0), 1)
			const metres = 111_195 // per degree
			length := math.Hypot(dx, dy) * metres
			s := spot{from, e.to, (1 - f) * length, f * length, math.Hypot(px-f*dx, py-f*dy) * metres}
			if s.aside < best.aside || s.aside == best.aside && (s.to.station < best.to.station) {
				best = s
			}
		}
	}
	return best
}

// ways returns the calls from which a destination is reached.
func (r *route) ways(destination int) map[node]bool {
	ways := map[node]bool{}
	for n := range r.next {
		if r.reaches(n, destination) {
			ways[n] = true
		}
	}
	for n := range r.last {
		if n.station == destination {
			ways[n] = true
		}
	}
	return ways
}

const standsWithin = 120 // metres

// entryOf is what the Train Tracker would have said of a position.
func (r *route) entryOf(o observed, moved int64, destination int, zone *time.Location) *traintrackertest.Train {
	s := r.spot(o, r.ways(destination))
	next, app := s.to, s.before < 400
	if s.past < standsWithin {
		next, app = s.from, true
	}
	is := "0"
	if app {
		is = "1"
	}
	return &traintrackertest.Train{
		Rn: o.Run, DestSt: strconv.Itoa(destination), DestNm: o.Destination, TrDr: o.Direction,
		NextStaID: strconv.Itoa(next.station), Prdt: time.UnixMilli(moved).In(zone).Format("2006-01-02T15:04:05"), IsApp: is,
		Lat: fmt.Sprint(o.Lat), Lon: fmt.Sprint(o.Lon),
	}
}

// lineRecording is a recording of a line's trains.
type lineRecording struct {
	name string
	net  *cta.Network // the line alone
	*route
	observations []observed // in order of time
}

// recorded returns the recordings of real trains: hours of the Purple Line, with a position
// every 15 s, and an hour of each of three lines, with one every 30 s.
func recorded(t *testing.T) (all []lineRecording) {
	t.Helper()
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with recordings")
	}
	files, err := filepath.Glob(filepath.Join(samples, "cta-insights", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		code, tracks := strings.CutSuffix(name, "-tracks")
		if !tracks && !strings.HasPrefix(name, "purple-") {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rec struct {
			Observations []observed
			Tracks       map[string]map[string][]struct {
				At       int64 `json:"t"`
				Lat, Lon float64
			}
			DestByRnDir map[string]map[string]string
		}
		if err := json.Unmarshal(raw, &rec); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if !tracks {
			code = "p"
		}
		for run, ways := range rec.Tracks {
			for way, points := range ways {
				for _, p := range points {
					rec.Observations = append(rec.Observations, observed{p.At, run, way, rec.DestByRnDir[run][way], p.Lat, p.Lon})
				}
			}
		}
		slices.SortStableFunc(rec.Observations, func(a, b observed) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Run, b.Run)) })
		net, err := cta.Chicago().Only(form.Lines[code])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, lineRecording{name, net, newRoute(code, net.Lines[0]), rec.Observations})
	}
	if len(all) < 9 {
		t.Fatalf("%d recordings", len(all))
	}
	return all
}

// play calls each with what the Train Tracker would have answered, and when. Next stations
// are those of positions.
func (l lineRecording) play(t *testing.T, each func(now time.Time, body []byte, a *answer)) {
	t.Helper()
	last, moved := map[string]observed{}, map[string]int64{}
	for i := 0; i < len(l.observations); {
		at := l.observations[i].At
		var trains []*traintrackertest.Train
		for ; i < len(l.observations) && l.observations[i].At == at; i++ {
			o := l.observations[i]
			before, known := last[o.Run]
			if !known || before.Lat != o.Lat || before.Lon != o.Lon {
				moved[o.Run] = at
			}
			destination := l.destination(&report{destName: o.Destination}, nil)
			if destination == 0 {
				continue
			}
			trains = append(trains, l.entryOf(o, moved[o.Run], destination, l.net.Location))
			last[o.Run] = o
		}
		now := time.UnixMilli(at)
		root := &traintrackertest.Answer{Tmst: now.In(l.net.Location).Format("2006-01-02T15:04:05"), ErrCd: "0", Route: []*traintrackertest.Route{{Name: l.code, Train: trains}}}
		body, err := json.Marshal(map[string]any{"ctatt": root})
		if err != nil {
			t.Fatal(err)
		}
		a, err := parse(body, now, l.net.Location)
		if err != nil {
			t.Fatal(err)
		}
		each(now, body, a)
	}
}

// TestRecordings holds the trains shown and the predictions against recordings of real
// trains.
func TestRecordings(t *testing.T) {
	var shown, real, extra int
	var scores [4]struct {
		n                       int
		err, plain, in          float64 // s, s, share; times n
		early, inEarly          float64 // of the first 45 minutes: predictions, and those in range
		naive                   int     // looks at the next arrival, and the errors by the last headway and of ours
		naiveError, betterError float64
	}
	for _, l := range recorded(t) {
		in := newInference(l.net, func(string) {})
		tr := live.NewTracker(l.net)
		type place struct {
			station int
			d       cta.Direction
		}
		type guess struct{ made, ours, naive time.Time }
		guesses, came := map[place][]guess{}, map[place][]time.Time{}
		var end time.Time
		l.play(t, func(now time.Time, _ []byte, a *answer) {
			arrivals, _ := in.apply(a, now, 15*time.Second)
			for _, e := range arrivals {
				tr.ApplyArrival(cta.KeyAt(e.at), e.Arrival)
				p := place{e.StationID, e.Direction}
				came[p] = append(came[p], e.at)
			}
			tr.ScorePredictions(now)
			if half := time.UnixMilli(l.observations[0].At).Add(45 * time.Minute); end.Before(half) && !now.Before(half) {
				for i, s := range tr.View(now).Scores {
					scores[i].early += float64(s.All.Count)
					scores[i].inEarly += float64(s.All.Count) * s.All.InRange
				}
			}
			end = now
			if now.Sub(time.UnixMilli(l.observations[0].At)) <= 20*time.Minute {
				return
			}
			v := tr.View(now)
			real += len(a.trains)
			for _, x := range v.Trains {
				run := runOf(arrival{Arrival: cta.Arrival{TrainID: x.ID}})
				switch has := slices.ContainsFunc(a.trains, func(r report) bool { return r.run == run }); {
				case has:
					shown++
				case x.State == live.StateRunning:
					extra++
				}
			}
			for _, b := range v.Boards {
				if len(b.Next) > 0 && b.Headway.Observed > 0 {
					p := place{b.Station, b.Direction}
					guesses[p] = append(guesses[p], guess{now, b.Next[0].Expected, b.Headway.Last.Add(b.Headway.Observed)})
				}
			}
		})
		for i, s := range tr.View(end).Scores {
			x := &scores[i]
			n := int(s.All.Count)
			x.n += n
			x.err += float64(n) * s.All.Error.Seconds()
			x.plain += float64(n) * s.All.PlainError.Seconds()
			x.in += float64(n) * s.All.InRange
		}
		for p, list := range guesses { // the next arrival, by our first prediction and by the last headway
			slices.SortFunc(came[p], time.Time.Compare)
			for _, g := range list {
				k, _ := slices.BinarySearchFunc(came[p], g.made, time.Time.Compare)
				if k == len(came[p]) {
					continue
				}
				for i, h := range live.Horizons {
					if ahead := came[p][k].Sub(g.made); ahead >= h.From && ahead < h.To {
						x := &scores[i]
						x.naive++
						x.naiveError += came[p][k].Sub(g.naive).Abs().Seconds()
						x.betterError += came[p][k].Sub(g.ours).Abs().Seconds()
					}
				}
			}
		}
	}
	if shown < real*95/100 || extra > real*3/100 {
		t.Errorf("trains are missing, or shown that are gone")
	}
	t.Logf("%d trains in the recordings' answers, %d shown, %d running that are not there", real, shown, extra)
	for i, x := range scores {
		if n := float64(x.n); n > 0 {
			later := (x.in - x.inEarly) / (n - x.early)
			if x.err >= x.plain || x.inEarly < 0.75*x.early || later < 0.84 {
				t.Errorf("horizon %v: no better than distance alone, or outside the range", live.Horizons[i])
			}
			t.Logf("horizon %v: %d predictions, error %.0f s, by distance alone %.0f s; in their range %.0f %% of %.0f in the first 45 minutes, %.0f %% later",
				live.Horizons[i], x.n, x.err/n, x.plain/n, 100*x.inEarly/x.early, x.early, 100*later)
		}
		if n := float64(x.naive); n > 0 {
			t.Logf("horizon %v: next arrivals at %d looks, error %.0f s, by the last headway %.0f s", live.Horizons[i], x.naive, x.betterError/n, x.naiveError/n)
			if x.betterError >= x.naiveError {
				t.Errorf("horizon %v: no better than the last headway", live.Horizons[i])
			}
		}
	}
}
