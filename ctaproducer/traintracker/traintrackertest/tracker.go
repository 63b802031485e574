// Package traintrackertest is a fake of the CTA's Train Tracker, for tests. Its trains are
// those of a simulation, of any other arrivals, or of a recording, and it has the faults
// that the real one has.
//
//	tracker, err := traintrackertest.New(cta.Chicago(), arrivals, time.Now)
//	server := httptest.NewServer(tracker) // ttpositions.aspx and the others
//	tracker.Set(traintrackertest.None, traintrackertest.NoPlatforms)
//
// It serves ttpositions.aspx, ttarrivals.aspx, ttfollow.aspx and alerts.aspx, under any
// path, as XML, or as JSON where outputType=JSON asks for it. The shape of the answers, the
// parameters and the error codes are those of the CTA's documentation
// (https://www.transitchicago.com/developers/ttdocs/); forms of values are those of answers
// that users have published, in XML those of ttarrivals.
//
// Positions are 10 seconds old and those of track circuits, so a train keeps one for a
// while. Trains pass closed stations.
package traintrackertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
)

// Key is the key that a [Tracker] accepts.
const Key = "0123456789abcdef0123456789abcdef"

// Tracker is a Train Tracker. It is safe for concurrent use.
type Tracker struct {
	net *cta.Network
	now func() time.Time

	mu       sync.Mutex
	trains   []*train
	runs     map[string]string  // by train id
	recorded []recording.Answer // in place of trains
	alerts   []Alert
	outage   Outage
	code     int
	faults   []Fault
	late     bool
	limit    int // calls a day; 0: none
	day      string
	calls    int     // of the day
	last     *Answer // before the outage
	lastAt   time.Time
}

// New returns a Train Tracker of arrivals, in order of time. It reads all of them. net is
// [cta.Chicago], or some of its lines. now is the server's clock.
func New(net *cta.Network, arrivals iter.Seq2[time.Time, cta.Arrival], now func() time.Time) *Tracker {
	t := &Tracker{net: net, now: now, runs: map[string]string{}}
	t.trains = t.read(arrivals)
	return t
}

// Recorded returns a Train Tracker with the recorded answers in a folder: each time the
// latest one that came by now.
func Recorded(net *cta.Network, dir string, now func() time.Time) (*Tracker, error) {
	t := &Tracker{net: net, now: now}
	err := recording.Play(context.Background(), dir, math.Inf(1), func(a recording.Answer) error {
		t.recorded = append(t.recorded, a)
		return nil
	}, "train-tracker")
	if err != nil {
		return nil, fmt.Errorf("traintrackertest: %w", err)
	}
	return t, nil
}

// RunNumber returns the run number of a train of New's arrivals.
func (t *Tracker) RunNumber(train string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.runs[train]
}

// Set replaces the faults. It ends a [Tracker.Refuse].
func (t *Tracker) Set(outage Outage, faults ...Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outage, t.faults, t.code = outage, faults, 0
}

// Refuse lets every call fail with an error code of the documentation.
func (t *Tracker) Refuse(code int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.code = code
}

// Limit bounds the calls from midnight to midnight in Chicago; 0 is no bound, as is the
// default. Further ones get error 102.
func (t *Tracker) Limit(calls int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limit = calls
}

// MoveOnLate lets next stations change as trains leave a station, not as they come to it.
func (t *Tracker) MoveOnLate(late bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = late
}

// Alert replaces the alerts.
func (t *Tracker) Alert(alerts ...Alert) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alerts = alerts
}

// Positions returns an answer of ttpositions, without its faults: the trains at a time.
func (t *Tracker) Positions(at time.Time) *Answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.positions(at)
}

