package ctaweb

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// stationPageData is a station's page and its board.
type stationPageData struct {
	common
	Station stationSummary
	// StepFree and Steps are both false where it isn't known.
	StepFree, Steps bool
	Lines           []lineRef
	Code            string // by which riders know the station
	Notices         noticesView
	Boards          []boardView
	Walks           []walkView // to other stations
	Day             dayView
}

// walkView is a station that is near another on foot.
type walkView struct {
	ID     int
	Name   string
	Lines  []lineRef
	Metres int // 0 when unknown
	// Minutes is the time that the agency says riders need; 0 when unknown.
	Minutes int
}

// walkable is how far apart stations are between which riders change on foot, in metres
// on a straight line.
const walkable = 250

// walks are the stations to which riders may walk from one, the nearest first: those that
// the agency names, and those that are near, unless the agency says that there is no way.
func (h *Handler) walks(s *snapshot, from int) []walkView {
	var list []walkView
	here := h.model.net.Station(from)
	if here == nil { // only the stations table has it
		return nil
	}
	for _, st := range h.stations(s) {
		there := h.model.net.Station(st.ID)
		if there == nil || there == here || there.Closed {
			continue
		}
		i := slices.IndexFunc(here.Transfers, func(t cta.Transfer) bool { return t.To == there.ID })
		far := cta.Distance(here, there)
		if i < 0 && (h.chart == nil || far > walkable) || i >= 0 && here.Transfers[i].Impossible {
			continue
		}
		w := walkView{ID: st.ID, Name: st.Name}
		if h.chart != nil { // stations have places
			w.Metres = int(math.Round(far/10)) * 10
		}
		if i >= 0 {
			w.Minutes = int(math.Ceil(here.Transfers[i].Time.Minutes()))
		}
		for _, id := range st.Lines {
			w.Lines = append(w.Lines, ref(s, id))
		}
		list = append(list, w)
	}
	slices.SortStableFunc(list, func(a, b walkView) int { return cmp.Compare(a.Metres, b.Metres) })
	return list
}

type boardView struct {
	lineRef
	Towards  string
	Ends     bool // all its trains end their runs here
	Here     []string
	Standing []standingTrain
	Next     []nextView
	Ending   []nextView
	None     string        // why there is none
	Last     string        // when the last train comes
	Says     *platformSays // how its line runs
	Vehicle  string        // what runs, as "train"
	// Platform is where trains leave, FirstLast when they do so first and last today;
	// empty where it isn't known.
	Platform, FirstLast string
	Spacing             string
}

func (h *Handler) stationPage(s *snapshot, l *language, kind string, r *http.Request) any {
	st, ok := h.station(s, idOf(r))
	if !ok {
		return nil
	}
	l = l.of(modes(h.model.net, st.Lines...)...)
	d := stationPageData{
		common:  h.common(s, l, kind, "../", st.Name).of(r).choices(h, l, url.Values{"station": {strconv.Itoa(st.ID)}}, url.Values{}),
		Station: st,
	}
	if a := st.Accessible; a != nil {
		d.StepFree, d.Steps = *a, !*a
	}
	most := maxOnPage
	if kind == "board" {
		most = maxOnBoard
	}
	d.Notices = l.notices(s, most, func(a *Alert) bool { return a.ofStation(h.model.net, st.ID, st.Lines) })
	for _, id := range st.Lines {
		d.Lines = append(d.Lines, ref(s, id))
	}
	if code := stationCode(h.model.net.Station(st.ID)); code != "" {
		d.Code = l.say("stop-code", "code", code)
	}
	for _, b := range boards(s, st.ID) {
		v := h.viewBoard(s, l.of(modes(h.model.net, b.Line)...), st.ID, b)
		if kind == "board" && len(v.Next)+len(v.Here)+len(v.Standing) == 0 && (v.Ends || b.Resumes.IsZero()) {
			continue
		}
		d.Boards = append(d.Boards, v)
	}
	if kind == "station" {
		d.Walks = h.walks(s, st.ID)
	}
	if kind == "station" && !s.status.AsOf.IsZero() {
		d.Day = l.viewDay(h.model.tracker.Day(st.ID, s.status.AsOf), s.status.AsOf)
		if st.LatelySeconds >= 60 { // less says nothing yet
			d.Day.Lately = l.say("lately", "n", l.number(st.EntriesLately), "minutes", l.about(time.Duration(st.LatelySeconds)*time.Second),
				"usual", l.number(st.EntriesUsual))
		}
		d.Day.Crowd = l.crowd(st.Crowding)
		d.Day.All = l.say("counted", "n", l.number(st.Entries))
		if !st.CountsAsOf.IsZero() {
			d.Day.All += "; " + l.say("counted-last", "time", clockText(st.CountsAsOf))
		}
		d.Day.Counted = l.counted(s.status.CountsAsOf, s.status.AsOf)
	}
	return d
}

