package ctaweb

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

type common struct {
	Site, Title       string
	Root              string // leads from the page to the handler's own root
	Part              bool   // only what the page's script asks for again: no head, no foot
	Kind              string // names the page, as in live.js
	Events            string // the query of the page's stream
	Quiet, Pace       int    // seconds without an event after which the stream is given up: before there is a clock, and with one
	ID, Layout        string
	Style             template.CSS
	Live, Icon        string
	Picture, Manifest string // the icon as PNG, if there is one; what a device needs to install the pages
	Status            *Status
	Clock, Date       string
	Fresh             freshness
	Weather           *weatherView
	Degrees           string // of temperatures: C or F
	Query             string // searched for
	// FindLabel and FoundLabel name the search field and its list, which are of all
	// stations.
	FindLabel, FoundLabel string
	Language              string
	Languages             []otherLanguage // to choose from; none where there is one only
	speaks                *language
}

// in is the language of a page, as of what runs there.
func (c common) in() *language { return c.speaks }

// otherLanguage is a language to choose, and what leads there.
type otherLanguage struct {
	Code, Name, Query string
	Chosen            bool
}

// pages reads languages, and the templates of pages in each.
func (s source) pages(codes []string, net *cta.Network) ([]*language, map[*language]*template.Template, error) {
	var languages []*language
	pages := map[*language]*template.Template{}
	var faults []error
	for _, code := range codes {
		l, err := s.language(code)
		if err == nil {
			err = l.complete()
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if code == "en" && s.own(wordsFile(code)) == "" {
			l = english()
		}
		all := template.New("pages").Funcs(template.FuncMap{
			"t": l.text, "number": l.number, "hm": clockText, "segment": segment, "mark": levelMark,
			"minutes": func(seconds int64) int64 { return seconds / 60 },
			"percent": func(share float64) string { return l.say("percent", "n", strconv.Itoa(int(share*100+0.5))) },
		})
		for _, name := range pageFiles {
			if _, err := all.New(name).Parse(s.read(name)); err != nil {
				faults = append(faults, err)
			}
		}
		languages = append(languages, l.of(modes(net)...))
		for _, kind := range l.kinds {
			own, err := all.Clone()
			faults = append(faults, err)
			pages[kind] = own.Funcs(template.FuncMap{"t": kind.text})
		}
	}
	return languages, pages, errors.Join(faults...)
}

// text is the templates' function t: say, for values of any kind. An unknown name is an
// error.
func (l *language) text(name string, pairs ...any) (string, error) {
	if _, ok := l.words[name]; !ok {
		return "", fmt.Errorf("%s has no %q", wordsFile(l.code), name)
	}
	texts := make([]string, len(pairs))
	for i, p := range pairs {
		texts[i] = fmt.Sprint(p)
	}
	return l.say(name, texts...), nil
}

func (h *Handler) site(l *language) string {
	if h.cfg.Title != "" {
		return h.cfg.Title
	}
	return l.say("title", "network", h.model.net.Name)
}

func (h *Handler) common(s *snapshot, l *language, kind, root, title string) common {
	st := s.status
	c := common{
		Site: h.site(l), Title: title, Language: l.code, Root: root, Kind: kind,
		ID: s.id, Layout: s.layout.id, Style: h.assets.style, Live: h.assets.live[l.code], Icon: h.assets.icon, Picture: h.assets.picture, Manifest: h.assets.manifest[l.code],
		Quiet: seconds(h.cfg.KeepAlive*3/2) + 2, Pace: seconds(2*h.cfg.Interval) + 10,
		Status: st, Fresh: l.fresh(st), Clock: "--:--:--", Degrees: "F", speaks: l,
	}
	if h.model.net.Celsius {
		c.Degrees = "C"
	}
	all := l.of(modes(h.model.net)...)
	c.FindLabel, c.FoundLabel = all.say("find-station"), all.say("found-list")
	c.Weather = l.weather(st.Weather, c.Degrees)
	if !st.AsOf.IsZero() {
		c.Clock = st.AsOf.Format("15:04:05")
		c.Date = l.date(st)
	}
	return c.choices(h, l, url.Values{}, url.Values{})
}

// of is what a request wants of a page.
func (c common) of(r *http.Request) common {
	c.Part = part(r)
	return c
}

// seconds is a time in whole seconds, rounded up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// choices adds to a page the query of its stream and, if there are several, the links to
// the page in each language, with the page's own query.
func (c common) choices(h *Handler, l *language, events, own url.Values) common {
	c.Languages = nil
	if len(h.languages) > 1 {
		events.Set("lang", l.code)
		for _, o := range h.languages {
			own.Set("lang", o.code)
			c.Languages = append(c.Languages, otherLanguage{o.code, o.words["language"], "?" + own.Encode(), o.code == l.code})
		}
	}
	c.Events = ""
	if len(events) > 0 {
		c.Events = "?" + events.Encode()
	}
	return c
}

func (h *Handler) routePages() {
	h.route("/{$}", plainError, h.kept("page.html", func(s *snapshot, l *language, _ *http.Request) any { return h.systemPage(s, l) }))
	h.route("/map", plainError, h.serveMap)
	h.route("/lines/{id}", plainError, h.kept("line.html", h.linePage))
	h.route("/stations/{id}", plainError, h.serveStation)
	h.route("/board/{id}", plainError, h.kept("board.html", func(s *snapshot, l *language, r *http.Request) any {
		return h.stationPage(s, l, "board", r)
	}))
	h.route("/trains/{id}", plainError, h.kept("train.html", h.trainPage))
	h.route("/stations", plainError, h.serveSearch)
	h.route("/departures", plainError, h.serveDepartures)
}

// pageOf makes a page's data of a snapshot; nil when there is no such thing. It may be
// an error.
type pageOf func(*snapshot, *language, *http.Request) any

// kept serves a page that is made once of each snapshot, however many ask for it.
func (h *Handler) kept(name string, data pageOf) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h.servePage(w, r, keyOf(r), name, data) }
}

