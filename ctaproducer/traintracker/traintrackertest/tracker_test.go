package traintrackertest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
)

var start = ctaproducer.DefaultStart(cta.Chicago())

// simulation is half an hour of trains of all lines.
var simulation = sync.OnceValues(func() ([]ctaproducer.Event, error) {
	sim, err := ctaproducer.NewSimulation(cta.Chicago(), ctaproducer.SimulationConfig{Seed: 3, NoFaults: true, For: 50 * time.Minute})
	if err != nil {
		return nil, err
	}
	var all []ctaproducer.Event
	for e := range sim.Events() {
		if e.Kind == ctaproducer.EventArrival {
			all = append(all, e)
		}
	}
	return all, nil
})

func simulated(t *testing.T) *Tracker {
	t.Helper()
	events, err := simulation()
	if err != nil {
		t.Fatal(err)
	}
	var arrivals iter.Seq2[time.Time, cta.Arrival] = func(yield func(time.Time, cta.Arrival) bool) {
		for _, e := range events {
			if !yield(e.At, e.Arrival) {
				return
			}
		}
	}
	return New(cta.Chicago(), arrivals, func() time.Time { return start.Add(20 * time.Minute) })
}

func get(t *testing.T, tr *Tracker, path string) (status int, body []byte) {
	t.Helper()
	return raw(t, tr, path+"&outputType=JSON")
}

// raw is get, in XML where the path doesn't ask for JSON.
func raw(t *testing.T, tr *Tracker, path string) (status int, body []byte) {
	t.Helper()
	w := httptest.NewRecorder()
	tr.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/1.0/"+path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, body
}

