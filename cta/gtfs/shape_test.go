package gtfs

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// peninsula is a feed of one trip out and back along a road, which stops at Bay on the
// way out and on the way back, and at Tip between. Points are every 10 m or so.
func peninsula(order func(row int) int) map[string]string {
	const points = 400
	rows := make([]string, points)
	for i := range rows {
		k := min(i, points-1-i)
		rows[order(i)] = fmt.Sprintf("s,%.6f,%.6f,%d\n", 41+float64(k)*0.0001, -8.6+0.004*math.Sin(float64(k)/20), i)
	}
	return map[string]string{
		"agency.txt":   "agency_name,agency_timezone\nA,Europe/Lisbon\n",
		"routes.txt":   "route_id,route_long_name,route_type\nR,Road,3\n",
		"stops.txt":    "stop_id,stop_name,stop_lat,stop_lon\n1,Town,41,-8.6\n2,Bay,41.0100,-8.6\n3,Tip,41.0200,-8.6\n",
		"calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nd,1,1,1,1,1,1,1,20260101,20261231\n",
		"trips.txt":    "route_id,service_id,trip_id,shape_id\nR,d,t,s\n",
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" +
			"t,08:00:00,08:00:00,1,1\nt,08:05:00,08:05:00,2,2\nt,08:10:00,08:10:00,3,3\nt,08:15:00,08:15:00,2,4\nt,08:20:00,08:20:00,1,5\n",
		"shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n" + strings.Join(rows, ""),
	}
}

// TestShapes reads a shape in three orders. Each call is on its own pass, and the shape
// lies within tolerance of each point.
func TestShapes(t *testing.T) {
	const points = 400
	var in [3]*cta.Network
	for k, order := range []func(int) int{
		func(i int) int { return i },
		func(i int) int { return points - 1 - i },
		func(i int) int { return i * 7 % points },
	} {
		feed := peninsula(order)
		if k > 0 { // rows of two shapes mixed
			feed["shapes.txt"] = strings.ReplaceAll(feed["shapes.txt"], "\ns,", "\nother,1,1,1\ns,")
		}
		net, report, err := Read(files(feed), Options{})
		if err != nil || len(report.Notices) > 0 {
			t.Fatal(err, report)
		}
		if d := cmp.Diff(net.Lines[0].Patterns[0].Shape(), again(t, net).Lines[0].Patterns[0].Shape()); d != "" {
			t.Errorf("(-written +read):\n%s", d)
		}
		in[k] = net
	}
	for _, net := range in[1:] {
		if d := cmp.Diff(in[0].Lines[0].Patterns[0].Shape(), net.Lines[0].Patterns[0].Shape()); d != "" {
			t.Errorf("in another order:\n%s", d)
		}
	}
	p := in[0].Lines[0].Patterns[0]
	shape := p.Shape()
	if len(shape.Points) > points/8 {
		t.Errorf("%d points are kept of %d", len(shape.Points), points)
	}
	for i := range points {
		k := min(i, points-1-i)
		at := cta.Point{Latitude: 41 + float64(k)*0.0001, Longitude: -8.6 + 0.004*math.Sin(float64(k)/20)}
		if _, off := shape.Points.Nearest(at); off > tolerance+2 {
			t.Errorf("point %d is %.0f m from the shape", i, off)
		}
	}
	north := []bool{true, true, false, false}
	for i, want := range north {
		path := p.Path(shape, i)
		if moves := path[len(path)-1].Latitude > path[0].Latitude; moves != want {
			t.Errorf("from call %d: %v", i, path)
		}
		from := p.Calls[i].Station.Point
		if _, off := path[:1].Nearest(from); off > 450 {
			t.Errorf("call %d is %.0f m from its stop", i, off)
		}
	}
	// Half of the way from Town to Bay is where the road is, in its direction.
	at, degrees, moves := p.Path(shape, 0).At(0.5)
	if _, off := shape.Points.Nearest(at); off > 1 || !moves || degrees > 90 && degrees < 270 {
		t.Errorf("half way is %v, %.0f m from the shape, at %.0f°", at, off, degrees)
	}
}

