package ctaweb

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta/live"
)

// departuresData is the next trains at some stations, which a reader chooses by the
// query.
type departuresData struct {
	common
	Stations []departuresView
}

// departuresView is a station's next trains, in brief.
type departuresView struct {
	ID     int
	Name   string
	Closed bool
	AsOf   string
	Rows   []departuresRow
}

// departuresRow is where a line's trains run to from a station, and when.
type departuresRow struct {
	lineRef
	Towards, Times, Last string
	None                 string // why there are no times
	Says                 *platformSays
}

// maxDepartures bounds the stations of one page of departures.
const maxDepartures = 12

// serveDepartures answers with the next trains at the stations that the query names,
// each once. There may be any number of such choices, so that none is kept.
func (h *Handler) serveDepartures(w http.ResponseWriter, r *http.Request) {
	h.servePage(w, r, "", "departures.html", func(s *snapshot, l *language, r *http.Request) any {
		var ids []string
		for _, id := range r.URL.Query()["station"] {
			if len(ids) < maxDepartures && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		own := url.Values{"station": ids}
		d := departuresData{common: h.common(s, l, "departures", "", l.say("next-trains")).of(r).choices(h, l, url.Values{}, own)}
		for _, id := range ids {
			if st, ok := h.station(s, id); ok {
				d.Stations = append(d.Stations, h.departuresOf(s, l, st))
			}
		}
		return d
	})
}

func (h *Handler) departuresOf(s *snapshot, l *language, st stationSummary) departuresView {
	d := departuresView{ID: st.ID, Name: st.Name, Closed: st.Closed}
	if !s.status.AsOf.IsZero() {
		d.AsOf = clockText(s.status.AsOf)
	}
	for _, b := range h.boards(s, st.ID) {
		if b.Ends {
			continue
		}
		l := l.of(modes(h.model.net, b.Line)...)
		v := h.viewBoard(s, l, st.ID, b)
		row := departuresRow{lineRef: v.lineRef, Towards: v.Towards, Times: l.times(b.Next, len(b.Here), s.status.AsOf), Last: v.Last}
		if v.Says != nil && v.Says.Level != live.LevelGood && (v.Says.Level != live.LevelNotRunning || row.Times == "") {
			row.Says = v.Says
		}
		if row.Times == "" {
			row.None = v.Why()
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

// wide reports whether a train's range is too wide for one number.
func wide(a plannedArrival) bool { return a.Latest.Sub(a.Earliest) >= 4*time.Minute }

// times lists the minutes to trains in a row: "2, 9, 14–19 min". A due train has no
// number, an uncertain one a range, and one that may take another branch a question
// mark.
func (l *language) times(next []plannedArrival, here int, now time.Time) string {
	var list []string
	if here > 0 {
		list = append(list, l.say("here"))
	}
	counted := false
	for _, a := range next {
		text := l.say("due")
		if m := minutesTo(a.Expected.Add(30*time.Second), now); m > 0 {
			text, counted = strconv.Itoa(m), true
		}
		if wide(a) {
			low, high := rangeOf(a, now)
			text, counted = strconv.Itoa(low)+"–"+strconv.Itoa(high), true
		}
		if a.Maybe {
			text += "?"
		}
		list = append(list, text)
	}
	if text := strings.Join(list, ", "); !counted {
		return text
	} else {
		return l.say("minutes", "n", text)
	}
}

// manifest is what a device needs to know to install the pages. Its addresses lead from
// the folder of assets.
func (h *Handler) manifest(l *language) string {
	type icon struct {
		Source string `json:"src"`
		Sizes  string `json:"sizes"`
		Type   string `json:"type"`
	}
	name := h.site(l)
	icons := []icon{{"../" + h.assets.icon, "any", "image/svg+xml"}}
	if h.assets.picture != "" {
		icons = append(icons, icon{"../" + h.assets.picture, "512x512", "image/png"})
	}
	text, err := json.Marshal(map[string]any{
		"name": name, "short_name": name, "lang": l.code, "start_url": "../", "scope": "../", "display": "standalone",
		"background_color": "#eef0f3", "theme_color": "#15181d", "icons": icons,
	})
	if err != nil { // texts can't fail
		return "{}"
	}
	return string(text)
}

// workerHead is the beginning of the service worker: its build, and the text for an old
// page in each language.
func workerHead(build string, languages []*language) string {
	old := map[string]string{}
	for _, l := range languages {
		old[l.code] = l.words["kept"]
	}
	text, err := json.Marshal(old)
	if err != nil { // texts can't fail
		text = []byte("{}")
	}
	return "const build = " + strconv.Quote(build) + ", old = " + string(text) + ";\n"
}

// serveWorker serves the service worker. Its address is above all pages, as browsers
// require, and never changes, so that a browser finds a new version.
func (h *Handler) serveWorker(w http.ResponseWriter, r *http.Request) {
	serveBody(w, r, h.assets.worker.contentType, "no-cache", &h.assets.worker.body)
}
