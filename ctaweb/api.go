package ctaweb

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// The answers of the JSON API: assets/openapi.json describes them. Every answer except
// the status has as_of and one member, named after the resource.

type lineSummary struct {
	ID           string            `json:"id"`
	Ref          string            `json:"ref,omitempty"`
	Code         string            `json:"code,omitempty"`
	Mode         cta.Mode          `json:"mode,omitempty"`
	Name         string            `json:"name"`
	Color        string            `json:"color"`
	TextColor    string            `json:"text_color"`
	LastHeard    time.Time         `json:"last_heard,omitzero"`
	Level        live.Level        `json:"level"`
	Directions   []DirectionStatus `json:"directions"`
	Trains       int               `json:"trains"` // in service
	Entries      int64             `json:"entries"`
	EntriesToday int64             `json:"entries_today"`
}

type stationSummary struct {
	ID           int           `json:"id"`
	Ref          string        `json:"ref,omitempty"`  // the agency's own id, in its feed, when that isn't ID
	Code         string        `json:"code,omitempty"` // by which riders know it
	Name         string        `json:"name"`
	Lines        []string      `json:"lines"`
	Closed       bool          `json:"closed,omitempty"` // trains pass without a stop
	Accessible   *bool         `json:"accessible"`       // without steps; nil when it isn't known
	Latitude     float64       `json:"latitude"`
	Longitude    float64       `json:"longitude"`
	Entries      int64         `json:"entries"`
	EntriesToday int64         `json:"entries_today"`
	CountsAsOf   time.Time     `json:"counts_as_of,omitzero"`
	Crowding     live.Crowding `json:"crowding"`
	// LatelySeconds is the time over which EntriesLately were counted and
	// EntriesUsual are usual; 0 when there is no telling.
	EntriesLately int64 `json:"entries_lately"`
	EntriesUsual  int64 `json:"entries_usual"`
	LatelySeconds int64 `json:"lately_seconds"`
}

type stationDetail struct {
	stationSummary
	Stops       []stopSummary   `json:"stops"`
	Predictions []platformBoard `json:"predictions"`
	Today       daySummary      `json:"today"`
}

type stopSummary struct {
	ID   int    `json:"id"`
	Ref  string `json:"ref,omitempty"`
	Code string `json:"code,omitempty"`
	Name string `json:"name"`
}

func stops(s *cta.Station) []stopSummary {
	list := []stopSummary{}
	if s == nil { // only the stations table has it
		return list
	}
	for _, p := range s.Stops {
		list = append(list, stopSummary{p.ID, p.Ref, p.Code, p.Name})
	}
	return list
}

type daySummary struct {
	Since   *time.Time    `json:"since"` // nil when no entries are known
	Entries int64         `json:"entries"`
	Usual   int64         `json:"usual"`
	Hours   []hourSummary `json:"hours"`
}

type hourSummary struct {
	Hour    int       `json:"hour"`
	From    time.Time `json:"from"`
	Entries *int64    `json:"entries"` // nil while unknown
	Usual   int64     `json:"usual"`
}

type platformBoard struct {
	Line            string           `json:"line"`
	Direction       cta.Direction    `json:"direction"`
	Towards         string           `json:"towards"`
	Ends            bool             `json:"ends"` // all its trains end their runs here
	Here            []string         `json:"here"` // ids of trains at the platform
	Standing        []standingTrain  `json:"standing"`
	Next            []plannedArrival `json:"next"`
	Ending          []plannedArrival `json:"ending"` // trains that end their runs here
	Last            time.Time        `json:"last,omitzero"`
	Resumes         time.Time        `json:"resumes,omitzero"`
	Spacing         live.Spacing     `json:"spacing"`
	IntendedSeconds int64            `json:"intended_seconds"`
	ObservedSeconds int64            `json:"observed_seconds"` // between the last two trains; 0 when unknown
	CurrentSeconds  int64            `json:"current_seconds"`  // from the last train to the next
	uneven          bool             // no headway describes the timetable
}

