package examples_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The page shows trains that the Train Tracker has; no text holds the key.
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
				return strings.Contains(string(l.Trains[0]), fmt.Sprintf("red-813-%s", time.Now().In(zone).Add(-3*time.Hour).Format("20060102")))
			}
		}
		return false
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
