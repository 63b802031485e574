package ctaweb

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// Bounds of alerts.
const (
	maxAlerts   = 1000               // kept by a model
	maxShown    = 100                // in a Status
	maxOnSystem = 5                  // of each kind on the system's page
	maxOnPage   = 10                 // of each kind on a line's and a station's page
	maxOnBoard  = 3                  // of each kind on a board
	alertsAhead = 7 * 24 * time.Hour // for which alerts are shown before they begin
)

// Alert is an agency's notice to riders, as it is shown.
type Alert struct {
	ID       string         `json:"id"`
	Cause    alert.Cause    `json:"cause"`
	Effect   alert.Effect   `json:"effect"`
	Severity alert.Severity `json:"severity"`
	// Planned is true for planned work, and for an alert that has yet to begin.
	Planned bool `json:"planned"`
	// Begins and Ends bound the present or the next period; left out while open.
	Begins time.Time `json:"begins,omitzero"`
	Ends   time.Time `json:"ends,omitzero"`
	// Informed selects the riders concerned. One without fields selects everybody.
	Informed []alert.Informed `json:"informed"`
	// Header, Description and URL are in the reader's language if the agency has it,
	// else in the agency's own.
	Header      alert.Text `json:"header"`
	Description alert.Text `json:"description"`
	URL         alert.Text `json:"url"`

	of alert.Alert
	at time.Time // at which it was judged: of the present day
}

// alerts are the alerts of a model, and those shown, which change only at times.
type alerts struct {
	all         map[string]alert.Alert
	shown       []*Alert // read-only
	fresh       bool     // shown holds from from until until
	from, until int64    // ms
}

func (n *alerts) put(a alert.Alert) error {
	if _, known := n.all[a.ID]; !known && len(n.all) >= maxAlerts {
		return live.ErrFull
	}
	n.all[a.ID] = a
	n.fresh = false
	return nil
}

func (n *alerts) remove(id string) error {
	if _, known := n.all[id]; !known {
		return live.ErrKnown
	}
	delete(n.all, id)
	n.fresh = false
	return nil
}

// at returns the alerts to show at a time: present ones before planned ones, by
// severity, the newest first.
func (n *alerts) at(now time.Time) []*Alert {
	ms := now.UnixMilli()
	if n.fresh && n.from <= ms && ms < n.until {
		return n.shown
	}
	n.shown, n.fresh = []*Alert{}, true
	midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, now.Location())
	n.from, n.until = ms, midnight.UnixMilli()
	for _, a := range n.all {
		p, ok := n.period(a, now)
		if !ok {
			continue
		}
		v := &Alert{
			ID: a.ID, Cause: a.Cause, Effect: a.Effect, Severity: a.Severity, Informed: a.Informed, of: a, at: now,
			Planned: a.Cause == alert.CauseMaintenance || a.Cause == alert.CauseConstruction || p.From > ms,
		}
		if p.From > 0 {
			v.Begins = time.UnixMilli(p.From).In(now.Location())
		}
		if p.Until > 0 {
			v.Ends = time.UnixMilli(p.Until).In(now.Location())
		}
		v.speak("en")
		n.shown = append(n.shown, v)
	}
	slices.SortFunc(n.shown, func(a, b *Alert) int {
		if a.Planned != b.Planned {
			if b.Planned {
				return -1
			}
			return 1
		}
		return cmp.Or(rank(b.Severity)-rank(a.Severity), b.Begins.Compare(a.Begins), cmp.Compare(a.ID, b.ID))
	})
	n.shown = n.shown[:min(len(n.shown), maxShown)]
	return n.shown
}

func rank(s alert.Severity) int {
	return slices.Index([]alert.Severity{alert.SeverityInfo, alert.SeverityUnknown, alert.SeverityWarning, alert.SeveritySevere}, s)
}

// period returns the period of an alert that holds now, or else the next one that
// begins soon. It has n look again when that changes.
func (n *alerts) period(a alert.Alert, now time.Time) (best alert.Period, ok bool) {
	ms, soon := now.UnixMilli(), now.Add(alertsAhead).UnixMilli()
	if len(a.Active) == 0 {
		return best, true
	}
	for _, p := range a.Active {
		for _, at := range []int64{p.From - alertsAhead.Milliseconds(), p.From, p.Until} {
			if at > ms {
				n.until = min(n.until, at)
			}
		}
		over := p.Until > 0 && p.Until <= ms
		if !over && p.From <= soon && (!ok || p.From < best.From) {
			best, ok = p, true
		}
	}
	return best, ok
}

// speak sets the texts for a reader's language.
func (a *Alert) speak(language string) {
	a.Header, a.Description, a.URL = alert.In(language, a.of.Header), alert.In(language, a.of.Description), alert.In(language, a.of.URL)
}

// notified returns alerts in a language.
func (l *language) notified(list []*Alert) []*Alert {
	own := make([]*Alert, len(list))
	for i, a := range list {
		v := *a
		v.speak(l.code)
		own[i] = &v
	}
	return own
}

