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
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
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

// TestRecordings holds the trains shown and the predictions against recordings of the
// real Purple Line, where they are. The next station of a train is that of its position.
func TestRecordings(t *testing.T) {
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with recordings")
	}
	files, err := filepath.Glob(filepath.Join(samples, "cta-insights", "purple-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings in %s: %v", samples, err)
	}
	net, err := cta.Chicago().Only("purple")
	if err != nil {
		t.Fatal(err)
	}
	r := newRoute("p", net.Line("purple"))
	var shown, real, extra int
	var scores [4]struct {
		n              int
		err, plain, in float64 // s, s, share; times n
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rec struct{ Observations []observed }
		if err := json.Unmarshal(raw, &rec); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		slices.SortStableFunc(rec.Observations, func(a, b observed) int { return cmp.Compare(a.At, b.At) })
		in := newInference(net, func(string) {})
		tr := live.NewTracker(net)
		last, moved := map[string]observed{}, map[string]int64{}
		for i := 0; i < len(rec.Observations); {
			at := rec.Observations[i].At
			root := &traintrackertest.Answer{Tmst: time.UnixMilli(at).In(net.Location).Format("2006-01-02T15:04:05"), ErrCd: "0"}
			var trains []*traintrackertest.Train
			for ; i < len(rec.Observations) && rec.Observations[i].At == at; i++ {
				o := rec.Observations[i]
				before, known := last[o.Run]
				if !known || before.Lat != o.Lat || before.Lon != o.Lon {
					moved[o.Run] = at
				}
				destination := r.destination(&report{destName: o.Destination}, nil)
				if destination == 0 {
					continue
				}
				trains = append(trains, r.entryOf(o, moved[o.Run], destination, net.Location))
				last[o.Run] = o
			}
			root.Route = []*traintrackertest.Route{{Name: "p", Train: trains}}
			body, err := json.Marshal(map[string]any{"ctatt": root})
			if err != nil {
				t.Fatal(err)
			}
			now := time.UnixMilli(at)
			a, err := parse(body, now, net.Location)
			if err != nil {
				t.Fatal(err)
			}
			arrivals, _ := in.apply(a, now, 15*time.Second)
			for _, e := range arrivals {
				tr.ApplyArrival(cta.KeyAt(e.at), e.Arrival)
			}
			tr.Record(now)
			if v := tr.View(now); at-rec.Observations[0].At > 20*60_000 {
				real += len(trains)
				for _, x := range v.Trains {
					run := x.ID[len("purple-") : len(x.ID)-len("-20260101")]
					switch has := slices.ContainsFunc(trains, func(e *traintrackertest.Train) bool { return e.Rn == run }); {
					case has:
						shown++
					case x.State == live.Running:
						extra++
					}
				}
			}
		}
		v := tr.View(time.UnixMilli(rec.Observations[len(rec.Observations)-1].At))
		for i, s := range v.Scores {
			x := &scores[i]
			n := int(s.All.Count)
			x.n += n
			x.err += float64(n) * s.All.Error.Seconds()
			x.plain += float64(n) * s.All.PlainError.Seconds()
			x.in += float64(n) * s.All.InRange
		}
	}
	if shown < real*95/100 || extra > real*3/100 {
		t.Errorf("trains are missing, or shown that are gone")
	}
	t.Logf("%d trains in the recordings' answers, %d shown, %d running that are not there", real, shown, extra)
	for i, x := range scores {
		if n := float64(x.n); n > 0 {
			if x.err >= x.plain || x.in < 0.75*n {
				t.Errorf("horizon %v: no better than distance alone, or outside the range", live.Horizons[i])
			}
			t.Logf("horizon %v: %d predictions, error %.0f s, by distance alone %.0f s, %.0f %% in their range", live.Horizons[i], x.n, x.err/n, x.plain/n, 100*x.in/n)
		}
	}
}