// keyOf is what a request's page is kept by, if it depends on the address alone.
func keyOf(r *http.Request) string {
	if part(r) {
		return r.URL.EscapedPath() + "?part"
	}
	return r.URL.EscapedPath()
}

// servePage answers with a page, which is kept by key until the next snapshot; without
// a key it is made for this request alone.
func (h *Handler) servePage(w http.ResponseWriter, r *http.Request, key, name string, data pageOf) {
	s, l := h.snapshot(w, r)
	h.remember(w, r)
	b := &body{}
	if key != "" {
		b = s.answers.of(key)
	}
	err := b.get(func() ([]byte, error) {
		switch v := data(s, l, r).(type) {
		case nil:
			return nil, errNone
		case error:
			return nil, v
		case interface{ in() *language }:
			return h.execute(v.in(), name, v)
		default:
			return nil, fmt.Errorf("page: %T has no language", v)
		}
	})
	switch {
	case errors.Is(err, errNone):
		s.answers.forget(key)
		h.missing(w, s, l, rootOf(r))
	case err != nil:
		h.failed(w, r, err)
	default:
		serveBody(w, r, "text/html; charset=utf-8", "no-cache", b)
	}
}

// part reports whether a request is for a page without head and foot. Those change every
// second; the rest may stay the same for longer.
func part(r *http.Request) bool { return r.URL.Query().Has("part") }

// rootOf leads from a request's page to the handler's own root.
func rootOf(r *http.Request) string {
	return strings.Repeat("../", strings.Count(r.URL.EscapedPath(), "/")-1)
}

func (h *Handler) execute(l *language, name string, data any) ([]byte, error) {
	var buf bytes.Buffer
	if err := h.pages[l].ExecuteTemplate(&buf, name, data); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return buf.Bytes(), nil
}

func (h *Handler) failed(w http.ResponseWriter, r *http.Request, err error) {
	h.cfg.Log.Error("page not rendered", "path", r.URL.Path, "err", err)
	plainError(w, http.StatusInternalServerError, "the page can't be shown at the moment")
}