// forms are the forms of texts, of which the first that fits counts.
var forms = []struct {
	name string
	is   *regexp.Regexp
}{
	{"time", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`)}, {"date", regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)},
	{"flag", regexp.MustCompile(`^[01]$`)}, {"station", regexp.MustCompile(`^[34]\d{4}$`)}, {"number", regexp.MustCompile(`^\d+$`)},
	{"degrees", regexp.MustCompile(`^-?\d+\.\d{1,5}$`)}, {"empty", regexp.MustCompile(`^$`)}, {"text", regexp.MustCompile(`(?s).`)},
}

// shapes collects the forms of all members of a document by path. A list, and an object in
// the place of one, count as the same: clients can't tell which comes.
func shapes(of map[string]map[string]bool, path string, v any) {
	add := func(form string) {
		if of[path] == nil {
			of[path] = map[string]bool{}
		}
		of[path][form] = true
	}
	switch v := v.(type) {
	case map[string]any:
		add("object")
		for k, x := range v {
			shapes(of, path+"."+k, x)
		}
	case []any:
		for _, x := range v {
			shapes(of, path, x)
		}
	case nil:
		add("null")
	case string:
		for _, f := range forms {
			if f.is.MatchString(v) {
				add(f.name)
				break
			}
		}
	default:
		add(fmt.Sprintf("%T", v))
	}
}

func shapesOf(t *testing.T, bodies ...[]byte) map[string]map[string]bool {
	t.Helper()
	of := map[string]map[string]bool{}
	for _, body := range bodies {
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatalf("%v: %.200s", err, body)
		}
		shapes(of, "", v)
	}
	return of
}

// differ compares forms: every member is in both, in a form that the real one has.
func differ(t *testing.T, fake, real map[string]map[string]bool) {
	t.Helper()
	for path := range real {
		if fake[path] == nil {
			t.Errorf("%s is missing", path)
		}
	}
	for path, forms := range fake {
		if real[path] == nil {
			t.Errorf("%s is in no real answer", path)
			continue
		}
		for form := range forms {
			if !real[path][form] {
				t.Errorf("%s is a %s, want one of %v", path, form, slices.Sorted(maps.Keys(real[path])))
			}
		}
	}
}

func samples(t *testing.T, names ...string) (bodies [][]byte) {
	t.Helper()
	dir := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if dir == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with answers of the real Train Tracker")
	}
	for _, name := range names {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// Member by member, arrivals have the form of real ones.
func TestArrivalsLookLikeRealOnes(t *testing.T) {
	real := shapesOf(t, samples(t, "cta-eta-dn/train-ttarrivals-40380-2026-02-06.json")...)
	_, body := get(t, simulated(t), "ttarrivals.aspx?key="+Key+"&mapid=40380")
	differ(t, shapesOf(t, body), real)
}

// Member by member, alerts have the form of real ones.
func TestAlertsLookLikeRealOnes(t *testing.T) {
	real := shapesOf(t, samples(t, "cta-insights/cta-alerts-live.json")...)
	tr := simulated(t)
	tr.Alert(alerts()...)
	_, body := get(t, tr, "alerts.aspx?")
	differ(t, shapesOf(t, body), real)
}

func alerts() []Alert {
	return []Alert{
		{ID: "93306", Headline: "Delays", Short: "Trains stand.", Full: "<p>A signal failed.</p>", Class: "minor", Impact: "Minor Delays", Start: start, Lines: []string{"brn", "p"}},
		{ID: "93307", Headline: "Elevator", Short: "Out of service.", Full: "<p>Until tonight.</p>", Class: "special-note", Impact: "Elevator Status", Start: start, End: start.Add(time.Hour), Stations: []int{40380}},
	}
}

// Every value is a text or null, in a form that the documentation shows; positions and
// arrivals tell the same of a train; lists of one are objects.
func TestAnswers(t *testing.T) {
	tr := simulated(t)
	all := strings.Join([]string{"Red", "Blue", "Brn", "G", "Org", "P", "Pink", "Y"}, ",")
	_, body := get(t, tr, "ttpositions.aspx?key="+Key+"&rt="+all)
	train := map[string]map[string]bool{}
	for _, m := range []string{"rn", "destSt", "destNm", "trDr", "nextStaId", "nextStpId", "nextStaNm", "prdt", "arrT", "isApp", "isDly", "flags", "lat", "lon", "heading"} {
		train[m] = nil
	}
	got := shapesOf(t, body)
	for path, forms := range got {
		if m, ok := strings.CutPrefix(path, ".ctatt.route.train."); ok {
			if _, known := train[m]; !known {
				t.Errorf("trains have a member %s", m)
			}
			delete(train, m)
		}
		for form := range forms {
			if form == "float64" || form == "bool" {
				t.Errorf("%s is a %s, want texts alone", path, form)
			}
		}
	}
	if len(train) > 0 {
		t.Errorf("trains lack %v", slices.Collect(maps.Keys(train)))
	}
	for path, form := range map[string]string{".ctatt.tmst": "time", ".ctatt.route.train.prdt": "time", ".ctatt.route.train.lat": "degrees", ".ctatt.route.train.nextStaId": "station"} {
		if len(got[path]) != 1 || !got[path][form] {
			t.Errorf("%s is %v, want %s", path, got[path], form)
		}
	}
	now, trains, followed := start.Add(20*time.Minute), 0, 0
	for _, r := range tr.Positions(now).Route {
		for i, p := range r.Train {
			trains++
			if i > 0 { // one of a line is enough
				continue
			}
			_, body := get(t, tr, "ttfollow.aspx?key="+Key+"&runnumber="+p.Rn)
			var answer struct {
				Root etas `json:"ctatt"`
			}
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatal(err)
			}
			found := slices.IndexFunc(answer.Root.Eta, func(e *eta) bool { return e.StpID == p.NextStpID && strings.EqualFold(e.Rt, r.Name) })
			if found < 0 || answer.Root.Eta[found].ArrT != p.ArrT || answer.Root.Eta[found].Prdt != p.Prdt || *answer.Root.Eta[found].Lat != p.Lat {
				t.Errorf("train %s %s is %+v, and followed %s", r.Name, p.Rn, p, body)
			}
			followed++
		}
	}
	if trains < 50 || followed != 8 {
		t.Errorf("%d trains, %d followed", trains, followed)
	}
	tr.Set(None, func(_ time.Time, a *Answer) {
		a.Route = a.Route[:1]
		a.Route[0].Train = a.Route[0].Train[:1]
	})
	if _, body := get(t, tr, "ttpositions.aspx?key="+Key+"&rt="+all); !strings.Contains(string(body), `"route":{"@name":"blue","train":{"rn":"`) {
		t.Errorf("lists of one are not objects: %s", body)
	}
	tr.Alert(alerts()[:1]...)
	if _, body := get(t, tr, "alerts.aspx?"); !strings.Contains(string(body), `"Alert":{"AlertId":"93306"`) {
		t.Errorf("one alert is no object: %s", body)
	}
}

// Each error of the documentation comes of the call that it is for, with status 200.
func TestErrors(t *testing.T) {
	const ok = "&key=" + Key
	for call, want := range map[string]int{
		"ttpositions.aspx?rt=red": 100, "ttpositions.aspx?key=" + Key: 100, "ttarrivals.aspx?key=" + Key: 100, "ttfollow.aspx?key=" + Key: 100,
		"ttpositions.aspx?rt=red&key=wrong": 101, "ttarrivals.aspx?mapid=1" + ok: 103, "ttarrivals.aspx?mapid=x" + ok: 104,
		"ttarrivals.aspx?mapid=40380,40380,40380,40380,40380" + ok: 105, "ttpositions.aspx?rt=tram" + ok: 106,
		"ttarrivals.aspx?mapid=40380&rt=red,blue,g,p,y" + ok: 107, "ttarrivals.aspx?stpid=1" + ok: 108, "ttarrivals.aspx?stpid=30074,30074,30074,30074,30074" + ok: 109,
		"ttarrivals.aspx?mapid=40380&max=x" + ok: 110, "ttarrivals.aspx?mapid=40380&max=0" + ok: 111, "ttarrivals.aspx?stpid=x" + ok: 112,
		"ttpositions.aspx?rt=red&colour=red" + ok: 500, "ttfollow.aspx?runnumber=99999" + ok: 501,
		"ttpositions.aspx?rt=red,blue,brn,g,org,p,pink,y" + ok: 0, "ttarrivals.aspx?stpid=30074&max=2" + ok: 0,
	} {
		status, body := get(t, simulated(t), call)
		var answer struct{ Ctatt struct{ ErrCd string } }
		if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || answer.Ctatt.ErrCd != strconv.Itoa(want) {
			t.Errorf("%s: status %d, %s, want code %d", call, status, body, want)
		}
	}
	tr := simulated(t)
	tr.Limit(1)
	for i, want := range []string{`"errCd":"0"`, `"errCd":"102"`} {
		if _, body := get(t, tr, "ttpositions.aspx?rt=red"+ok); !strings.Contains(string(body), want) {
			t.Errorf("call %d of a limit of one: %.100s", i+1, body)
		}
	}
	for code := range messages {
		tr.Refuse(code)
		if _, body := get(t, tr, "ttpositions.aspx?rt=red"+ok); !strings.Contains(string(body), fmt.Sprintf(`"errCd":"%d"`, code)) {
			t.Errorf("refused with %d: %s", code, body)
		}
	}
	tr.Set(Page)
	if _, body := get(t, tr, "ttpositions.aspx?rt=red"+ok); !strings.HasPrefix(string(body), "<html>") {
		t.Errorf("in an outage: %s", body)
	}
	tr.Set(Trouble)
	if status, _ := get(t, tr, "ttpositions.aspx?rt=red"+ok); status != http.StatusServiceUnavailable {
		t.Errorf("in trouble: status %d", status)
	}
}

// A recording answers as it was recorded, byte by byte, and takes faults too.
func TestRecorded(t *testing.T) {
	dir := t.TempDir()
	recorder, err := recording.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	const path = "ttpositions.aspx?rt=red,y&key=" + Key
	_, first := get(t, simulated(t), path)
	for i, body := range [][]byte{first, []byte(`{"ctatt":{"tmst":"2026-10-07T08:00:15","errCd":"0","errNm":null}}`)} {
		if err := recorder.Add(recording.Answer{Feed: "train-tracker", Came: start.Add(time.Duration(i) * time.Minute), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	now := start.Add(30 * time.Second)
	tr, err := Recorded(cta.Chicago(), dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, tr, path); string(body) != string(first) {
		t.Errorf("got  %.300s\nwant %.300s", body, first)
	}
	if _, body := get(t, tr, "ttfollow.aspx?runnumber=001&key="+Key); !strings.Contains(string(body), `"rn":"001"`) {
		t.Errorf("followed: %s", body)
	}
	tr.Set(None, NoPositions)
	if _, body := get(t, tr, path); !strings.Contains(string(body), `"lat":"0"`) {
		t.Errorf("with a fault: %.300s", body)
	}
	now = now.Add(time.Minute)
	tr.Set(None)
	if _, body := get(t, tr, path); strings.Contains(string(body), "route") {
		t.Errorf("a minute later: %s", body)
	}
}

// Unless JSON is asked for, answers are XML, with the elements of real ones.
func TestXML(t *testing.T) {
	tr := simulated(t)
	_, body := raw(t, tr, "ttarrivals.aspx?mapid=40380&key="+Key)
	var got, want struct {
		XMLName xml.Name `xml:"ctatt"`
		Tmst    string   `xml:"tmst"`
		ErrNm   *string  `xml:"errNm"`
		Eta     []struct {
			Elements []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"eta"`
	}
	if err := xml.Unmarshal(body, &got); err != nil || len(got.Eta) < 5 || got.ErrNm == nil {
		t.Fatalf("%v, %d arrivals: %.300s", err, len(got.Eta), body)
	}
	if _, err := time.Parse("20060102 15:04:05", got.Tmst); err != nil {
		t.Error(err)
	}
	if _, body := raw(t, tr, "ttpositions.aspx?rt=red&key="+Key); !strings.Contains(string(body), `<errNm></errNm><route name="red"><train><rn>`) {
		t.Errorf("positions are %.300s", body)
	}
	if _, body := raw(t, tr, "ttpositions.aspx?rt=red&key=wrong"); !strings.Contains(string(body), "<errCd>101</errCd>") {
		t.Errorf("refused with %s", body)
	}
	tr.Alert(alerts()...)
	if _, body := raw(t, tr, "alerts.aspx"); strings.Count(string(body), "<Alert><AlertId>") != 2 || !strings.Contains(string(body), "<FullDescription><![CDATA[<p>A signal failed.</p>]]></FullDescription>") {
		t.Errorf("alerts are %.900s", body)
	}
	for _, body := range samples(t, "cta-reliability/traindemo.xml") {
		if err := xml.Unmarshal(body, &want); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range want.Eta[0].Elements {
		if name := got.Eta[0].Elements[i].XMLName.Local; name != e.XMLName.Local {
			t.Errorf("element %d is %s, want %s", i, name, e.XMLName.Local)
		}
	}
}