// standingTrain is one that is broken down at a platform.
type standingTrain struct {
	Train string    `json:"train"`
	Since time.Time `json:"since"`
}

type plannedArrival struct {
	Train    string    `json:"train"` // empty when it isn't known
	Station  int       `json:"station"`
	Towards  string    `json:"towards"`
	Ends     bool      `json:"ends"` // its run, there
	Expected time.Time `json:"expected"`
	Earliest time.Time `json:"earliest"`
	Latest   time.Time `json:"latest"`
	// Source is whose Expected is. Ours and Agency are both predictions, where the agency
	// has one too.
	Source live.Source `json:"source"`
	Ours   time.Time   `json:"ours,omitzero"`
	Agency time.Time   `json:"agency,omitzero"`
	Basis  live.Basis  `json:"basis"`
	Maybe  bool        `json:"maybe"` // it may take another branch
	// RestsOn is a broken-down train that must leave first.
	RestsOn *restsOn `json:"rests_on,omitempty"`
}

type restsOn struct {
	Train   string    `json:"train"`
	Station int       `json:"station"`
	GoesOn  time.Time `json:"goes_on"` // if it stands for as long as is usual
}

type trainDetail struct {
	*Train
	Latitude  float64          `json:"latitude"`
	Longitude float64          `json:"longitude"`
	Fraction  float64          `json:"fraction"` // of the way from station to next
	Stops     []plannedArrival `json:"stops"`
}

type scoreSummary struct {
	FromSeconds     int64   `json:"from_seconds"` // of how far ahead it was predicted
	ToSeconds       int64   `json:"to_seconds"`
	Predictions     int64   `json:"predictions"` // in the last hour
	ErrorSeconds    float64 `json:"error_seconds"`
	PlainSeconds    float64 `json:"plain_error_seconds"` // of distance over mean speed
	InBand          float64 `json:"in_band"`
	InRange         float64 `json:"in_range"`
	BandEarlySecond int64   `json:"band_early_seconds"`
	BandLateSeconds int64   `json:"band_late_seconds"`
	// Rivals compares ours with the agency's, where it predicts too.
	Rivals *rivalry `json:"rivals,omitempty"`
}

// rivalry is how good our predictions and the agency's were, for the same arrivals.
type rivalry struct {
	Predictions int64       `json:"predictions"` // of either side
	Ours        rival       `json:"ours"`
	Agency      rival       `json:"agency"`
	Better      live.Source `json:"better"`
}

type rival struct {
	ErrorSeconds float64 `json:"error_seconds"`
	BiasSeconds  float64 `json:"bias_seconds"` // above zero: trains came later
	InBand       float64 `json:"in_band"`
	InRange      float64 `json:"in_range"`
}

type statusAnswer struct {
	*Status
	Accuracy []scoreSummary `json:"accuracy"`
	Prefer   live.Source    `json:"prefer"`
}

// answers are renderings of a snapshot, each made when first asked for.
type answers struct {
	mu   sync.Mutex
	made map[string]*body
}

func (a *answers) of(key string) *body {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.made == nil {
		a.made = map[string]*body{}
	}
	b := a.made[key]
	if b == nil {
		b = &body{}
		a.made[key] = b
	}
	return b
}

// forget drops the entry of a missing resource, so that invented addresses take no
// memory.
func (a *answers) forget(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.made, key)
}

// errNone is returned by the rendering of a missing resource.
var errNone = errors.New("no such thing")

func (h *Handler) snapshot(w http.ResponseWriter, r *http.Request) (*snapshot, *language) {
	l := h.language(w, r)
	w.Header().Set("Content-Language", l.code)
	return h.pub.snapshot().translated(h.model.net, l), l
}

