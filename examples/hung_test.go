package examples_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The process with broker, registry and REST Proxy hangs. Ctrl+C ends every other program
// within its five seconds, and those that sent records say what has become of them.
func TestProgramsEndWhileServicesHang(t *testing.T) {
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	stops := []string{"30251", "30020", "30227", "30173"} // Loyola to Howard
	stations := []string{"41300", "40100", "41190", "40900"}
	var answers atomic.Int64
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		at := int(answers.Add(1)) % len(stops)
		now := time.Now().In(zone).Format("2006-01-02T15:04:05")
		json.NewEncoder(w).Encode(map[string]any{"ctatt": map[string]any{"tmst": now, "errCd": "0", "errNm": nil, "route": []any{
			map[string]any{"@name": "red", "train": map[string]any{"rn": "813", "destSt": "30173", "destNm": "Howard", "trDr": "1",
				"nextStaId": stations[at], "nextStpId": stops[at], "prdt": now, "arrT": now, "isApp": "1", "isDly": "0", "flags": nil, "lat": "0", "lon": "0", "heading": "0"}},
		}}})
	}))
	defer tracker.Close()

	server := start(t, "turnstiles", free...)
	args := []string{"-services", "external", "-brokers", server.await(`Kafka (\S+), `), "-registry", server.await(`Schema Registry (\S+), `), "-rest-proxy", server.await(`REST Proxy (\S+)`)}
	run := func(name string, more ...string) *process { return start(t, name, append(more, args...)...) }
	programs := map[string]*process{
		"simulation": run("simulation", "-speed", "200"),
		"embed":      run("embed", "-speed", "200", "-listen", "127.0.0.1:0"),
		"trains":     run("trains", "-key", "k", "-train-tracker", tracker.URL, "-every", "5s", "-alerts", ""),
		"turnstiles": run("turnstiles"),
		"stations":   run("stations"),
		"dashboard":  run("dashboard", "-listen", "127.0.0.1:0"),
	}
	for name, sign := range map[string]string{
		"simulation": `[1-9]\d* (arrivals|entries)`, "embed": `dashboard at`, "trains": `trains: one call`,
		"turnstiles": `caught up`, "stations": `caught up`, "dashboard": `dashboard at`,
	} {
		programs[name].await(sign)
	}
	if err := server.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	programs["one that starts"] = run("turnstiles", "-group", "another")
	for more, end := answers.Load()+1, time.Now().Add(40*time.Second); answers.Load() < more; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("trains has not asked for trains again")
		}
	}
	for _, p := range programs {
		if err := p.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	for name, p := range programs {
		<-p.done
		out := p.out.String()
		if strings.Contains(out, "did not stop within") {
			t.Errorf("%s was cut off", name)
		}
		if sends := name == "simulation" || name == "embed" || name == "trains"; sends && !strings.Contains(out, `msg="producer closed"`) {
			t.Errorf("%s doesn't say what has become of its records", name)
		}
	}
	if out := programs["simulation"].out.String(); !strings.Contains(out, "\nevents: ") {
		t.Error("the simulation has printed no summary")
	}
}
