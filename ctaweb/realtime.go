package ctaweb

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/gtfs/realtime"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// realtimeFeeds holds a model's GTFS-Realtime feeds, made once per second of the wall
// clock, so that each has its own Last-Modified.
type realtimeFeeds struct {
	publisher *realtime.Publisher // nil where a network can't be written as a feed

	mu    sync.Mutex
	at    int64 // wall second of the feeds
	feeds [3]realtimeFeed
	known bool // the model was complete once
}

type realtimeFeed struct {
	*realtime.Feed
	protobuf *body
	json     *body
}

// realtimeNames are the feeds in addresses, in the order of realtimeFeeds.
var realtimeNames = [3]string{"vehicle-positions", "trip-updates", "alerts"}

func (h *Handler) routeRealtime() {
	for i, name := range realtimeNames {
		for _, end := range []string{"", ".json"} {
			h.route("/gtfs-rt/"+name+end, plainError, func(w http.ResponseWriter, r *http.Request) {
				h.serveRealtime(w, r, i, end == ".json")
			})
		}
	}
}

func (h *Handler) serveRealtime(w http.ResponseWriter, r *http.Request, index int, asJSON bool) {
	f, ok := h.realtimeFeed(index)
	if !ok {
		// An empty feed would mean that nothing runs.
		w.Header().Set("Retry-After", "5")
		plainError(w, http.StatusServiceUnavailable, "nothing is known of the trains yet")
		return
	}
	b, kind, render := f.protobuf, "application/x-protobuf", func() ([]byte, error) { return f.Protobuf, nil }
	if asJSON {
		b, kind, render = f.json, "application/json", f.JSON
	}
	if err := b.get(render); err != nil {
		h.cfg.Log.Error("GTFS-Realtime feed not rendered", "path", r.URL.Path, "err", err)
		plainError(w, http.StatusInternalServerError, "this can't be shown at the moment")
		return
	}
	serveBody(w, r, kind, "no-cache", b)
}

// realtimeFeed returns a feed of this second; ok is false while the model isn't complete.
func (h *Handler) realtimeFeed(index int) (f realtimeFeed, ok bool) {
	rt := &h.realtime
	rt.mu.Lock()
	defer rt.mu.Unlock()
	wall := h.cfg.Now()
	if h.model.Ready() == nil {
		rt.known = true
	}
	if rt.publisher == nil || !rt.known {
		return f, false
	}
	if rt.at == wall.Unix() && rt.feeds[index].Feed != nil {
		return rt.feeds[index], true
	}
	rt.at = wall.Unix()
	look := h.model.look(wall)
	if look.status.AsOf.IsZero() {
		return f, false
	}
	closed := closedStations(h.model.net, look.status)
	made := rt.publisher.Publish(realtime.State{
		View: look.view, Reports: h.model.tracker.Reports,
		Closed: func(line string, station int) bool { return slices.Contains(closed[station], line) },
		Alerts: append(h.findings(look.status, closed), h.agencys(alertTime(look.status, wall))...),
	})
	for i, feed := range []*realtime.Feed{made.VehiclePositions, made.TripUpdates, made.Alerts} {
		if rt.feeds[i].Feed != feed {
			at := wall.Truncate(time.Second)
			rt.feeds[i] = realtimeFeed{feed, &body{changed: at}, &body{changed: at}}
		}
	}
	return rt.feeds[index], true
}

// agencys are the agency's alerts at a time, with ids that no finding has.
func (h *Handler) agencys(now time.Time) []alert.Alert {
	list := h.model.notices(now)
	for i := range list {
		list[i].ID = "agency:" + list[i].ID
	}
	return list
}

// closedStations are the stations that the stations table has taken from lines, with those
// lines.
func closedStations(net *cta.Network, st *Status) map[int][]string {
	closed := map[int][]string{}
	for _, l := range net.Lines {
		shown, _ := st.line(l.ID)
		for _, s := range l.Stations {
			if shown != nil && !slices.ContainsFunc(shown.Stations, func(o *Station) bool { return o.ID == s.ID }) {
				closed[s.ID] = append(closed[s.ID], l.ID)
			}
		}
	}
	return closed
}

// findings returns the trouble as alerts: of lines that do not run well, and closed
// stations.
func (h *Handler) findings(st *Status, closed map[int][]string) []alert.Alert {
	var alerts []alert.Alert
	for _, l := range st.Lines {
		for _, d := range l.Directions {
			if a, ok := h.finding(l, d, st.AsOf); ok {
				alerts = append(alerts, a)
			}
		}
	}
	for _, s := range h.model.net.Stations {
		lines := closed[s.ID]
		if len(lines) == 0 {
			continue
		}
		a := alert.Alert{ID: "closed-" + s.Slug(), Cause: alert.CauseUnknown, Effect: alert.EffectNoService, Severity: alert.SeveritySevere}
		for _, id := range lines {
			a.Informed = append(a.Informed, alert.Informed{Line: id, Station: s.ID})
		}
		a.Header = h.inAll(lines, func(l *language) string { return l.say("alert-closed", "station", s.Name) })
		a.Description = h.inAll(lines, func(l *language) string {
			var names []string
			for _, id := range lines {
				names = append(names, h.model.net.Line(id).Name)
			}
			return l.say("alert-closed-lines", "station", s.Name, "lines", strings.Join(names, ", "))
		})
		alerts = append(alerts, a)
	}
	return alerts
}

// finding is how a line runs in a direction as an alert, if that is anything to be alerted
// of.
func (h *Handler) finding(ls *LineStatus, d DirectionStatus, now time.Time) (alert.Alert, bool) {
	a := alert.Alert{
		ID: ls.ID + "-" + string(d.Direction), Cause: alert.CauseUnknown, Effect: alert.EffectSignificantDelays, Severity: alert.SeverityWarning,
		Informed: []alert.Informed{{Line: ls.ID, Direction: d.Direction}},
	}
	switch d.Level {
	case live.LevelMinor:
	case live.LevelMajor:
		a.Severity = alert.SeveritySevere
	default:
		return a, false
	}
	name := ""
	switch d.Cause {
	case live.CauseStanding:
		name, a.Cause = "standing", alert.CauseTechnicalProblem
	case live.CauseOverdue:
		name = "overdue"
	case live.CauseGap:
		name, a.Effect = "gap", alert.EffectReducedService
	case live.CauseBunched:
		name, a.Effect = "bunched", alert.EffectModifiedService
	default:
		return a, false
	}
	a.ID += "-" + name
	a.Header = h.inAll([]string{ls.ID}, func(l *language) string {
		return l.say("alert-"+name, "line", ls.called(), "towards", l.towards(d.Towards))
	})
	a.Description = h.inAll([]string{ls.ID}, func(l *language) string { return l.sentence(h.model.net, ls.called(), d.Facts, now) })
	return a, true
}

// inAll returns a text in each language of the pages, with the word for the vehicles of
// the lines.
func (h *Handler) inAll(lines []string, say func(*language) string) (texts []alert.Text) {
	for _, l := range h.languages {
		texts = append(texts, alert.Text{Language: l.code, Text: say(l.of(modes(h.model.net, lines...)...))})
	}
	return texts
}