// resource answers with what find returns, as JSON; nil is not found.
func (h *Handler) resource(member string, find func(s *snapshot, r *http.Request) any) http.HandlerFunc {
	return h.answer(member, func(s *snapshot, b *body, r *http.Request) ([]byte, error) {
		v := find(s, r)
		if v == nil {
			return nil, errNone
		}
		data, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		b.tag = "W/" + hash(string(data)) // the same a second later, if nothing happened
		var asOf any
		if !s.status.AsOf.IsZero() {
			asOf = s.status.AsOf
		}
		return json.Marshal(map[string]any{"as_of": asOf, member: json.RawMessage(data)})
	})
}

// answer answers with JSON that is made once for each snapshot.
func (h *Handler) answer(name string, render func(*snapshot, *body, *http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, _ := h.snapshot(w, r)
		b := s.answers.of(r.URL.EscapedPath())
		switch err := b.get(func() ([]byte, error) { return render(s, b, r) }); {
		case errors.Is(err, errNone):
			s.answers.forget(r.URL.EscapedPath())
			jsonError(w, http.StatusNotFound, "there is no such "+name)
		case err != nil:
			h.cfg.Log.Error("JSON answer not rendered", "path", r.URL.Path, "err", err)
			jsonError(w, http.StatusInternalServerError, "this can't be shown at the moment")
		default:
			serveBody(w, r, "application/json", "no-cache", b)
		}
	}
}

func (h *Handler) routeAPI() {
	h.route("/api/v1/status", jsonError, h.answer("status", wholeStatus))
	h.route("/api/v1/openapi.json", jsonError, func(w http.ResponseWriter, r *http.Request) {
		serveBody(w, r, "application/json", "no-cache", &h.assets.openapi.body)
	})
	h.route("/api/v1/lines", jsonError, h.resource("lines", func(s *snapshot, _ *http.Request) any {
		lines := []lineSummary{}
		for _, l := range s.status.Lines {
			a, b := l.running()
			lines = append(lines, lineSummary{
				ID: l.ID, Ref: l.Ref, Code: l.Code, Mode: l.Mode, Name: l.Name, Color: l.Color, TextColor: l.TextColor,
				LastHeard: l.LastHeard, Level: l.Level, Directions: l.Directions, Trains: a + b, Entries: l.Entries, EntriesToday: l.EntriesToday,
			})
		}
		return lines
	}))
	h.route("/api/v1/lines/{id}", jsonError, h.resource("line", func(s *snapshot, r *http.Request) any {
		if l, _ := s.status.line(idOf(r)); l != nil {
			return l
		}
		return nil
	}))
	h.route("/api/v1/lines/{id}/history", jsonError, h.resource("history", func(s *snapshot, r *http.Request) any {
		if l, _ := s.status.line(idOf(r)); l != nil {
			return h.pastSummary(s, l)
		}
		return nil
	}))
	h.route("/api/v1/stations", jsonError, h.resource("stations", func(s *snapshot, _ *http.Request) any {
		return s.stations()
	}))
	h.route("/api/v1/stations/{id}", jsonError, h.resource("station", func(s *snapshot, r *http.Request) any {
		if st, ok := h.station(s, idOf(r)); ok {
			return stationDetail{st, stops(h.model.net.Station(st.ID)), h.boards(s, st.ID), today(h.dayOf(s, st))}
		}
		return nil
	}))
	h.route("/api/v1/stations/{id}/predictions", jsonError, h.resource("predictions", func(s *snapshot, r *http.Request) any {
		if st, ok := h.station(s, idOf(r)); ok {
			return h.boards(s, st.ID)
		}
		return nil
	}))
	h.route("/api/v1/alerts", jsonError, h.resource("alerts", func(s *snapshot, _ *http.Request) any {
		return s.status.Alerts
	}))
	h.route("/api/v1/trains", jsonError, h.resource("trains", func(s *snapshot, _ *http.Request) any {
		trains := []trainDetail{}
		for _, l := range s.status.Lines {
			for _, t := range l.Trains {
				trains = append(trains, detail(s, t))
			}
		}
		return trains
	}))
	h.route("/api/v1/trains/{id}", jsonError, h.resource("train", func(s *snapshot, r *http.Request) any {
		if t := s.status.train(idOf(r)); t != nil {
			return detail(s, t)
		}
		return nil
	}))
}