// viewBoard is a platform of a station, in words.
func (h *Handler) viewBoard(s *snapshot, l *language, station int, b platformBoard) boardView {
	v := boardView{
		lineRef: ref(s, b.Line), Towards: b.Towards, Ends: b.Ends, Here: b.Here, Standing: b.Standing, None: l.none(b, s.status.AsOf), Vehicle: l.nouns["vehicle"],
		Next: s.viewNexts(l, b.Next, b.Towards), Ending: s.viewNexts(l, b.Ending, b.Towards),
	}
	if !b.Last.IsZero() {
		v.Last = l.say("last-train", "time", clockText(b.Last))
	}
	good := false
	if line, _ := s.status.line(b.Line); line != nil {
		v.Says = l.platform(h.model.net, line, b.Direction, s.status.AsOf)
		good = v.Says != nil && v.Says.Level == live.Good
		if v.Says != nil && v.Says.Level == live.NotRunning {
			v.None = "" // the line says so, and when its service begins again
		}
	}
	v.Spacing = l.spacing(b, good)
	l.plan(&v, h.model.net, b, station, s.status.AsOf)
	return v
}

// stationCode is by which riders know a station, or the one stop that it is; empty
// without one.
func stationCode(s *cta.Station) string {
	switch {
	case s == nil: // only the stations table has it
		return ""
	case s.Code == "" && len(s.Stops) == 1:
		return s.Stops[0].Code
	}
	return s.Code
}

// platformSays is how a line runs in a direction, where its trains are waited for.
type platformSays struct {
	Level live.Level
	Text  string // behind the names of the line and where it runs to
}

// platform is how a line runs in a direction; nil while that isn't known.
func (l *language) platform(net *cta.Network, ls *LineStatus, d cta.Direction, now time.Time) *platformSays {
	for _, s := range ls.Directions {
		if s.Direction == d {
			return &platformSays{s.Level, l.says(net, s.Facts, now)}
		}
	}
	return nil
}

// none says why no train is expected at a platform, and when trains come again.
func (l *language) none(b platformBoard, now time.Time) string {
	if b.Spacing != live.None && b.Resumes.IsZero() {
		return l.say("none-expected")
	}
	switch at := b.Resumes; {
	case at.IsZero():
		return l.say("none-at-this-hour")
	case cta.DateOf(at) == cta.DateOf(now):
		return l.say("none-until", "time", clockText(at))
	default:
		return l.say("none-until-day", "time", clockText(at), "day", l.one("days", int(at.Weekday())))
	}
}

// A headway that differs from the intended one by less than feltLeast, or by less than
// feltPart of it, is told as it is, and not as a fault: nobody feels it.
const (
	feltLeast = 2 * time.Minute // of whole minutes, as they are told
	feltPart  = 0.25
)

// spacing says how often trains come to a platform, beside what is intended where a rider
// feels the difference. Where the line runs well, it is no complaint.
func (l *language) spacing(b platformBoard, good bool) string {
	intended := l.about(time.Duration(b.IntendedSeconds) * time.Second)
	if good && (b.Spacing == live.Gap || b.Spacing == live.Bunched) {
		return l.say("spacing-unknown", "intended", intended)
	}
	switch b.Spacing {
	case live.Gap:
		return l.say("spacing-gap", "minutes", l.about(time.Duration(b.CurrentSeconds)*time.Second), "intended", intended)
	case live.Bunched:
		return l.say("spacing-bunched", "minutes", l.about(time.Duration(b.ObservedSeconds)*time.Second), "intended", intended)
	case live.Regular:
		every := l.about(time.Duration(b.ObservedSeconds) * time.Second)
		if b.ObservedSeconds == 0 {
			return l.say("spacing-intended", "intended", intended)
		}
		if good || !felt(b) {
			return l.say("spacing-every", "minutes", every)
		}
		return l.say("spacing-regular", "minutes", every, "intended", intended)
	case live.Unknown:
		return l.say("spacing-unknown", "intended", intended)
	}
	return ""
}

// felt reports whether a rider feels how far the time between a board's trains is from the
// one intended.
func felt(b platformBoard) bool {
	told := func(seconds int64) time.Duration { return (time.Duration(seconds) * time.Second).Round(time.Minute) }
	off := (told(b.ObservedSeconds) - told(b.IntendedSeconds)).Abs()
	return off >= feltLeast && off.Seconds() >= feltPart*float64(b.IntendedSeconds)
}

