package examples_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/proto"
)

// The page shows trains that the Train Tracker has, and the CTA's alerts; no text holds the key.
func TestTrainsWithDashboard(t *testing.T) {
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	const key = "k3yThatNobodyMaySee"
	next := []struct{ station, stop string }{{"41300", "30251"}, {"40100", "30020"}, {"41190", "30227"}, {"40900", "30173"}} // Loyola to Howard
	var answers atomic.Int64
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("key") != key {
			http.Error(w, "bad key "+r.URL.Query().Get("key"), http.StatusForbidden)
			return
		}
		at := next[min(int(answers.Add(1))-1, len(next)-1)]
		now := time.Now().In(zone).Format("2006-01-02T15:04:05")
		json.NewEncoder(w).Encode(map[string]any{"ctatt": map[string]any{"tmst": now, "errCd": "0", "errNm": nil, "route": []any{
			map[string]any{"@name": "red", "train": map[string]any{"rn": "813", "destSt": "30173", "destNm": "Howard", "trDr": "1",
				"nextStaId": at.station, "nextStpId": at.stop, "prdt": now, "arrT": now, "isApp": "1", "isDly": "0", "flags": nil, "lat": "0", "lon": "0", "heading": "0"}},
		}}})
	}))
	defer tracker.Close()

	notices := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"CTAAlerts":{"ErrorCode":"0","Alert":{"AlertId":"1","Headline":"Trains stand","ImpactedService":{"Service":{"ServiceType":"R","ServiceId":"Red"}}}}}`)
	}))
	defer notices.Close()

	wrong := start(t, "trains", append(free, "-key", "wrong"+key, "-train-tracker", tracker.URL, "-alerts", "")...)
	wrong.exits(1, 20*time.Second)
	if out := wrong.out.String(); strings.Contains(out, key) || !strings.Contains(out, "HTTP 403") {
		t.Errorf("a wrong key: printed %q", out)
	}

	health := unused(t)
	trains := start(t, "trains", append(free, "-key", key, "-train-tracker", tracker.URL, "-every", "5s", "-alerts", notices.URL, "-listen", health)...)
	dash := start(t, "dashboard", "-brokers", trains.await(`Kafka (\S+), `), "-registry", trains.await(`Schema Registry (\S+), `), "-listen", "127.0.0.1:0")
	awaitStatus(t, dash.await(`dashboard at (\S+)`), "a train on the Red Line", func(s status) bool {
		for _, l := range s.Lines {
			if l.ID == "red" && len(l.Trains) == 1 {
				return strings.Contains(string(l.Trains[0]), `"red-813-`) // and the service day
			}
		}
		return false
	})
	awaitStatus(t, dash.await(`dashboard at (\S+)`), "the CTA's alert", func(s status) bool {
		return len(s.Alerts) == 1 && s.Alerts[0].Header.Text == "Trains stand"
	})
	_, metrics := get(t, "http://"+health+"/metrics")
	if !strings.Contains(metrics, `ctalive_train_tracker_calls_total{result="ok"}`) || !strings.Contains(metrics, "ctalive_train_tracker_calls_left 49") {
		t.Error("metrics don't tell of calls and of the budget")
	}
	for _, p := range []*process{dash, trains} {
		p.interrupt()
		if strings.Contains(p.out.String(), key) {
			t.Error("printed the key")
		}
	}
}

