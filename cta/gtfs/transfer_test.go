package gtfs

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
)

// Changes on foot are those between two stations, the shortest between their platforms.
func TestTransfers(t *testing.T) {
	feed := town()
	feed["transfers.txt"] = "from_stop_id,to_stop_id,transfer_type,min_transfer_time,from_trip_id\n" +
		"11,12,2,60,\n" + // within the station
		"11,20,2,300,\n12,20,2,240,\n10,20,0,,\n12,20,3,,\n" +
		"20,11,3,,\n20,12,3,,\n" +
		"30,20,3,,\n30,20,1,,\n" +
		"30,40,5,,m1\n40,30,3,,m1\n" + // of trips
		"20,99,0,,\n20,nowhere,0,,\n"
	net, report, err := Read(files(feed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int][]cta.Transfer{
		10: {{To: 20, Time: 4 * time.Minute}},
		20: {{To: 10, Impossible: true}},
		30: {{To: 20}},
	}
	if d := cmp.Diff(want, transfersOf(net)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(want, transfersOf(again(t, net))); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
	if !slices.Contains(report.LeftOut, "2 transfers of single routes or trips") || !strings.Contains(strings.Join(report.Notices, "\n"), `transfers.txt: 1 odd value of to_stop_id, not a stop or a station of stops.txt; the first is "nowhere" in line 14`) {
		t.Errorf("%v", report)
	}
	bus, err := Narrow(net, Options{Modes: []cta.Mode{cta.ModeBus}})
	if err != nil || len(transfersOf(bus)) > 0 || len(net.Station(10).Transfers) != 1 {
		t.Errorf("the bus alone has changes %v, the whole network %v, %v", transfersOf(bus), net.Station(10).Transfers, err)
	}
}

func transfersOf(net *cta.Network) map[int][]cta.Transfer {
	got := map[int][]cta.Transfer{}
	for _, s := range net.Stations {
		if len(s.Transfers) > 0 {
			got[s.ID] = s.Transfers
		}
	}
	return got
}

// At a closed station nobody gets on or off, and readers that don't know our column see
// so in the calls.
func TestClosedStationInAFeed(t *testing.T) {
	net, _, err := Read(files(town()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	net.Station(20).Closed = true
	calls := len(net.Line("M").Patterns[0].Calls)
	back := again(t, net)
	if !back.Station(20).Closed || len(back.Line("M").Patterns[0].Calls) != calls {
		t.Errorf("the station is closed: %v; %s", back.Station(20).Closed, way(back.Line("M").Patterns[0]))
	}
	dir := t.TempDir() + "/feed"
	if err := WriteFolder(dir, net); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(dir + "/stop_times.txt")
	if text := string(data); err != nil || !strings.Contains(text, ",20,5,1,1\n") || !strings.Contains(text, ",11,1,,\n") {
		t.Errorf("%v; stop_times.txt is %s", err, text)
	}
}