// TestBackwardShape expects straight lines for a trip whose shape is of the way back.
func TestBackwardShape(t *testing.T) {
	feed := peninsula(func(i int) int { return i })
	head, rows, _ := strings.Cut(feed["shapes.txt"], "\n")
	back := strings.SplitAfter(rows, "\n")[300:] // from Bay to Town
	feed["shapes.txt"] = head + "\n" + strings.Join(back, "")
	calls := strings.SplitAfter(feed["stop_times.txt"], "\n")
	for name, c := range map[string]struct {
		calls []string
		shape bool
	}{"out": {calls[1:3], false}, "back": {calls[4:6], true}} {
		feed["stop_times.txt"] = calls[0] + strings.Join(c.calls, "")
		net, _, err := Read(files(feed), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s := net.Lines[0].Patterns[0].Shape(); (s != nil) != c.shape {
			t.Errorf("%s: shape %v", name, s)
		}
	}
}

// TestShapeOfSomeTrips expects a pattern's shape where its first trip has none.
func TestShapeOfSomeTrips(t *testing.T) {
	feed := peninsula(func(i int) int { return i })
	feed["trips.txt"] = "route_id,service_id,trip_id,shape_id\nR,d,t,s\nR,d,u,\n"
	for row := range strings.Lines(feed["stop_times.txt"]) {
		if strings.HasPrefix(row, "t,") {
			feed["stop_times.txt"] += strings.NewReplacer("t,", "u,", "08:", "07:").Replace(row)
		}
	}
	net, _, err := Read(files(feed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p := net.Lines[0].Patterns; len(p) != 1 || len(p[0].Trips) != 2 || p[0].Trips[0].Shape != nil || p[0].Shape() == nil {
		t.Errorf("patterns %+v", p)
	}
}

// TestFaultyShapes expects straight lines and a notice, and no error.
func TestFaultyShapes(t *testing.T) {
	for name, c := range map[string]struct {
		edit   func(string) string
		shape  bool
		notice string
	}{
		"no file":      {func(string) string { return "" }, false, ""},
		"a quote":      {func(s string) string { return s + "s,\"41,2\n" }, false, "shapes.txt:402"},
		"no column":    {func(s string) string { return strings.Replace(s, "shape_pt_lat", "lat", 1) }, false, "400 odd values of shape_pt_lat"},
		"a bad number": {func(s string) string { return strings.Replace(s, ",41.010000,", ",910,", 1) }, true, "1 odd value of shape_pt_lat"},
		"elsewhere":    {func(s string) string { return strings.ReplaceAll(s, "s,41.0", "s,42.0") }, false, ""},
	} {
		feed := peninsula(func(i int) int { return i })
		if feed["shapes.txt"] = c.edit(feed["shapes.txt"]); feed["shapes.txt"] == "" {
			delete(feed, "shapes.txt")
		}
		net, report, err := Read(files(feed), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p := net.Lines[0].Patterns[0]; (p.Shape() != nil) != c.shape || c.notice == "" != (len(report.Notices) == 0) || !strings.Contains(strings.Join(report.Notices, "\n"), c.notice) {
			t.Errorf("%s: shape %v, notices %q", name, p.Shape(), report.Notices)
		}
	}
}

// sameShapes expects the points of each shape on the other's, to twice the tolerance: a
// shape is read from its first call to its last, and simplified anew. It returns
// their number.
func sameShapes(t *testing.T, a, b *cta.Network) (shapes int) {
	t.Helper()
	for i, l := range a.Lines {
		for j, p := range l.Patterns {
			x, y := p.Shape(), b.Lines[i].Patterns[j].Shape()
			if x == nil {
				continue
			}
			if shapes++; y == nil {
				t.Fatalf("%s: a pattern has lost its shape", l.ID)
			}
			for k := range p.Calls[1:] {
				for _, at := range p.Path(x, k) {
					if _, off := b.Lines[i].Patterns[j].Path(y, k).Nearest(at); off > 2*tolerance+1 {
						t.Fatalf("%s: %v is %.0f m from the shape behind call %d", l.ID, at, off, k)
					}
				}
			}
		}
	}
	return shapes
}

// roads is a feed of shapes of some points each, none of which can be left out, and of trips
// with some calls along them, or the other way.
func roads(shapes, points, trips, calls int, back bool) map[string]string {
	feed := peninsula(func(i int) int { return i })
	rows := []byte("shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n")
	for s := range shapes {
		for i := range points { // 11 m north, and 30 to 140 m east or west
			at := i
			if back {
				at = points - 1 - i
			}
			rows = fmt.Appendf(rows, "s%d,%.4f,%.5f,%d\n", s, 41+float64(at)*1e-4, -8.6+float64(i%2)*1e-3+float64(i*37%64)*1e-5, i)
		}
	}
	var stops, list, times strings.Builder
	stops.WriteString("stop_id,stop_name,stop_lat,stop_lon\n")
	const near = 20 // stops of which a trip calls at one
	for i := range near * calls {
		fmt.Fprintf(&stops, "%d,Stop %d,%.6f,-8.5995\n", i, i, 41+1e-4*float64(points-1)*float64(i/near)/float64(calls-1)+1e-6*float64(i%near))
	}
	list.WriteString("route_id,service_id,trip_id,shape_id\n")
	times.WriteString("trip_id,arrival_time,departure_time,stop_id,stop_sequence\n")
	for k := range trips { // each along other stops
		fmt.Fprintf(&list, "R,d,t%d,s%d\n", k, k%shapes)
		for i, rest := 0, k; i < calls; i, rest = i+1, rest/near {
			fmt.Fprintf(&times, "t%d,%s,%s,%d,%d\n", k, clock(int32(60*i)), clock(int32(60*i)), near*i+rest%near, i)
		}
	}
	feed["shapes.txt"], feed["stops.txt"], feed["trips.txt"], feed["stop_times.txt"] = string(rows), stops.String(), list.String(), times.String()
	return feed
}

// TestShapesAreBounded reads shapes within each limit and beyond it. Positions of the trips
// beyond are on straight lines, and a notice says so.
func TestShapesAreBounded(t *testing.T) {
	if race.Enabled {
		t.Skip("without -race: millions of points are ten times slower with it")
	}
	for name, c := range map[string]struct {
		shapes, points, trips, calls int
		want                         int // trips with a shape
		notice                       string
	}{
		"a shape":                       {1, maxShape, 1, 2, 1, ""},
		"a shape of too many points":    {1, maxShape + 1, 1, 2, 0, "1 shape of more than 20000 points"},
		"calls and lines":               {1, maxShape, 1, maxPlacing / maxShape, 1, ""},
		"too many calls and lines":      {1, maxShape, 1, maxPlacing/maxShape + 1, 0, ""},
		"too many points, as placed":    {1, maxShape, maxShapePoints/maxShape + 10, 2, maxShapePoints/maxShape + 1, "the shapes of those before have 30"},
		"too many points of no use":     {1, maxShape, maxShapePoints/maxShape + 10, 2, 0, "of 3020000 points, are far from their stops"},
		"too many points, as published": {maxShapePoints/maxShape + 1, maxShape, maxShapePoints/maxShape + 1, 2, 0, "shapes.txt: more than 3000000 points"},
	} {
		t.Run(name, func(t *testing.T) {
			net, report, err := Read(files(roads(c.shapes, c.points, c.trips, c.calls, name == "too many points of no use")), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, p := range net.Lines[0].Patterns {
				for _, trip := range p.Trips {
					if trip.Shape != nil {
						got++
					}
				}
			}
			if notices := strings.Join(report.Notices, "\n"); got != c.want || c.notice == "" != (notices == "") || !strings.Contains(notices, c.notice) {
				t.Errorf("%d of %d trips have a shape, want %d; notices %q, want %q", got, c.trips, c.want, report.Notices, c.notice)
			}
		})
	}
}

// BenchmarkReadShapes reads 4,000 patterns, each with its own shape of 500 points, as a
// large agency publishes them.
func BenchmarkReadShapes(b *testing.B) {
	feed := files(roads(4000, 500, 4000, 40, false))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Read(feed, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
