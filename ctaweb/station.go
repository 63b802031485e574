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
	Choices         choicesView
	Boards          []boardView
	Soon            []soonView // all trains to come, by time, if that was chosen
	Walks           []walkView // to other stations
	Day             *dayView   // nil before the first event, and in a closed station
}

// stationChoice is what a reader wants to see of a station: the trains of all its
// platforms or of some, by line or by time.
type stationChoice struct {
	ByTime    bool
	Line      string        // empty for all
	Direction cta.Direction // empty for both
}

// byCookie remembers whether a reader wants trains by time or by line.
const byCookie = "ctalive_by"

func choiceOf(r *http.Request) stationChoice {
	query := r.URL.Query()
	by := query.Get("by")
	if c, err := r.Cookie(byCookie); err == nil && by == "" {
		by = c.Value
	}
	return stationChoice{by == "time", query.Get("line"), cta.Direction(query.Get("direction"))}
}

func (c stationChoice) all() bool { return c.Line == "" && c.Direction == "" }

func (c stationChoice) has(b platformBoard) bool {
	return (c.Line == "" || c.Line == b.Line) && (c.Direction == "" || c.Direction == b.Direction)
}

// values returns the choice as a query, with the order of trains if by is true.
func (c stationChoice) values(by bool) url.Values {
	v := url.Values{}
	if c.Line != "" {
		v.Set("line", c.Line)
	}
	if c.Direction != "" {
		v.Set("direction", string(c.Direction))
	}
	if by {
		v.Set("by", map[bool]string{true: "time", false: "line"}[c.ByTime])
	}
	return v
}

// choicesView are the choices of a station's page, each a link.
type choicesView struct{ By, Lines, Directions []choiceLink }

type choiceLink struct {
	lineRef
	Name, Query string
	Chosen      bool
}

// choices are what a reader may choose from what a station has.
func (l *language) choices(s *snapshot, c stationChoice, st stationSummary, all []platformBoard) (v choicesView) {
	if len(all) < 2 {
		return v
	}
	link := func(name string, to stationChoice, by bool) choiceLink {
		query := "?" + to.values(by).Encode()
		if query == "?" {
			query = "./" + strconv.Itoa(st.ID)
		}
		return choiceLink{Name: name, Query: query, Chosen: to == c}
	}
	for _, by := range []bool{false, true} {
		to := c
		to.ByTime = by
		v.By = append(v.By, link(l.say(map[bool]string{false: "by-line", true: "by-time"}[by]), to, true))
	}
	if len(st.Lines) > 1 {
		v.Lines = append(v.Lines, link(l.say("all-of-them"), stationChoice{ByTime: c.ByTime}, false))
		for _, id := range st.Lines {
			to := link("", stationChoice{ByTime: c.ByTime, Line: id}, false)
			to.lineRef, to.Chosen = ref(s, id), c.Line == id
			v.Lines = append(v.Lines, to)
		}
	}
	if c.Line == "" && len(st.Lines) > 1 {
		return v
	}
	v.Directions = append(v.Directions, link(l.say("both-ways"), stationChoice{ByTime: c.ByTime, Line: c.Line}, false))
	for _, b := range all {
		if !b.Ends && (c.Line == "" || c.Line == b.Line) {
			v.Directions = append(v.Directions, link(l.say("to")+" "+b.Towards, stationChoice{c.ByTime, c.Line, b.Direction}, false))
		}
	}
	if len(v.Directions) < 3 {
		v.Directions = nil
	}
	return v
}

// serveStation answers with a station's page. The trains of all its platforms are kept
// for all readers, by line and by time; other choices are many.
func (h *Handler) serveStation(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Cookie")
	c, key := choiceOf(r), ""
	if by := r.URL.Query().Get("by"); by == "line" || by == "time" {
		setCookie(w, r, byCookie, by)
	}
	if c.all() {
		key = keyOf(r)
		if c.ByTime {
			key += "?by=time"
		}
	}
	h.servePage(w, r, key, "station.html", func(s *snapshot, l *language, r *http.Request) any {
		return h.stationPage(s, l, "station", r)
	})
}

// walkView is a station that is near another on foot.
type walkView struct {
	ID     int
	Name   string
	Lines  []lineRef
	Metres int // 0 when unknown
	// Minutes is the time that riders need, by the agency; 0 when unknown.
	Minutes int
}

// walkable is how far apart stations are between which riders change on foot, in metres
// on a straight line.
const walkable = 250