// wholeStatus renders the whole Status.
func wholeStatus(s *snapshot, b *body, _ *http.Request) ([]byte, error) {
	still := *s.status
	still.AsOf, still.AgeSeconds = time.Time{}, 0
	data, err := json.Marshal(statusAnswer{&still, scores(s.view), s.view.Preferred})
	if err != nil {
		return nil, err
	}
	b.tag = "W/" + hash(string(data))
	return json.Marshal(statusAnswer{s.status, scores(s.view), s.view.Preferred})
}

// line returns a line and its place in the network.
func (st *Status) line(id string) (*LineStatus, int) {
	i := slices.IndexFunc(st.Lines, func(l *LineStatus) bool { return l.ID == id })
	if i < 0 {
		return nil, -1
	}
	return st.Lines[i], i
}

func (st *Status) train(id string) *Train {
	for _, l := range st.Lines {
		for _, t := range l.Trains {
			if t.ID == id {
				return t
			}
		}
	}
	return nil
}

// running is the number of trains in service in each direction.
func (l *LineStatus) running() (a, b int) {
	for _, t := range l.Trains {
		switch {
		case t.Status == cta.TrainOutOfService:
		case t.Direction == cta.DirectionA:
			a++
		default:
			b++
		}
	}
	return a, b
}

// summarize returns the stations of all lines, each once, by id.
func (s *snapshot) summarize(net *cta.Network) []stationSummary {
	found := map[int]int{}
	list := []stationSummary{}
	for _, l := range s.status.Lines {
		for _, st := range l.Stations {
			i, ok := found[st.ID]
			if !ok {
				i = len(list)
				found[st.ID] = i
				sum := stationSummary{ID: st.ID, Name: st.Name, Closed: st.Closed, Entries: st.Entries, EntriesToday: st.EntriesToday, CountsAsOf: st.CountsAsOf, Crowding: st.Crowding}
				if c, ok := s.view.Crowds[st.ID]; ok {
					sum.EntriesLately, sum.EntriesUsual, sum.LatelySeconds = c.Entries, int64(c.Usual+0.5), int64(c.Over/time.Second)
				}
				if n := net.Station(st.ID); n != nil {
					sum.Ref, sum.Code = n.Ref, n.Code
					sum.Accessible, sum.Latitude, sum.Longitude = accessible(n.Access), n.Latitude, n.Longitude
				}
				list = append(list, sum)
			}
			list[i].Lines = append(list[i].Lines, l.ID)
		}
	}
	slices.SortFunc(list, func(a, b stationSummary) int { return a.ID - b.ID })
	return list
}

func accessible(a cta.Accessibility) *bool {
	if a == cta.AccessibilityUnknown {
		return nil
	}
	free := a == cta.AccessibilityStepFree
	return &free
}

// station is the one whose id a path has.
func (h *Handler) station(s *snapshot, id string) (stationSummary, bool) {
	n, err := strconv.Atoi(id)
	if err != nil || strconv.Itoa(n) != id {
		return stationSummary{}, false
	}
	list := s.stations()
	i, ok := slices.BinarySearchFunc(list, n, func(a stationSummary, id int) int { return a.ID - id })
	if !ok {
		return stationSummary{}, false
	}
	return list[i], true
}

func (h *Handler) boards(s *snapshot, station int) []platformBoard {
	list := []platformBoard{}
	for _, b := range s.view.BoardsAt(station) {
		p := platformBoard{
			Line: b.Line, Direction: b.Direction, Towards: s.speaks.towards(b.Towards), Ends: b.Ends,
			Here: append([]string{}, b.Here...), Standing: []standingTrain{}, Next: s.arrivals(b.Next), Ending: s.arrivals(b.Ending),
			Last: b.Last.Truncate(time.Second), Resumes: leaves(h.model.net, &b, station).Truncate(time.Minute),
			Spacing: b.Headway.Spacing, IntendedSeconds: int64(b.Headway.Intended / time.Second),
			ObservedSeconds: int64(b.Headway.Observed / time.Second), CurrentSeconds: int64(b.Headway.Current / time.Second), uneven: b.Headway.Uneven,
		}
		for _, id := range b.Standing {
			if t, ok := s.view.Train(id); ok {
				p.Standing = append(p.Standing, standingTrain{id, t.Since})
			}
		}
		list = append(list, p)
	}
	return list
}