// An agency's GTFS-Realtime feed drives the page of its network. No text holds the key.
func TestFeedWithDashboard(t *testing.T) {
	const key = "k3yThatNobodyMaySee"
	now := time.Now().UTC()
	clock := func(minutes int) string {
		at := now.Add(time.Duration(minutes) * time.Minute).Sub(now.Truncate(24 * time.Hour))
		return fmt.Sprintf("%02d:%02d:%02d", int(at.Hours()), int(at.Minutes())%60, int(at.Seconds())%60)
	}
	network := t.TempDir()
	stops, times := "", ""
	for i := range 6 {
		stops += fmt.Sprintf("s%d,Stop %d,50.0%d,8.0\n", i, i, i)
		times += fmt.Sprintf("trip-1,%s,%s,s%d,%d\n", clock(2*i), clock(2*i), i, i+1)
	}
	for name, text := range map[string]string{
		"agency.txt":     "agency_id,agency_name,agency_url,agency_timezone\n1,Village Bus,https://bus.example,UTC\n",
		"stops.txt":      "stop_id,stop_name,stop_lat,stop_lon\n" + stops,
		"routes.txt":     "route_id,agency_id,route_short_name,route_type\n7,1,7,3\n",
		"trips.txt":      "route_id,service_id,trip_id\n7,daily,trip-1\n",
		"calendar.txt":   "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\ndaily,1,1,1,1,1,1,1,20200101,20991231\n",
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" + times,
	} {
		if err := os.WriteFile(filepath.Join(network, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var answers atomic.Int64
	agency := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != key {
			http.Error(w, "bad key "+r.Header.Get("X-Api-Key"), http.StatusForbidden)
			return
		}
		at := uint64(time.Now().Unix())
		if r.URL.Path == "/alerts" {
			notice := &pb.TranslatedString{Translation: []*pb.TranslatedString_Translation{{Text: proto.String("Buses stand")}}}
			body, err := proto.Marshal(&pb.FeedMessage{
				Header: &pb.FeedHeader{GtfsRealtimeVersion: proto.String("2.0"), Timestamp: &at},
				Entity: []*pb.FeedEntity{{Id: proto.String("1"), Alert: &pb.Alert{HeaderText: notice, InformedEntity: []*pb.EntitySelector{{RouteId: proto.String("7")}}}}},
			})
			if err != nil {
				t.Error(err)
			}
			w.Write(body)
			return
		}
		stop := min(uint32(answers.Add(1)), 6)
		body, err := proto.Marshal(&pb.FeedMessage{
			Header: &pb.FeedHeader{GtfsRealtimeVersion: proto.String("2.0"), Timestamp: &at},
			Entity: []*pb.FeedEntity{{Id: proto.String("1"), Vehicle: &pb.VehiclePosition{
				Trip: &pb.TripDescriptor{TripId: proto.String("trip-1")}, Vehicle: &pb.VehicleDescriptor{Id: proto.String("bus 12")},
				CurrentStopSequence: &stop, CurrentStatus: pb.VehiclePosition_STOPPED_AT.Enum(), Timestamp: &at,
			}}},
		})
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
	}))
	defer agency.Close()

	health, recorded := unused(t), t.TempDir()
	trains := start(t, "trains", append(free, "-network", network, "-vehicles", agency.URL+"/vehicles?token="+key, "-header", "X-Api-Key: "+key, "-every", "5s", "-alerts", agency.URL+"/alerts", "-record", recorded, "-listen", health)...)
	dash := start(t, "dashboard", "-network", network, "-brokers", trains.await(`Kafka (\S+), `), "-registry", trains.await(`Schema Registry (\S+), `), "-listen", "127.0.0.1:0")
	awaitStatus(t, dash.await(`dashboard at (\S+)`), "a bus on line 7", func(s status) bool {
		return len(s.Lines) == 1 && len(s.Lines[0].Trains) == 1 && strings.Contains(string(s.Lines[0].Trains[0]), "trip-1")
	})
	_, metrics := get(t, "http://"+health+"/metrics")
	if !strings.Contains(metrics, `ctalive_realtime_calls_total{result="ok"}`) || !strings.Contains(metrics, "ctalive_realtime_trains 1") {
		t.Error("metrics don't tell of calls and of the train")
	}
	manual, err := os.ReadFile("../OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range metricName.FindAllString(metrics, -1) {
		if strings.HasPrefix(name, "ctalive_realtime_") && !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("OPERATIONS.md doesn't explain %s", name)
		}
	}
	for _, p := range []*process{dash, trains} {
		p.interrupt()
		if strings.Contains(p.out.String(), key) {
			t.Error("printed the key")
		}
	}

	// The recording shows the same train, without a key.
	trains = start(t, "trains", append(free, "-network", network, "-replay", recorded, "-speed", "10")...)
	dash = start(t, "dashboard", "-network", network, "-brokers", trains.await(`Kafka (\S+), `), "-registry", trains.await(`Schema Registry (\S+), `), "-listen", "127.0.0.1:0")
	awaitStatus(t, dash.await(`dashboard at (\S+)`), "the bus of the recording", func(s status) bool {
		return len(s.Lines) == 1 && len(s.Lines[0].Trains) == 1 && strings.Contains(string(s.Lines[0].Trains[0]), "trip-1")
	})
	awaitStatus(t, dash.await(`dashboard at (\S+)`), "the alert of the recording", func(s status) bool {
		return len(s.Alerts) == 1 && s.Alerts[0].Header.Text == "Buses stand"
	})
	dash.interrupt()
	trains.interrupt()
}
