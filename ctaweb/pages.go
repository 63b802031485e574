package ctaweb

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// common is what all pages have.
type common struct {
	Site, Title, Language string
	Root                  string // leads from the page to the handler's own root
	Kind                  string // names the page, as in live.js
	Events                string // the query of the page's stream
	ID, Layout            string
	Style, Live, Icon     string
	Status                *Status
	Clock, Date           string
	Fresh                 freshness
	Weather               *weatherView
	Query                 string // searched for
}

func parsePages(src source, messages map[string]string) (*template.Template, error) {
	say := func(text string, args ...any) string {
		if m, ok := messages[text]; ok {
			text = m
		}
		if len(args) == 0 {
			return text
		}
		return fmt.Sprintf(text, args...)
	}
	all := template.New("pages").Funcs(template.FuncMap{
		"number": number, "t": say, "segment": url.PathEscape, "level": levelText, "mark": levelMark,
		"minutes": func(seconds int64) int64 { return seconds / 60 },
		"hourX":   func(hour int) int { return 10*hour + 1 }, "hourY": func(share int) int { return 68 - share*66/100 },
		"hourH": func(share int) int { return share * 66 / 100 },
		"crowd": crowdText, "hm": func(t time.Time) string { return t.Format("15:04") },
	})
	for _, name := range pageFiles {
		if _, err := all.New(name).Parse(src.read(name)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (h *Handler) common(s *snapshot, kind, root, title string) common {
	st := s.status
	c := common{
		Site: h.cfg.Title, Title: title, Language: h.cfg.Language, Root: root, Kind: kind,
		ID: s.id, Layout: s.layout, Style: h.assets.style, Live: h.assets.live, Icon: h.assets.icon,
		Status: st, Fresh: fresh(st), Clock: "--:--:--",
	}
	if !st.AsOf.IsZero() {
		c.Clock = st.AsOf.Format("15:04:05")
		c.Date = dateText(st)
	}
	if w := st.Weather; w != nil {
		c.Weather = &weatherView{string(w.Status), degrees(w.Temperature), skyText(w.Status)}
	}
	return c
}

func (h *Handler) routePages() {
	h.route("/{$}", plainError, h.kept("page.html", func(s *snapshot, _ *http.Request) any { return h.systemPage(s) }))
	h.route("/lines/{id}", plainError, h.kept("line.html", h.linePage))
	h.route("/stations/{id}", plainError, h.kept("station.html", func(s *snapshot, r *http.Request) any {
		return h.stationPage(s, "station", r)
	}))
	h.route("/board/{id}", plainError, h.kept("board.html", func(s *snapshot, r *http.Request) any {
		return h.stationPage(s, "board", r)
	}))
	h.route("/trains/{id}", plainError, h.kept("train.html", h.trainPage))
	h.route("/stations", plainError, h.serveSearch)
}

// kept serves a page that is made once of each snapshot; data is nil when there
// is no such thing.
func (h *Handler) kept(name string, data func(*snapshot, *http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := h.pub.snapshot()
		v := data(s, r)
		if v == nil {
			h.missing(w, s, strings.Repeat("../", strings.Count(r.URL.Path, "/")-1))
			return
		}
		b := s.answers.of(r.URL.Path)
		if _, err := b.get(func() ([]byte, error) { return h.execute(name, v) }); err != nil {
			h.failed(w, r, err)
			return
		}
		serveBody(w, r, "text/html; charset=utf-8", "no-cache", s.id, b)
	}
}

func (h *Handler) execute(name string, data any) ([]byte, error) {
	var buf bytes.Buffer
	if err := h.page.ExecuteTemplate(&buf, name, data); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return buf.Bytes(), nil
}

func (h *Handler) failed(w http.ResponseWriter, r *http.Request, err error) {
	h.cfg.Log.Error("page not rendered", "path", r.URL.Path, "err", err)
	plainError(w, http.StatusInternalServerError, "the page can't be shown at the moment")
}

// missing tells a reader that what was there isn't any more, as a page.
func (h *Handler) missing(w http.ResponseWriter, s *snapshot, root string) {
	data, err := h.execute("missing.html", h.common(s, "missing", root, "Not found"))
	if err != nil {
		plainError(w, http.StatusNotFound, "there is no such page")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write(data) // a client that has gone
}

// lineRef is a line to link to.
type lineRef struct {
	Index          int // of its colour
	ID, Name, Text string
}

func ref(s *snapshot, id string) lineRef {
	l, i := s.status.line(id)
	if l == nil {
		return lineRef{ID: id, Name: id, Text: id}
	}
	return lineRef{i, id, l.Name, strings.TrimSuffix(l.Name, " Line")}
}

// linePageData is a line's diagram, with what concerns each of its stations.
type linePageData struct {
	common
	Line lineView
	More map[int]stationMore
}

type stationMore struct {
	Transfers  []lineRef
	Crowding   live.Crowding
	Accessible bool
	A, B       string // minutes to the next trains
}

func (h *Handler) linePage(s *snapshot, r *http.Request) any {
	l, i := s.status.line(r.PathValue("id"))
	if l == nil {
		return nil
	}
	d := linePageData{common: h.common(s, "line", "../", l.Name), Line: viewLine(i, l), More: map[int]stationMore{}}
	d.Events = "?line=" + url.QueryEscape(l.ID)
	for _, st := range h.stations(s) {
		m := stationMore{Crowding: st.Crowding, Accessible: st.Accessible}
		for _, id := range st.Lines {
			if id != l.ID {
				m.Transfers = append(m.Transfers, ref(s, id))
			}
		}
		for _, b := range s.view.Station(st.ID) {
			if b.Line != l.ID {
				continue
			}
			var minutes []string
			for _, a := range b.Next {
				minutes = append(minutes, strconv.Itoa(minutesTo(a.Expected, s.status.AsOf)))
			}
			text := strings.Join(minutes, ", ")
			if b.Direction == cta.DirectionA {
				m.A = text
			} else {
				m.B = text
			}
		}
		d.More[st.ID] = m
	}
	return d
}

func minutesTo(at, now time.Time) int { return max(0, int(at.Sub(now)/time.Minute)) }

// stationPageData is a station's page and its board.
type stationPageData struct {
	common
	Station stationSummary
	Lines   []lineRef
	Boards  []boardView
	Hours   []hourView
	Lately  string
}

type boardView struct {
	lineRef
	Towards string
	Here    []string
	Next    []nextView
	Spacing string
}

type nextView struct {
	Train, Minutes, Range, Note string
	Expected                    time.Time
}

// hourView is a bar of the chart of a usual day's entries.
type hourView struct {
	Hour, Share int // Share is of the highest, in 100
	Entries     int64
	Now         bool
}

func (h *Handler) stationPage(s *snapshot, kind string, r *http.Request) any {
	st, ok := h.station(s, r.PathValue("id"))
	if !ok {
		return nil
	}
	d := stationPageData{common: h.common(s, kind, "../", st.Name), Station: st}
	d.Events = "?station=" + strconv.Itoa(st.ID)
	for _, id := range st.Lines {
		d.Lines = append(d.Lines, ref(s, id))
	}
	for _, b := range boards(s, st.ID) {
		v := boardView{lineRef: ref(s, b.Line), Towards: b.Towards, Here: b.Here}
		switch b.Spacing {
		case live.Gap:
			v.Spacing = fmt.Sprintf("a gap of %d min, instead of %d", (b.CurrentSeconds+30)/60, (b.IntendedSeconds+30)/60)
		case live.Bunched:
			v.Spacing = "the last two trains came close together"
		}
		for _, a := range b.Next {
			v.Next = append(v.Next, viewNext(a, s.status.AsOf))
		}
		if kind == "board" && len(v.Next)+len(v.Here) == 0 {
			continue
		}
		d.Boards = append(d.Boards, v)
	}
	if st.LatelySeconds > 0 {
		d.Lately = fmt.Sprintf("%s entries in the last %d min, where %s are usual",
			number(st.EntriesLately), st.LatelySeconds/60, number(st.EntriesUsual))
	}
	d.Hours = h.hours(st.ID, s.status.AsOf)
	return d
}

func viewNext(a plannedArrival, now time.Time) nextView {
	v := nextView{Train: a.Train, Expected: a.Expected, Minutes: "Due"}
	low, high := minutesTo(a.Earliest, now), minutesTo(a.Latest.Add(59*time.Second), now)
	if m := minutesTo(a.Expected.Add(30*time.Second), now); m > 0 {
		v.Minutes = strconv.Itoa(m) + " min"
	}
	v.Range = fmt.Sprintf("%d–%d min", low, max(high, low+1))
	switch {
	case a.Maybe:
		v.Note = "or another branch"
	case a.Basis == live.ByHeadway:
		v.Note = "not departed yet"
	}
	return v
}

// hours are a usual day's entries, by hour; none where they aren't known.
func (h *Handler) hours(station int, now time.Time) []hourView {
	st := h.model.Network().Station(station)
	if st == nil || now.IsZero() || st.Entries.On(now) <= 0 {
		return nil
	}
	var most float64
	for _, share := range h.model.Network().Hourly {
		most = max(most, share)
	}
	var hours []hourView
	for i, share := range h.model.Network().Hourly {
		hours = append(hours, hourView{i, int(100*share/max(most, 1e-9) + 0.5), int64(share*st.Entries.On(now) + 0.5), i == now.Hour()})
	}
	return hours
}

// trainPageData follows one train.
type trainPageData struct {
	common
	Train *Train
	Line  lineRef
	Text  string
	Stops []stopView
}

type stopView struct {
	ID   int
	Name string
	nextView
}

func (h *Handler) trainPage(s *snapshot, r *http.Request) any {
	t := s.status.train(r.PathValue("id"))
	if t == nil {
		return nil
	}
	d := trainPageData{common: h.common(s, "train", "../", "Train "+t.ID), Train: t, Line: ref(s, t.Line)}
	d.Events = "?line=" + url.QueryEscape(t.Line)
	l, _ := s.status.line(t.Line)
	names := map[int]string{}
	for _, st := range l.Stations {
		names[st.ID] = st.Name
	}
	station, _, _ := spot(t)
	d.Text = trainText(t, names[station])
	for _, a := range detail(s, t).Stops {
		d.Stops = append(d.Stops, stopView{a.Station, names[a.Station], viewNext(a, s.status.AsOf)})
	}
	return d
}

func levelText(l live.Level) string {
	switch l {
	case live.Good:
		return "Good service"
	case live.Minor:
		return "Minor delays"
	case live.Major:
		return "Major delays"
	}
	return "Not known"
}

// levelMark is a level's sign, so that it is never colour alone.
func levelMark(l live.Level) string {
	switch l {
	case live.Good:
		return "✓"
	case live.Minor:
		return "!"
	case live.Major:
		return "‼"
	}
	return "?"
}

func crowdText(c live.Crowding) string {
	switch c {
	case live.Quiet:
		return "Quieter than usual"
	case live.Usual:
		return "As busy as usual"
	case live.Busy:
		return "Busier than usual"
	case live.VeryBusy:
		return "Much busier than usual"
	}
	return ""
}