// ServeHTTP serves the files of the Train Tracker and of the alerts.
func (t *Tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.outage {
	case Page:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><title>Service unavailable</title>")
		return
	case Trouble:
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<html>down</html>")
		return
	}
	now, q := t.now(), r.URL.Query()
	var answer any
	var body bytes.Buffer // the answer in JSON
	switch path.Base(r.URL.Path) {
	case "ttpositions.aspx":
		if code := t.refusal(now, q, "rt", 8); code != 0 {
			answer = t.refused(now, code, q)
			break
		}
		if raw := t.raw(now); raw != nil && t.outage == None && len(t.faults) == 0 {
			body.Write(raw) // byte by byte
			break
		}
		answer = root(t.faulty(now, list(q, "rt")))
	case "ttarrivals.aspx":
		answer = t.arrivals(now, q)
	case "ttfollow.aspx":
		answer = t.follow(now, q)
	case "alerts.aspx":
		answer = t.notices(now)
	default:
		http.NotFound(w, r)
		return
	}
	var err error
	if answer != nil {
		out := json.NewEncoder(&body)
		out.SetEscapeHTML(false)
		err = out.Encode(answer)
	}
	text, kind := body.Bytes(), "application/json"
	if !strings.EqualFold(q.Get("outputType"), "JSON") && err == nil {
		kind = "text/xml"
		text, err = asXML(text)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	_, _ = w.Write(text)
}

func root(a any) any { return map[string]any{"ctatt": a} }

// faulty returns the answer of ttpositions with its faults.
func (t *Tracker) faulty(now time.Time, routes []string) *Answer {
	if t.last == nil || t.outage == None || t.outage == Empty {
		t.last, t.lastAt = t.positions(now), now
	}
	a := t.last
	switch t.outage {
	case Frozen:
	case Stuck:
		a = t.positions(t.lastAt)
		a.Tmst = t.clock(now)
	case Again:
		a = t.positions(now.Add(-3 * time.Minute))
		a.Tmst = t.clock(now)
	case Ahead:
		a = t.positions(now.Add(time.Hour))
	case Empty:
		a = &Answer{Tmst: t.clock(now), ErrCd: "0"}
	}
	copied := &Answer{Tmst: a.Tmst, ErrCd: a.ErrCd, ErrNm: a.ErrNm}
	for _, r := range a.Route {
		if !slices.ContainsFunc(routes, func(code string) bool { return strings.EqualFold(code, r.Name) }) {
			continue
		}
		of := &Route{Name: r.Name}
		for _, tr := range r.Train {
			c := *tr
			of.Train = append(of.Train, &c)
		}
		copied.Route = append(copied.Route, of)
	}
	for _, fault := range t.faults {
		fault(now, copied)
	}
	return copied
}

// The error codes of the documentation, in our words.
var messages = map[int]string{
	100: "Required parameter missing", 101: "Invalid API key", 102: "Maximum daily usage exceeded", 103: "Invalid mapid", 104: "mapid must be an integer",
	105: "Maximum of 4 mapids", 106: "Invalid route", 107: "Too many routes", 108: "Invalid stpid", 109: "Maximum of 4 stpids", 110: "Invalid max",
	111: "max must be a positive integer", 112: "stpid must be an integer", 500: "Invalid parameter", 501: "Invalid run number",
	502: "Unable to determine upcoming stops", 503: "Unable to find predictions", 900: "Server error",
}

// refusal returns the error code for a call; 0 for none. required is a parameter of a list
// that must be there, most the number of its elements.
func (t *Tracker) refusal(now time.Time, q url.Values, required string, most int) int {
	if today := now.In(t.net.Location).Format(time.DateOnly); today != t.day {
		t.day, t.calls = today, 0
	}
	t.calls++
	known := map[string]bool{"key": true, "outputType": true, "rt": true, "mapid": true, "stpid": true, "max": true, "runnumber": true, "_": true}
	switch {
	case t.code != 0:
		return t.code
	case q.Get("key") == "" || required != "" && q.Get(required) == "":
		return 100
	case q.Get("key") != Key:
		return 101
	case t.limit > 0 && t.calls > t.limit:
		return 102
	}
	for name := range q {
		if !known[name] {
			return 500
		}
	}
	routes := list(q, "rt")
	for _, r := range routes {
		if form.Lines[strings.ToLower(r)] == "" {
			return 106
		}
	}
	if len(routes) > most {
		return 107
	}
	return 0
}

// list returns the elements of a parameter, which may come several times.
func list(q url.Values, name string) (all []string) {
	for _, v := range q[name] {
		for _, s := range strings.Split(v, ",") {
			if s != "" {
				all = append(all, s)
			}
		}
	}
	return all
}

func (t *Tracker) refused(now time.Time, code int, q url.Values) any {
	name := messages[code]
	if code == 101 {
		name += " " + q.Get("key") // as the real one repeats what it was sent
	}
	return root(&Answer{Tmst: t.clock(now), ErrCd: strconv.Itoa(code), ErrNm: &name})
}

// numbers reads a list of ids; code is that of an error, 0 without one.
func numbers(texts []string, most, integer, many int) (ids []int, code int) {
	for _, s := range texts {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return nil, integer
		}
		ids = append(ids, n)
	}
	if len(ids) > most {
		return nil, many
	}
	return ids, 0
}

func (t *Tracker) arrivals(now time.Time, q url.Values) any {
	code := t.refusal(now, q, "", 4)
	stations, wrong := numbers(list(q, "mapid"), 4, 104, 105)
	stops, wrong2 := numbers(list(q, "stpid"), 4, 112, 109)
	most := math.MaxInt
	if text := q.Get("max"); text != "" && code == 0 {
		n, err := strconv.Atoi(text)
		switch {
		case err != nil:
			code = 110
		case n < 1:
			code = 111
		}
		most = n
	}
	switch {
	case code != 0:
	case wrong != 0 || wrong2 != 0:
		code = max(wrong, wrong2)
	case len(stations)+len(stops) == 0:
		code = 100
	}
	for _, id := range stations {
		if code == 0 && t.net.Station(id) == nil {
			code = 103
		}
	}
	wanted := map[int]bool{}
	for _, s := range t.net.Stations {
		for _, p := range s.Stops {
			for _, id := range stops {
				wanted[id] = wanted[id] || p.ID == id
			}
			for _, id := range stations {
				wanted[p.ID] = wanted[p.ID] || s.ID == id
			}
		}
	}
	for _, id := range stops {
		if code == 0 && !wanted[id] {
			code = 108
		}
	}
	if code != 0 {
		return t.refused(now, code, q)
	}
	routes := list(q, "rt")
	a := &etas{Tmst: t.clock(now), ErrCd: "0"}
	for _, e := range t.etas(now) {
		stop, _ := strconv.Atoi(e.StpID)
		of := func(code string) bool { return strings.EqualFold(code, e.Rt) }
		if (len(routes) == 0 || slices.ContainsFunc(routes, of)) && wanted[stop] && len(a.Eta) < most {
			a.Eta = append(a.Eta, e)
		}
	}
	return root(a)
}

func (t *Tracker) follow(now time.Time, q url.Values) any {
	if code := t.refusal(now, q, "runnumber", 4); code != 0 {
		return t.refused(now, code, q)
	}
	a := &etas{Tmst: t.clock(now), ErrCd: "0"}
	for _, e := range t.etas(now) {
		if e.Rn == q.Get("runnumber") && e.Lat != nil {
			a.Position = &position{e.Lat, e.Lon, e.Heading}
			a.Eta = append(a.Eta, e)
		}
	}
	if len(a.Eta) == 0 {
		return t.refused(now, 501, q)
	}
	return root(a)
}
