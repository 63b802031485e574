package ctaweb

import (
	"cmp"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

var (
	soonRow   = regexp.MustCompile(`<li class="l\d+"[^>]*><b class="min">([^<]*)</b> <span class="pill">([^<]*)</span> <(?:a|span) class="to"[^>]*>([^<]*)<`)
	choiceRow = regexp.MustCompile(`<a(?: class="l\d+")? href="([^"]*)"( aria-current="true")?>([^<]*)</a>`)
	platformH = regexp.MustCompile(`<h2><a class="pill" href="[^"]*">([^<]*)</a> (?:towards )?([^<]*?)\s*<`)
)

// choicesOf are the choices of a station's page: where each leads, whether it is taken, and
// its name.
func choicesOf(page string) [][]string {
	return choiceRow.FindAllStringSubmatch(regexp.MustCompile(`(?s)<nav id="choices".*?</nav>`).FindString(page), -1)
}

// chosen are those that are taken.
func chosen(page string) (names []string) {
	for _, m := range choicesOf(page) {
		if m[2] != "" {
			names = append(names, html.UnescapeString(m[3]))
		}
	}
	return names
}

// A station's page has the trains of all lines by line or in one list by time, all of them
// or those of a line or a direction; by the address alone, without a script.
func TestStationByLineAndByTime(t *testing.T) {
	h := newHandler(t, busy(), HandlerConfig{})
	page := func(query string, header ...string) string {
		return text(t, get(t, h, "GET", fmt.Sprintf("/stations/%d%s", clarkLake, query), header...))
	}
	platforms := func(page string) (list []string) {
		for _, m := range platformH.FindAllStringSubmatch(page, -1) {
			list = append(list, m[1])
		}
		return slices.Compact(list)
	}
	byLine, byTime := page(""), page("?by=time")
	if rows := soonRow.FindAllString(byLine, -1); len(rows) > 0 || len(platforms(byLine)) < 5 {
		t.Errorf("by line there are %d rows by time, and platforms of %q", len(rows), platforms(byLine))
	}
	if got := chosen(byLine); !slices.Equal(got, []string{"By line", "All"}) {
		t.Errorf("chosen is %q", got)
	}

	// By time: every train of the API, in the order of coming.
	var answer struct{ Predictions []platformBoard }
	a := agreement{t: t, h: h}
	a.json(fmt.Sprintf("/api/v1/stations/%d/predictions", clarkLake), &answer)
	now := h.pub.snapshot().status.AsOf
	type due struct {
		at   time.Time
		text string
	}
	var want []due
	for _, b := range answer.Predictions {
		line, _ := h.pub.snapshot().status.line(b.Line)
		for range b.Here {
			want = append(want, due{text: "Here " + line.short()})
		}
		for _, n := range b.Next {
			m := "Due"
			if wide(n) {
				low, high := rangeOf(n, now)
				m = fmt.Sprintf("%d–%d min", low, high)
			} else if k := minutesTo(n.Expected.Add(30*time.Second), now); k > 0 {
				m = fmt.Sprintf("%d min", k)
			}
			want = append(want, due{n.Expected, m + " " + line.short()})
		}
	}
	slices.SortStableFunc(want, func(a, b due) int { return a.at.Compare(b.at) })
	rows := soonRow.FindAllStringSubmatch(byTime, -1)
	lines := map[string]bool{}
	for i, r := range rows {
		lines[r[2]] = true
		if i >= len(want) || r[1]+" "+r[2] != want[i].text {
			t.Fatalf("train %d by time is %q, want %v", i, r[1:], want[min(i, len(want)-1)])
		}
	}
	if len(rows) != len(want) || len(lines) < 5 {
		t.Errorf("%d trains of %v by time, want %d of all lines", len(rows), lines, len(want))
	}

	// Of one line, of one direction, and of what isn't here.
	line := "?line=green"
	if got := platforms(page(line)); !slices.Equal(got, []string{"Green"}) || !slices.Equal(chosen(page(line)), []string{"By line", "Green", "Both directions"}) {
		t.Errorf("of the Green Line there are platforms of %q, chosen is %q", got, chosen(page(line)))
	}
	one := page("?line=green&direction=b&by=time")
	for _, r := range soonRow.FindAllStringSubmatch(one, -1) {
		if r[2] != "Green" || r[3] != "Harlem/Lake" {
			t.Errorf("of the Green Line towards Harlem/Lake there is %q", r[1:])
		}
	}
	if got := chosen(one); !slices.Equal(got, []string{"By time", "Green", "Towards Harlem/Lake"}) {
		t.Errorf("chosen is %q", got)
	}
	for _, none := range []string{"?line=yellow", "?line=<script>", "?direction=c", "?by=magic", "?line=yellow&direction=a"} {
		if got := page(none); !slices.Equal(platforms(got), platforms(byLine)) || strings.Contains(got, "<script>") {
			t.Errorf("%s has platforms of %q, want all", none, platforms(got))
		}
	}

	// Every choice leads to what it says, and so does a language.
	for _, m := range choicesOf(one) {
		query := html.UnescapeString(m[1])
		if !strings.HasPrefix(query, "?") {
			if query != "./"+strconv.Itoa(clarkLake) {
				t.Errorf("%s leads to %s", m[3], query)
			}
			query = ""
		}
		if got := chosen(page(query, "Cookie", byCookie+"=time")); !slices.Contains(got, html.UnescapeString(m[3])) {
			t.Errorf("%s leads to %q", m[3], got)
		}
	}
	if !strings.Contains(one, `href="?direction=b&amp;lang=es&amp;line=green"`) {
		t.Error("the other language loses the choice")
	}
	if es := page("?line=green&lang=es"); !strings.Contains(es, ">Por hora<") || !strings.Contains(es, "Ambos sentidos") {
		t.Error("the choices aren't in Spanish")
	}
}

// The device keeps whether trains are listed by time or by line.
func TestStationRemembersByTime(t *testing.T) {
	h := newHandler(t, busy(), HandlerConfig{Languages: []string{"en"}})
	at := fmt.Sprintf("/stations/%d", clarkLake)
	r := get(t, h, "GET", at+"?by=time")
	cookies := r.Cookies()
	if len(cookies) != 1 || cookies[0].Name != byCookie || cookies[0].Value != "time" || cookies[0].Path != "/" || cookies[0].SameSite != http.SameSiteLaxMode {
		t.Fatalf("the cookies are %v", cookies)
	}
	if !slices.Contains(r.Header.Values("Vary"), "Cookie") {
		t.Error("the page depends on a cookie, and doesn't say so")
	}
	for cookie, want := range map[string]string{"time": "By time", "line": "By line", "x": "By line"} {
		if got := chosen(text(t, get(t, h, "GET", at, "Cookie", byCookie+"="+cookie))); got[0] != want {
			t.Errorf("with the cookie %s, chosen is %q", cookie, got)
		}
	}
	if got := get(t, h, "GET", at+"?by=magic").Cookies(); len(got) > 0 {
		t.Errorf("a choice that doesn't exist is kept: %v", got)
	}
}

// Pages of all trains are made once for all readers; what one reader has chosen takes no
// memory.
func TestChoicesTakeNoMemory(t *testing.T) {
	h := newHandler(t, busy(), HandlerConfig{})
	s := h.pub.snapshot()
	count := func() int {
		s.answers.mu.Lock()
		defer s.answers.mu.Unlock()
		return len(s.answers.made)
	}
	before := count()
	for i := range 10 {
		for _, query := range []string{"", "?by=time", "?by=line", "?by=x", "?line=green", fmt.Sprint("?line=l", i), "?direction=a&by=time"} {
			get(t, h, "GET", fmt.Sprintf("/stations/%d%s", clarkLake, query))
		}
	}
	if got := count() - before; got != 2 {
		t.Errorf("%d pages are kept, want one by line and one by time", got)
	}
}

// Trains of one platform that run to different places are told apart.
func TestTimesByDestination(t *testing.T) {
	m := NewModel(cta.Chicago())
	const ashland, cottage = 40290, 40720
	event, wall := clockAt("08:00:00")
	for i, to := range []int{ashland, cottage, ashland} {
		from := []int{41160, 41510, 40170}[i] // Clinton, Morgan, Ashland
		m.ApplyArrival(cta.KeyAt(event), cta.Arrival{Line: "green", TrainID: fmt.Sprint("G", i), StationID: from, Direction: cta.DirectionA, TrainStatus: cta.TrainInService, Destination: &to}, wall)
	}
	m.SetReady()
	h := newHandler(t, m, HandlerConfig{})
	page := text(t, get(t, h, "GET", fmt.Sprintf("/stations/%d", clarkLake)))
	runs := regexp.MustCompile(`<li>(?:<span class="to">([^<]*)</span> )?<b class="min">([^<]*)</b></li>`).FindAllStringSubmatch(page, -1)
	var got []string
	for _, r := range runs {
		got = append(got, cmp.Or(r[1], "-")+" "+strconv.Itoa(strings.Count(r[2], ",")+1))
	}
	if !slices.Contains(got, "Ashland/63rd 2") || !slices.Contains(got, "Cottage Grove 1") {
		t.Errorf("rows of destinations and numbers of trains are %q", got)
	}
}

// When trains first and last come is on a station's page: by headways about, and not
// where they run day and night.
func TestFirstAndLastTrains(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	for station, want := range map[int][]string{
		40890: {"Trains run day and night"},                       // O'Hare
		41290: {"First train about 04:00, last about 00:45"},      // Kimball
		40140: {"First train about 05:00, last about 22:45", "-"}, // Dempster-Skokie, where trains begin and end
	} {
		page := plainText(text(t, get(t, h, "GET", fmt.Sprintf("/stations/%d", station))))
		for _, w := range want {
			if w != "-" && !strings.Contains(page, w) {
				t.Errorf("%d lacks %q:\n%s", station, w, page)
			}
		}
		if n := strings.Count(page, "First train about"); len(want) == 2 && n != 1 {
			t.Errorf("%d has %d first trains, want one: none leaves from where all end", station, n)
		}
	}
	// Further on they come later: at the Loop after the whole way.
	kimball := hoursOf(h, "brown", 41290, cta.DirectionA)
	loop := hoursOf(h, "brown", clarkLake, cta.DirectionA)
	if loop.First.IsZero() {
		loop = hoursOf(h, "brown", 40460, cta.DirectionA) // Merchandise Mart
	}
	if off := loop.First.Sub(kimball.First); off < 15*time.Minute || off > 50*time.Minute {
		t.Errorf("the first train is at Kimball at %v and in the Loop at %v", kimball.First, loop.First)
	}
}

func hoursOf(h *Handler, line string, station int, d cta.Direction) live.ServiceHours {
	s := h.pub.snapshot()
	return h.model.tracker.ServiceHours(line, station, d, cta.ServiceDay(s.status.AsOf.In(location(h.model.net))))
}

// A platform's trains of several destinations are told in the order of coming, also where
// the first isn't bound for the platform's.
func TestRunsComeInOrder(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	s := h.pub.snapshot()
	comes := func(minutes int, towards string) plannedArrival {
		at := s.status.AsOf.Add(time.Duration(minutes) * time.Minute)
		return plannedArrival{Towards: towards, Expected: at, Earliest: at, Latest: at}
	}
	got := s.runs(english(), platformBoard{Towards: "A or B", Next: []plannedArrival{comes(9, "A"), comes(24, "B"), comes(36, "A or B")}})
	if want := []runsView{{"A", "9 min"}, {"B", "24 min"}, {"A or B", "36 min"}}; !slices.Equal(got, want) {
		t.Errorf("the runs are %v, want %v", got, want)
	}
}

// When a line's service begins, a platform at which it begins later says when.
func TestServiceBeginsLaterHere(t *testing.T) {
	net := cta.Chicago()
	now := time.Date(2026, 10, 7, 4, 1, 0, 0, net.Location)
	m := NewModel(net)
	m.SetReady()
	m.ApplyArrival(cta.KeyAt(now), cta.Arrival{StationID: ohare, TrainID: "1", Line: "blue", Direction: cta.DirectionA, TrainStatus: cta.TrainInService}, now)
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return now }})
	page := plainText(text(t, get(t, h, "GET", "/stations/40380?line=purple")))
	if !strings.Contains(page, "no trains come here until about 06:4") || strings.Contains(page, "service begins") {
		t.Errorf("Clark/Lake says of the Purple Line: %s", page)
	}
}