// has reports whether a network has what a selector selects.
func has(net *cta.Network, i alert.Informed) bool {
	return (i.Line == "" || net.Line(i.Line) != nil) && (i.Station == 0 || net.Station(i.Station) != nil) &&
		(i.Mode == "" || slices.Contains(modes(net), i.Mode))
}

func (a *Alert) ofLine(l *cta.Line) bool {
	return l != nil && slices.ContainsFunc(a.Informed, func(i alert.Informed) bool {
		_, there := l.Order(i.Station)
		return selects(i, l) && (i.Station == 0 || there)
	})
}

func (a *Alert) ofStation(net *cta.Network, id int, lines []string) bool {
	return slices.ContainsFunc(a.Informed, func(i alert.Informed) bool {
		if i.Station != 0 && i.Station != id {
			return false
		}
		return i.Line == "" && i.Mode == "" || slices.ContainsFunc(lines, func(line string) bool {
			l := net.Line(line)
			return l != nil && selects(i, l)
		})
	})
}

// selects reports whether a selector allows a line.
func selects(i alert.Informed, l *cta.Line) bool {
	return (i.Line == "" || i.Line == l.ID) && (i.Mode == "" || i.Mode == l.Mode)
}

// noticesView is the alerts of a page: present ones and planned ones, where there are.
type noticesView []noticesKind

type noticesKind struct {
	Planned bool
	Title   string
	List    []noticeView
	More    string // how many are left out
}

// noticeView is an alert in words. Language and TextLanguage are left out if they are
// the page's.
type noticeView struct {
	ID, Level, Mark, Label string
	Header, Language       string
	Lines                  []lineRef
	Texts                  []string // paragraphs
	TextLanguage           string
	When, URL              string
}

// notices returns the alerts that concern a page, up to most of each kind.
func (l *language) notices(s *snapshot, most int, concerns func(*Alert) bool) (view noticesView) {
	for _, planned := range []bool{false, true} {
		kind := noticesKind{Planned: planned, Title: l.say("notices")}
		if planned {
			kind.Title = l.say("notices-planned")
		}
		more := 0
		for _, a := range s.status.Alerts {
			switch {
			case a.Planned != planned || !concerns(a):
			case len(kind.List) == most:
				more++
			default:
				kind.List = append(kind.List, l.notice(s, a))
			}
		}
		if more > 0 {
			kind.More = l.say("notices-more", "n", strconv.Itoa(more))
		}
		if len(kind.List) > 0 {
			view = append(view, kind)
		}
	}
	return view
}

func (l *language) notice(s *snapshot, a *Alert) noticeView {
	v := noticeView{ID: a.ID, Level: "info", Mark: "i", Label: l.say("notice-info"), Header: a.Header.Text, URL: a.URL.Text}
	switch a.Severity {
	case alert.SeveritySevere:
		v.Level, v.Mark, v.Label = "major", levelMark(live.LevelMajor), l.say("notice-severe")
	case alert.SeverityWarning:
		v.Level, v.Mark, v.Label = "minor", levelMark(live.LevelMinor), l.say("notice-warning")
	}
	v.Language, v.TextLanguage = l.foreign(a.Header.Language), l.foreign(a.Description.Language)
	if a.Description.Text != a.Header.Text {
		v.Texts = slices.Collect(strings.Lines(a.Description.Text))
	}
	for _, i := range a.Informed {
		if r := ref(s, i.Line); i.Line != "" && !slices.Contains(v.Lines, r) {
			v.Lines = append(v.Lines, r)
		}
	}
	switch from, until := l.moment(a.Begins, a.at), l.end(a.Ends, a.at); {
	case a.Begins.After(a.at) && a.Ends.IsZero():
		v.When = l.say("notice-from", "from", from)
	case a.Begins.After(a.at):
		v.When = l.say("notice-from-until", "from", from, "until", until)
	case !a.Ends.IsZero():
		v.When = l.say("notice-until", "until", until)
	}
	return v
}

// foreign returns a text's language unless it is the page's own, or unknown.
func (l *language) foreign(code string) string {
	if base, _, _ := strings.Cut(code, "-"); strings.EqualFold(base, l.code) {
		return ""
	}
	return code
}

// moment is a time of today, or of another day; only that day if the time is midnight.
func (l *language) moment(at, now time.Time) string {
	switch {
	case at.YearDay() == now.YearDay() && at.Year() == now.Year():
		return clockText(at)
	case at.Hour() == 0 && at.Minute() == 0:
		return l.day(at)
	}
	return l.day(at) + " " + clockText(at)
}

// end is the moment at which a period ends. Midnight is the end of the day before.
func (l *language) end(at, now time.Time) string {
	if at.Hour() == 0 && at.Minute() == 0 {
		return l.day(at.AddDate(0, 0, -1))
	}
	return l.moment(at, now)
}

// day is a date without its year.
func (l *language) day(at time.Time) string {
	return l.say("date", "day", l.one("days-short", int(at.Weekday())), "n", strconv.Itoa(at.Day()), "month", l.one("months-short", int(at.Month())-1))
}