// dayOf is a station's day as of a snapshot: entries counted since are left out.
func (h *Handler) dayOf(s *snapshot, st stationSummary) live.Day {
	d := h.model.tracker.Day(st.ID, s.status.AsOf)
	since := d.Entries - st.EntriesToday
	d.Entries = st.EntriesToday
	for i := len(d.Hours) - 1; i >= 0; i-- {
		if hour := &d.Hours[i]; hour.Known {
			hour.Entries = max(0, hour.Entries-since)
			break
		}
	}
	return d
}

func today(d live.Day) daySummary {
	sum := daySummary{Entries: d.Entries, Usual: int64(d.Usual + 0.5)}
	if !d.Since.IsZero() {
		sum.Since = &d.Since
	}
	for _, h := range d.Hours {
		hour := hourSummary{Hour: h.From.Hour(), From: h.From, Usual: int64(h.Usual + 0.5)}
		if h.Known {
			hour.Entries = &h.Entries
		}
		sum.Hours = append(sum.Hours, hour)
	}
	return sum
}

// towards is where trains of a direction run to, at this hour.
func (l *LineStatus) towards(d cta.Direction) string {
	for _, s := range l.Directions {
		if s.Direction == d {
			return s.Towards
		}
	}
	return l.Towards.of(d)
}

func (t Towards) of(d cta.Direction) string {
	if d == cta.DirectionA {
		return t.A
	}
	return t.B
}

func (s *snapshot) arrivals(of []live.Arrival) []plannedArrival {
	list := make([]plannedArrival, len(of))
	for i, a := range of {
		list[i] = plannedArrival{
			Train: a.Train, Station: a.Station, Towards: s.speaks.towards(a.Towards), Ends: a.Ends,
			Expected: a.Expected.Truncate(time.Second), Earliest: a.Earliest.Truncate(time.Second),
			Latest: a.Latest.Truncate(time.Second), Source: a.Source, Basis: a.Basis, Maybe: a.Maybe,
		}
		if !a.Agency.IsZero() {
			list[i].Ours, list[i].Agency = a.Ours.Truncate(time.Second), a.Agency.Truncate(time.Second)
		}
		if r := a.Behind; r != nil {
			list[i].RestsOn = &restsOn{r.Train, r.Station, r.Until.Truncate(time.Second)}
		}
	}
	return list
}

func detail(s *snapshot, t *Train) trainDetail {
	d := trainDetail{Train: t, Stops: []plannedArrival{}}
	if v, ok := s.view.Train(t.ID); ok {
		d.Latitude, d.Longitude, d.Fraction, d.Stops = v.Latitude, v.Longitude, v.Fraction, s.arrivals(v.Stops)
	}
	return d
}

// scores returns the accuracy of the predictions of the last hour.
func scores(v *live.View) []scoreSummary {
	list := make([]scoreSummary, 0, len(v.Scores))
	for _, s := range v.Scores {
		e := s.Recent
		list = append(list, scoreSummary{
			int64(s.From / time.Second), int64(s.To / time.Second), e.Count, e.Error.Seconds(), e.PlainError.Seconds(),
			e.InBand, e.InRange, int64(s.Early / time.Second), int64(s.Late / time.Second), nil,
		})
		if n := s.Agency.Count; n > 0 {
			of := func(a live.Accuracy) rival { return rival{a.Error.Seconds(), a.Bias.Seconds(), a.InBand, a.InRange} }
			list[len(list)-1].Rivals = &rivalry{n, of(s.Ours), of(s.Agency), s.Better}
		}
	}
	return list
}