// walks returns the stations within walking distance of a station, the nearest first:
// the agency's transfers and near stations, except where the agency's data exclude a
// transfer.
func (h *Handler) walks(s *snapshot, from int) []walkView {
	var list []walkView
	here := h.model.net.Station(from)
	if here == nil { // only the stations table has it
		return nil
	}
	for _, st := range s.stations() {
		there := h.model.net.Station(st.ID)
		if there == nil || there == here || there.Closed {
			continue
		}
		i := slices.IndexFunc(here.Transfers, func(t cta.Transfer) bool { return t.To == there.ID })
		far := here.Distance(there.Point)
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
	Direction cta.Direction
	Towards   string
	Runs      []runsView // to each destination
	Ends      bool       // all its trains end their runs here
	Here      []string
	Standing  []standingTrain
	Next      []nextView
	Ending    string        // when trains come that end their runs here
	None      string        // why there is none
	Last      string        // when the last train comes
	Says      *platformSays // how its line runs
	Vehicle   string        // what runs, as "train"
	// Platform is where trains leave, FirstLast when they do so first and last today;
	// empty where it isn't known.
	Platform, FirstLast string
	Spacing, Hours      string // how often trains come, and when first and last
	// Tells is true if the board has more than the times of trains.
	Tells bool
}

// Why is a sentence about why no train is to come.
func (b boardView) Why() string {
	if b.None == "" && b.Says != nil {
		return capital(b.Says.Text) + "."
	}
	return b.None
}

// runsView are a platform's next trains to one destination, as times in a row.
type runsView struct{ Towards, Times string }

// soonView is a coming train in the list of all platforms.
type soonView struct {
	lineRef
	nextView
	Towards string
	Says    *platformSays // how its line runs, if not well
	at      time.Time
}

func (h *Handler) stationPage(s *snapshot, l *language, kind string, r *http.Request) any {
	st, ok := h.station(s, idOf(r))
	if !ok {
		return nil
	}
	l = l.of(modes(h.model.net, st.Lines...)...)
	all := h.boards(s, st.ID)
	var c stationChoice
	if kind == "station" {
		c = choiceOf(r)
	}
	if !slices.ContainsFunc(all, c.has) { // of a line that isn't here
		c.Line, c.Direction = "", ""
	}
	d := stationPageData{
		common:  h.common(s, l, kind, "../", st.Name).of(r).choices(h, l, url.Values{"station": {strconv.Itoa(st.ID)}}, c.values(false)),
		Station: st,
	}
	if kind == "station" {
		d.Choices = l.choices(s, c, st, all)
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
	for _, b := range all {
		l := l.of(modes(h.model.net, b.Line)...)
		v := h.viewBoard(s, l, st.ID, b)
		if !c.has(b) {
			continue
		}
		if c.ByTime {
			d.Soon = append(d.Soon, s.soon(l, b, v)...)
		}
		if kind == "board" && len(v.Next)+len(v.Here)+len(v.Standing) == 0 && (v.Ends || b.Resumes.IsZero()) {
			continue
		}
		d.Boards = append(d.Boards, v)
	}
	slices.SortStableFunc(d.Soon, func(a, b soonView) int { return a.at.Compare(b.at) })
	if kind == "station" {
		d.Walks = h.walks(s, st.ID)
	}
	if kind == "station" && !s.status.AsOf.IsZero() && !st.Closed {
		day := l.viewDay(h.dayOf(s, st), s.status.AsOf)
		d.Day = &day
		if st.LatelySeconds >= 60 { // less says nothing yet
			d.Day.Lately = l.say("lately", "n", l.number(st.EntriesLately), "minutes", l.about(time.Duration(st.LatelySeconds)*time.Second),
				"usual", l.number(st.EntriesUsual))
		}
		d.Day.Crowd = l.crowd(st.Crowding)
		d.Day.All = l.say("counted", "n", l.number(st.Entries))
		if !st.CountsAsOf.IsZero() {
			d.Day.All += "; " + l.say("counted-last", "time", clockText(st.CountsAsOf))
		}
		d.Day.Counted = l.counted(s.status)
	}
	return d
}

func (h *Handler) viewBoard(s *snapshot, l *language, station int, b platformBoard) boardView {
	v := boardView{
		lineRef: ref(s, b.Line), Direction: b.Direction, Towards: b.Towards, Runs: s.runs(l, b), Ends: b.Ends, Here: b.Here, Standing: b.Standing, None: l.say("none-expected"), Vehicle: l.nouns["vehicle"],
		Next: s.viewNexts(l, b.Next, b.Towards), Ending: l.times(b.Ending, 0, s.status.AsOf),
	}
	if !b.Last.IsZero() {
		v.Last = l.say("last-train", "time", clockText(b.Last))
	}
	good := false
	if line, _ := s.status.line(b.Line); line != nil {
		v.Says = l.platform(h.model.net, line, b.Direction, s.status.AsOf)
		// No train is intended to come at this hour: the line may run elsewhere, or its last train has passed.
		over := v.Says != nil && (b.Spacing == live.SpacingNone || v.Says.cause == live.CauseEnding && !v.Says.early || v.Says.Level == live.LevelNotRunning)
		if over && b.empty() && (v.Says.Level != live.LevelUnknown || v.Says.cause == live.CauseBeginning) {
			if !v.Says.allDay {
				v.Says = &platformSays{Level: live.LevelNotRunning, Text: l.resumes(b.Resumes, s.status.AsOf, "here-not", "here-not-until", "here-not-until-day")}
			}
			v.None = ""
		}
		if good = v.Says != nil && v.Says.Level == live.LevelGood; good && (b.empty() || b.Spacing == live.SpacingNone && !b.uneven) {
			v.Says = nil // nothing good is seen here, or the first train is far away
		}
	}
	if v.None != "" { // else no trains run
		v.Spacing = l.spacing(b, good)
	}
	hours := h.model.tracker.ServiceHours(b.Line, station, b.Direction, cta.ServiceDay(s.status.AsOf.In(location(h.model.net))))
	if !b.Last.IsZero() { // it is known by now
		hours.Last = b.Last
	}
	l.hours(&v, hours)
	l.plan(&v, h.model.net, b, station, s.status.AsOf)
	v.Tells = !b.Ends && (!good || len(v.Runs) == 0) || len(v.Standing) > 0 || v.Last != ""
	return v
}

// runs are a platform's next trains by where they run to, in the order of coming.
func (s *snapshot) runs(l *language, b platformBoard) []runsView {
	if b.Ends {
		return nil
	}
	var to []string
	here, next := map[string]int{}, map[string][]plannedArrival{}
	add := func(towards string) {
		if !slices.Contains(to, towards) {
			to = append(to, towards)
		}
	}
	for _, id := range b.Here {
		towards := b.Towards
		if t := s.status.train(id); t != nil {
			towards = t.Towards
		}
		add(towards)
		here[towards]++
	}
	for _, a := range b.Next {
		add(a.Towards)
		next[a.Towards] = append(next[a.Towards], a)
	}
	var list []runsView
	for _, towards := range to {
		if times := l.times(next[towards], here[towards], s.status.AsOf); times != "" {
			list = append(list, runsView{towards, times})
		}
	}
	return list
}

// soon are a platform's trains, those at the platform first.
func (s *snapshot) soon(l *language, b platformBoard, v boardView) []soonView {
	var says *platformSays
	if v.Says != nil && v.Says.Level != live.LevelGood && v.Says.Level != live.LevelNotRunning { // a train that is to come runs
		says = v.Says
	}
	var list []soonView
	for _, id := range b.Here {
		towards := b.Towards
		if t := s.status.train(id); t != nil {
			towards = t.Towards
		}
		list = append(list, soonView{v.lineRef, nextView{Train: id, Minutes: l.say("here")}, towards, says, time.Time{}})
	}
	for _, a := range b.Next {
		n := s.viewNext(l, a, a.Towards)
		if wide(a) {
			n.Minutes = n.Range
		}
		list = append(list, soonView{v.lineRef, n, a.Towards, says, a.Expected})
	}
	return list
}

// hours adds the times of the first and the last train to a board, by intended headways.
func (l *language) hours(v *boardView, h live.ServiceHours) {
	switch {
	case h.Always:
		v.Hours = l.say("all-night")
	case !h.First.IsZero():
		v.Hours = l.say("first-last-about", "first", clockText(h.First), "last", clockText(h.Last))
	}
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
	// allDay is true without service on the whole service day.
	allDay bool
	cause  live.Cause
	early  bool // not all trains are known
}

// platform is how a line runs in a direction; nil while that isn't known.
func (l *language) platform(net *cta.Network, ls *LineStatus, d cta.Direction, now time.Time) *platformSays {
	for _, s := range ls.Directions {
		if s.Direction == d {
			return &platformSays{s.Level, l.says(net, s.Facts, now), s.Facts.Idle && s.Level == live.LevelNotRunning, s.Cause, s.Facts.Early}
		}
	}
	return nil
}

// empty reports whether no train is at a platform or known to come.
func (b *platformBoard) empty() bool {
	return len(b.Next)+len(b.Here)+len(b.Standing)+len(b.Ending) == 0
}

// A headway that differs from the intended one by less than feltLeast, or by less than
// feltPart of it, is shown without the intended one: riders do not feel the difference.
const (
	feltLeast = 2 * time.Minute // of whole minutes, as they are told
	feltPart  = 0.25
)

// spacing returns the text on the time between trains at a platform, with the intended
// one if riders feel the difference. If the line runs well, the text is no complaint.
func (l *language) spacing(b platformBoard, good bool) string {
	if b.uneven {
		return "" // the times say more
	}
	intended := l.about(time.Duration(b.IntendedSeconds) * time.Second)
	if good && (b.Spacing == live.SpacingGap || b.Spacing == live.SpacingBunched) {
		return l.say("spacing-unknown", "intended", intended)
	}
	switch b.Spacing {
	case live.SpacingGap:
		return l.say("spacing-gap", "minutes", l.about(time.Duration(b.CurrentSeconds)*time.Second), "intended", intended)
	case live.SpacingBunched:
		return l.say("spacing-bunched", "minutes", l.about(time.Duration(b.ObservedSeconds)*time.Second), "intended", intended)
	case live.SpacingRegular:
		every := l.about(time.Duration(b.ObservedSeconds) * time.Second)
		if b.ObservedSeconds == 0 || !goesOn(b) {
			return l.say("spacing-unknown", "intended", intended)
		}
		if good || !feltApart(b.ObservedSeconds, b.IntendedSeconds) {
			return l.say("spacing-every", "minutes", every)
		}
		return l.say("spacing-regular", "minutes", every, "intended", intended)
	case live.SpacingUnknown:
		return l.say("spacing-unknown", "intended", intended)
	}
	return ""
}

// goesOn reports whether the next trains of a board come about as far apart as the latest
// two did: the board shows both.
func goesOn(b platformBoard) bool {
	for i := 1; i < min(len(b.Next), 3); i++ {
		if feltApart(int64(b.Next[i].Expected.Sub(b.Next[i-1].Expected)/time.Second), b.ObservedSeconds) {
			return false
		}
	}
	return true
}

// feltApart reports whether a rider feels how far seconds between trains are from others.
func feltApart(seconds, from int64) bool {
	told := func(seconds int64) time.Duration { return (time.Duration(seconds) * time.Second).Round(time.Minute) }
	off := (told(seconds) - told(from)).Abs()
	return off >= feltLeast && off.Seconds() >= feltPart*float64(from)
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

func (l *language) entries(n int64) string {
	if n == 1 {
		return l.say("entries-one")
	}
	return l.say("entries-many", "n", l.number(n))
}

func (l *language) viewDay(d live.Day, now time.Time) dayView {
	v := dayView{Says: l.say("day-unknown")}
	if d.Usual > 0 {
		v.Usual = l.say("day-usual", "n", l.number(int64(d.Usual+0.5)))
	}
	switch {
	case d.Since.IsZero():
	case d.Since.After(d.Start):
		v.Says = l.say("day-since", "entries", l.entries(d.Entries), "time", clockText(d.Since))
		v.Unknown = l.say("chart-unknown", "time", clockText(d.Since))
	default:
		v.Says = l.say("day-whole", "entries", l.entries(d.Entries))
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
		v.Marks = append(v.Marks, mapLabel{tenths(x), tenths(y), anchor, text})
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
	usual, today := dayHeight*hour.Usual/top, dayHeight*float64(hour.Entries)/top
	v := hourView{
		Name: hourName(i, d.Hours), Usual: l.number(int64(hour.Usual + 0.5)), Now: !now.Before(hour.From) && now.Before(end),
		X: tenths(x + 1), Width: tenths(width - 2), UsualY: tenths(dayTop + dayHeight - usual), UsualHeight: tenths(usual),
		TodayX: tenths(x + 4), TodayWidth: tenths(width - 8), TodayY: tenths(dayTop + dayHeight - today), TodayHeight: tenths(today),
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