// Why no train comes is a sentence where it stands alone: on a board and on a reader's own
// card.
func TestNoTrainsIsASentence(t *testing.T) {
	net := cta.Chicago()
	now := time.Date(2026, 10, 7, 4, 1, 0, 0, net.Location)
	m := NewModel(net)
	m.SetReady()
	m.ApplyArrival(cta.KeyAt(now), cta.Arrival{StationID: ohare, TrainID: "1", Line: "blue", Direction: cta.DirectionA, TrainStatus: cta.TrainInService}, now)
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return now }})
	for page, class := range map[string]string{"/board/40380": "none", "/departures?station=40380": "note"} {
		told := regexp.MustCompile(`<span class="`+class+`">(No trains [^<]*)</span>`).FindAllStringSubmatch(text(t, get(t, h, "GET", page)), -1)
		if len(told) == 0 || !strings.HasPrefix(told[0][1], "No trains come here until about 0") || !strings.HasSuffix(told[0][1], ".") {
			t.Errorf("%s says %q, want sentences", page, told)
		}
	}
}

// Where all trains end their runs, a station's page tells when they come, and a reader
// unfolds nothing for it.
func TestArrivalsWhereTrainsEnd(t *testing.T) {
	h := newHandler(t, small(arrive("08:00:00", "red R2 b", jarvis)), HandlerConfig{})
	page := text(t, get(t, h, "GET", fmt.Sprintf("/stations/%d?line=red", howard)))
	page = regexp.MustCompile(`(?s)<details.*?</details>`).ReplaceAllString(page, "")
	if said := plainText(page); !regexp.MustCompile(`Red last stop Trains that end here: [\d, –]+ min`).MatchString(said) {
		t.Errorf("Howard says %s", said)
	}
}