// dayView is a station's entries of today, in words, as a chart and as a table.
type dayView struct {
	Says, Usual, Lately, Crowd, Unknown string
	Counted                             string // when counts came last, of any station
	All                                 string // ever counted
	Label                               string // the chart in words; empty without a chart
	Hours                               []hourView
	Marks                               []mapLabel // of the hours, and of the height
}

// hourView is an hour: its row in the table, and its two bars.
type hourView struct {
	Name, Today, Usual, Note string
	X, Width                 string
	UsualY, UsualHeight      string
	TodayX, TodayWidth       string
	TodayY, TodayHeight      string
	Now                      bool
}

// Figures of the chart, in its own units.
const (
	dayLeft, dayTop = 52.0, 14.0 // of the bars
	dayWidth        = 456.0      // of all hours
	dayHeight       = 110.0
)

// viewDay is a day up to now.
func (l *language) viewDay(d live.Day, now time.Time) dayView {
	v := dayView{Says: l.say("day-unknown")}
	if d.Usual > 0 {
		v.Usual = l.say("day-usual", "n", l.number(int64(d.Usual+0.5)))
	}
	switch {
	case d.Since.IsZero():
	case d.Since.After(d.Start):
		v.Says = l.say("day-since", "n", l.number(d.Entries), "time", clockText(d.Since))
		v.Unknown = l.say("chart-unknown", "time", clockText(d.Since))
	default:
		v.Says = l.say("day-whole", "n", l.number(d.Entries))
	}
	var most float64
	for _, hour := range d.Hours {
		most = max(most, hour.Usual, float64(hour.Entries))
	}
	if most == 0 {
		return v
	}
	v.Label = l.say("chart", "says", v.Says)
	top := roundUp(most)
	for i := range d.Hours {
		v.Hours = append(v.Hours, l.viewHour(i, d, now, top))
	}
	mark := func(x, y float64, anchor, text string) {
		v.Marks = append(v.Marks, mapLabel{fmt.Sprintf("%.1f", x), fmt.Sprintf("%.1f", y), anchor, text})
	}
	for i, hour := range d.Hours {
		if h := hour.From.Hour(); h%6 == 0 && hour.From.Minute() == 0 {
			mark(dayLeft+dayWidth/float64(len(d.Hours))*float64(i), dayTop+dayHeight+18, "middle", strconv.Itoa(h))
		}
	}
	mark(dayLeft+dayWidth, dayTop+dayHeight+18, "middle", "24")
	mark(dayLeft-6, dayTop+5, "end", l.number(int64(top)))
	mark(dayLeft-6, dayTop+dayHeight, "end", "0")
	return v
}

func (l *language) viewHour(i int, d live.Day, now time.Time, top float64) hourView {
	hour, end := d.Hours[i], d.Start.AddDate(0, 0, 1)
	if i+1 < len(d.Hours) {
		end = d.Hours[i+1].From
	}
	width := dayWidth / float64(len(d.Hours))
	x := dayLeft + width*float64(i)
	unit := func(n float64) string { return fmt.Sprintf("%.1f", n) }
	usual, today := dayHeight*hour.Usual/top, dayHeight*float64(hour.Entries)/top
	v := hourView{
		Name: hourName(i, d.Hours), Usual: l.number(int64(hour.Usual + 0.5)), Now: !now.Before(hour.From) && now.Before(end),
		X: unit(x + 1), Width: unit(width - 2), UsualY: unit(dayTop + dayHeight - usual), UsualHeight: unit(usual),
		TodayX: unit(x + 4), TodayWidth: unit(width - 8), TodayY: unit(dayTop + dayHeight - today), TodayHeight: unit(today),
	}
	switch {
	case hour.From.After(now):
	case !hour.Known:
		v.Today = l.say("not-known")
	default:
		v.Today = l.number(hour.Entries)
		if d.Since.After(hour.From) {
			v.Note = l.say("since", "time", clockText(d.Since))
		} else if end.After(now) {
			v.Note = l.say("so-far")
		}
	}
	return v
}

// hourName is an hour's name, as "1–2": with the zone's where the clock shows it twice.
func hourName(i int, hours []live.Hour) string {
	at := hours[i].From
	name := fmt.Sprintf("%d–%d", at.Hour(), at.Hour()+1)
	for j, other := range hours {
		if j != i && other.From.Hour() == at.Hour() {
			zone, _ := at.Zone()
			return name + " " + zone
		}
	}
	return name
}

// roundUp is a round number not below n, and not far above.
func roundUp(n float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(max(n, 1))))
	for _, f := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
		if f*unit >= n {
			return f * unit
		}
	}
	return 10 * unit
}