// missing serves the page of a resource that does not exist, or no longer exists.
func (h *Handler) missing(w http.ResponseWriter, s *snapshot, l *language, root string) {
	data, err := h.execute(l, "missing.html", h.common(s, l, "missing", root, l.say("not-found")))
	if err != nil {
		plainError(w, http.StatusNotFound, "there is no such page")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write(data) // a client that has gone
}

type lineRef struct {
	Index          int // of its colour
	ID, Name, Text string
}

func ref(s *snapshot, id string) lineRef {
	l, i := s.status.line(id)
	if l == nil {
		return lineRef{ID: id, Name: id, Text: id}
	}
	return lineRef{i, id, l.Name, l.short()}
}

// linePageData is a line's diagram, with what concerns each of its stations.
type linePageData struct {
	common
	Line    lineView
	More    map[int]stationMore
	Notices noticesView
	Heard   string // when of its trains
	Counted string // when of the network's riders
	// Ways are the lists by direction that a bus line has instead of a diagram,
	// Variants the ways in which its trains run today, by a timetable.
	Ways     []wayView
	Variants []variantView
	Past     []pastView // of the last 24 hours, by direction
}

type stationMore struct {
	Transfers  []lineRef
	Crowd      string
	Accessible bool
	A, B       []nextView
}

func (h *Handler) linePage(s *snapshot, l *language, r *http.Request) any {
	line, i := s.status.line(idOf(r))
	if line == nil {
		return nil
	}
	l = l.of(line.Mode)
	d := linePageData{
		common: h.common(s, l, "line", "../", line.Name).of(r).choices(h, l, url.Values{"line": {line.ID}}, url.Values{}),
		Line:   l.viewLine(i, line), More: map[int]stationMore{}, Counted: l.counted(s.status),
	}
	own := h.model.net.Line(line.ID)
	d.Notices = l.notices(s, maxOnPage, func(a *Alert) bool { return a.ofLine(own) })
	if !line.LastHeard.IsZero() {
		d.Heard = l.say("last-heard", "time", clockText(line.LastHeard))
	}
	for _, st := range s.stations() {
		if !slices.Contains(st.Lines, line.ID) {
			continue
		}
		m := stationMore{Accessible: st.Accessible != nil && *st.Accessible}
		if st.Crowding != live.CrowdingUsual { // said of the few where it tells something
			m.Crowd = l.crowd(st.Crowding)
		}
		for _, id := range st.Lines {
			if id != line.ID {
				m.Transfers = append(m.Transfers, ref(s, id))
			}
		}
		for _, b := range h.boards(s, st.ID) {
			switch {
			case b.Line != line.ID:
			case b.Direction == cta.DirectionA:
				m.A = s.viewNexts(l, b.Next, b.Towards)
			default:
				m.B = s.viewNexts(l, b.Next, b.Towards)
			}
		}
		d.More[st.ID] = m
	}
	for _, p := range h.pastOf(s, line) {
		d.Past = append(d.Past, l.viewPast(h.model.net, line, p, s.status.AsOf))
	}
	if own != nil && own.Scheduled() {
		if own.Mode == cta.ModeBus {
			d.Ways = l.ways(own, d.Line, d.More)
		}
		if !s.status.AsOf.IsZero() {
			d.Variants = l.variants(own, cta.ServiceDay(s.status.AsOf.In(location(h.model.net))))
		}
	}
	return d
}

func minutesTo(at, now time.Time) int { return max(0, int(at.Sub(now)/time.Minute)) }

// rangeOf is a train's range in whole minutes.
func rangeOf(a plannedArrival, now time.Time) (low, high int) {
	low, high = minutesTo(a.Earliest, now), minutesTo(a.Latest.Add(59*time.Second), now)
	return low, max(high, low+1)
}

// nextView is a coming train. Maybe is true if the train may take another branch.
type nextView struct {
	Train, Minutes, Range, Note string
	Maybe                       bool
}

// viewNexts are trains to come to a board, with where they run to if that isn't where
// the board's do.
func (s *snapshot) viewNexts(l *language, of []plannedArrival, towards string) []nextView {
	list := make([]nextView, len(of))
	for i, a := range of {
		list[i] = s.viewNext(l, a, towards)
	}
	return list
}

func (s *snapshot) viewNext(l *language, a plannedArrival, towards string) nextView {
	now := s.status.AsOf
	v := nextView{Train: a.Train, Minutes: l.say("due"), Maybe: a.Maybe}
	low, high := rangeOf(a, now)
	if m := minutesTo(a.Expected.Add(30*time.Second), now); m > 0 {
		v.Minutes = l.say("minutes", "n", strconv.Itoa(m))
	}
	v.Range = l.say("range", "low", strconv.Itoa(low), "high", strconv.Itoa(high))
	var notes []string
	switch {
	case a.Maybe:
		notes = append(notes, l.say("other-branch"))
	case a.Basis == live.BasisHeadway || a.Basis == live.BasisTimetable:
		notes = append(notes, l.say("not-departed"))
	}
	switch {
	case a.Ends:
		notes = append(notes, l.say("ends-here"))
	case a.Towards != towards:
		notes = append(notes, l.say("runs-to", "towards", a.Towards))
	}
	if r := a.RestsOn; r != nil {
		notes = append(notes, l.say("rests-on", "station", s.nameOf(r.Station), "time", clockText(r.GoesOn)))
	}
	v.Note = strings.Join(notes, "; ")
	return v
}

// nameOf is the name of a station, as its pages have it.
func (s *snapshot) nameOf(id int) string {
	for _, l := range s.status.Lines {
		for _, st := range l.Stations {
			if st.ID == id {
				return st.Name
			}
		}
	}
	return strconv.Itoa(id)
}

type trainPageData struct {
	common
	Train *Train
	Line  lineRef
	Text  string
	Ended bool // its run: it runs nowhere
	Says  *platformSays
	Ways  []stopsView
}

// stopsView is a train's coming stops, on its way or on one possible branch.
type stopsView struct {
	Branch string // where that leads; empty for the stops that are sure
	Stops  []stopView
}

type stopView struct {
	ID   int
	Name string
	nextView
}

func (h *Handler) trainPage(s *snapshot, l *language, r *http.Request) any {
	t := s.status.train(idOf(r))
	if t == nil {
		return nil
	}
	line, _ := s.status.line(t.Line)
	l = l.of(line.Mode)
	d := trainPageData{
		common: h.common(s, l, "train", "../", l.say("train-name", "id", t.ID)).of(r).choices(h, l, url.Values{"line": {t.Line}}, url.Values{}),
		Train:  t, Line: ref(s, t.Line),
	}
	names := map[int]string{}
	for _, st := range line.Stations {
		names[st.ID] = st.Name
	}
	station, _, _ := spot(t)
	d.Text = l.trainText(t, names[station])
	d.Ended = t.State == live.StateTurning && t.Status == cta.TrainInService
	d.Says = l.platform(h.model.net, line, t.Direction, s.status.AsOf)
	for _, a := range detail(s, t).Stops {
		branch := ""
		if a.Maybe {
			branch = a.Towards
		}
		if n := len(d.Ways); n == 0 || d.Ways[n-1].Branch != branch {
			d.Ways = append(d.Ways, stopsView{Branch: branch})
		}
		way := &d.Ways[len(d.Ways)-1]
		v := stopView{a.Station, names[a.Station], s.viewNext(l, a, t.Towards)}
		way.Stops = append(way.Stops, v)
	}
	return d
}

// levelMark is a level's sign, so that it is never colour alone.
func levelMark(l live.Level) string {
	switch l {
	case live.LevelGood:
		return "✓"
	case live.LevelMinor:
		return "!"
	case live.LevelMajor:
		return "‼"
	case live.LevelNotRunning:
		return "–"
	}
	return "?"
}

// crowd returns the text on a station's crowding; empty while unknown.
func (l *language) crowd(c live.Crowding) string {
	if c == live.CrowdingUnknown {
		return ""
	}
	return l.say("crowd-" + string(c))
}
