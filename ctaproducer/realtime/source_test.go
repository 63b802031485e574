package realtime

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/ctaproducer/realtime/realtimetest"
)

// styles are the ways in which agencies' feeds differ.
var styles = []struct {
	name  string
	feeds string
	edit  realtimetest.Fault
	found float64 // at least
	most  time.Duration
}{
	{"both", "vt", nil, 0.97, 20 * time.Second},
	{"vehicles with stops", "v", nil, 0.97, 25 * time.Second},
	{"coordinates alone", "v", realtimetest.NoStops, 0.97, 75 * time.Second}, // the fake's trains crawl to a stop that they are late for
	{"stops alone", "v", realtimetest.StopIDs, 0.97, 40 * time.Second},
	{"times alone", "t", nil, 0.97, 45 * time.Second},
}

// Chicago's simulated trains, published as feeds of several styles and read back: every
// arrival is found, at its time, and none is made up.
func TestArrivalsAreTheSimulations(t *testing.T) {
	source, err := cta.Chicago().Only("brown", "yellow")
	if err != nil {
		t.Fatal(err)
	}
	net, err := gtfs.WithFrequencies(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, style := range styles {
		t.Run(style.name, func(t *testing.T) {
			f := newFake(t, source, net, time.Date(2026, 10, 7, 23, 45, 0, 0, net.Location), 30*time.Minute)
			f.edit = style.edit
			// The times of trip updates are more exact than the positions'.
			if j := compare(t, f, style.feeds, style.found, style.most); style.name == "both" && j.quantile(.5) > 6*time.Second {
				t.Errorf("with trip updates, the median error is %v", j.quantile(.5))
			}
		})
	}
}

// tally runs a source against a fake, and judges what came.
func tally(t *testing.T, f *fake, feeds string) (judged, *Source) {
	t.Helper()
	from := f.Now
	got, s := f.run(t, feeds, Config{})
	j := f.judge(t, got.all, from.Add(4*time.Minute), f.Ends.Add(-2*time.Minute))
	t.Logf("found %d of %d, %d false, error median %v, 90%% %v, most %v; %d requests", j.found, j.wanted, j.false_, j.quantile(.5), j.quantile(.9), j.quantile(1), f.requests)
	return j, s
}

func compare(t *testing.T, f *fake, feeds string, found float64, most time.Duration) judged {
	t.Helper()
	j, s := tally(t, f, feeds)
	if j.wanted < 50 || j.share() < found || j.false_ > 0 || j.quantile(1) > most {
		t.Errorf("found %d of %d, %d false, errors up to %v", j.found, j.wanted, j.false_, j.quantile(1))
		for _, m := range j.misses[:min(10, len(j.misses))] {
			t.Logf("missed %s %s at %d %v", m.at.Format(time.TimeOnly), m.TrainID, m.StationID, m.Direction)
		}
		for _, m := range j.extra[:min(10, len(j.extra))] {
			t.Logf("made up %s %s at %d %v", m.at.In(f.net.Location).Format(time.TimeOnly), m.TrainID, m.StationID, m.Direction)
		}
	}
	if err := s.Ready(); err != nil {
		t.Errorf("Ready returned %v", err)
	}
	return j
}

// Imported timetables: the train's id is its trip.
func TestImportedTimetables(t *testing.T) {
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with feeds of agencies")
	}
	for _, file := range []string{"oba-maglev/raba.zip", "gtfs/caltrain.zip"} {
		redding := file == "oba-maglev/raba.zip"
		net, _, err := gtfs.Load(filepath.Join(samples, file), gtfs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, style := range styles {
			t.Run(file+" "+style.name, func(t *testing.T) {
				f := newFake(t, net, net, net.Typical.Begin(net.Location).Add(8*time.Hour), time.Hour)
				f.edit = style.edit
				if redding && style.name == "coordinates alone" {
					// Redding's timetable has many stops at the same minute. A bus that stands
					// near one of them for minutes has arrived there.
					found, _ := tally(t, f, style.feeds)
					if found.share() < 0.95 || found.false_ > 3 {
						t.Errorf("found %d of %d, %d false", found.found, found.wanted, found.false_)
					}
					return
				}
				compare(t, f, style.feeds, style.found, style.most)
			})
		}
	}
}

// Redding's own feeds of one moment, and its timetable.
func TestReddingsFeeds(t *testing.T) {
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with feeds of agencies")
	}
	folder := filepath.Join(samples, "oba-maglev")
	net, _, err := gtfs.Load(filepath.Join(folder, "raba.zip"), gtfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	aside, strays := map[string]int{}, map[string]bool{}
	in := newInference(net, 2, 15*time.Second, func(reason string) { aside[reason]++ }, func(trip string) { strays[trip] = true })
	read := func(feed int, file string) *answer {
		body, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		a, err := parse(body)
		if err != nil {
			t.Fatal(err)
		}
		in.apply(feed, a, a.at.Add(time.Second))
		return a
	}
	vehicles, trips := read(0, "raba-vehicle-positions.pb"), read(1, "raba-trip-updates.pb")
	if len(vehicles.vehicles) != 22 || len(trips.updates) != 9 || vehicles.odd+trips.odd != 0 {
		t.Errorf("read %d vehicles and %d updates, %d odd, want 22 and 9", len(vehicles.vehicles), len(trips.updates), vehicles.odd+trips.odd)
	}
	// One bus has left at 13:50 and comes to its second stop, the others are out of service.
	bus := in.byVehicle["5701"]
	if bus == nil || bus.trip.ID != "28c61524-6da8-4506-9a92-22f2f6e91872" || bus.line.ID != "24" || bus.reached != 0 || bus.depart.Format("15:04") != "13:50" {
		t.Errorf("bus 5701 is %+v", bus)
	}
	if want := time.Unix(1749418441, 0); bus != nil && !bus.expected[1].Equal(want) {
		t.Errorf("bus 5701 is expected at %v, want %v", bus.expected[1], want)
	}
	if len(strays) != 0 || len(in.trains) != 9 || aside[asideNoTrip] != 21 {
		t.Errorf("%d trips are known, %v aren't, %v set aside; want 9, none and 21 vehicles without a trip", len(in.trains), strays, aside)
	}
	skipped := 0
	for _, tr := range in.trains {
		for _, s := range tr.skipped {
			if s {
				skipped++
			}
		}
	}
	if skipped == 0 {
		t.Error("no call is skipped, though the feed says so")
	}
	// The feed of another agency, with the same network: nothing fits.
	if read(1, "unitrans-trip-updates.pb"); in.active() != 0 {
		t.Errorf("%d trains of another agency are taken", in.active())
	}
}
