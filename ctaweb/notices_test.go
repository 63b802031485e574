package ctaweb

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// notice is an alert about the whole Blue Line, or about others.
func notice(id string, severity alert.Severity, informed ...alert.Informed) alert.Alert {
	if informed == nil {
		informed = []alert.Informed{{Line: "blue"}}
	}
	return alert.Alert{
		ID: id, Informed: informed, Severity: severity, Cause: alert.CauseUnknown, Effect: alert.EffectUnknown,
		Header: []alert.Text{{Language: "en", Text: "Header " + id}},
	}
}

// announce gives a model alerts of each kind.
func announce(m *Model) {
	strike := notice("strike", alert.SeveritySevere, alert.Informed{Line: "green"}, alert.Informed{Line: "red"}, alert.Informed{Line: "purple"})
	strike.Header = []alert.Text{{Language: "en", Text: "Minor Delays / Trains stand at Howard because of a signal that has failed"}, {Language: "es", Text: "Retrasos"}}
	strike.Description = []alert.Text{{Language: "en", Text: "Trains run with longer gaps.\nAllow extra time."}}
	strike.URL = []alert.Text{{Text: "https://agency.example/1"}}
	lift := notice("lift", alert.SeverityInfo, alert.Informed{Station: 40380})
	lift.Header = []alert.Text{{Language: "en", Text: "Elevator at Clark/Lake Temporarily Out-of-Service"}}
	lift.Description = lift.Header
	work := notice("work", alert.SeverityWarning, alert.Informed{})
	work.Header = []alert.Text{{Language: "en", Text: "Bus Substitution Between Dempster-Skokie and Howard Stations"}}
	work.Cause, work.Active = alert.CauseMaintenance, []alert.Period{{Until: time.Now().Add(48 * time.Hour).UnixMilli()}}
	work.Description = []alert.Text{{Language: "en", Text: strings.Repeat("Averyveryverylongword", 9)}}
	for _, a := range []alert.Alert{strike, lift, work} {
		m.ApplyAlert(a)
	}
}

// minutes is a period within minutes of eight o'clock; 0 is open.
func minutes(from, until int) alert.Period {
	event, _ := clockAt("08:00:00")
	p := alert.Period{}
	if from != 0 {
		p.From = event.Add(time.Duration(from) * time.Minute).UnixMilli()
	}
	if until != 0 {
		p.Until = event.Add(time.Duration(until) * time.Minute).UnixMilli()
	}
	return p
}

// ids are those of the alerts shown, planned ones in brackets.
func ids(list []*Alert) string {
	var all []string
	for _, a := range list {
		if a.Planned {
			all = append(all, "("+a.ID+")")
		} else {
			all = append(all, a.ID)
		}
	}
	return strings.Join(all, " ")
}

func TestAlertsAreShownInTheirPeriods(t *testing.T) {
	m := small()
	with := func(a alert.Alert, periods ...alert.Period) alert.Alert {
		a.Active = periods
		return a
	}
	work := with(notice("work", alert.SeveritySevere))
	work.Cause = alert.CauseConstruction
	for _, a := range []alert.Alert{
		notice("always", alert.SeverityInfo), with(notice("ends", alert.SeveritySevere), minutes(-5, 2)), with(notice("begins", alert.SeveritySevere), minutes(1, 3)),
		with(notice("twice", alert.SeverityWarning), minutes(3, 4), minutes(-9, 1)), with(notice("later", alert.SeveritySevere), minutes(8*24*60, 0)),
		with(notice("over", alert.SeveritySevere), minutes(-9, -1)), work, notice("unsure", alert.SeverityUnknown),
	} {
		m.ApplyAlert(a)
	}
	for _, c := range []struct{ at, want string }{
		{"08:00:00", "ends twice unsure always (begins) (work)"},
		{"08:01:00", "begins ends unsure always (work) (twice)"},
		{"08:02:00", "begins unsure always (work) (twice)"},
		{"08:03:00", "twice unsure always (work)"},
		{"08:04:00", "unsure always (work)"},
	} {
		for _, s := range []step{arrive(c.at, "blue B2 a", ohare)} {
			s(m)
		}
		_, wall := clockAt(c.at)
		if got := ids(m.Status(wall).Alerts); got != c.want {
			t.Errorf("at %s: %s, want %s", c.at, got, c.want)
		}
	}
	// The other way round, as after a restart of the source, the same are shown.
	if got := ids(m.alerts.at(time.UnixMilli(minutes(0, 1).Until).Add(-time.Minute))); got != "ends twice unsure always (begins) (work)" {
		t.Errorf("back at 08:00: %s", got)
	}
}

func TestAlertsComeAndGo(t *testing.T) {
	m := small()
	_, wall := clockAt("08:00:10")
	shown := func() string { return ids(m.Status(wall).Alerts) }
	if m.ApplyAlert(notice("1", alert.SeverityInfo)) != nil || m.ApplyAlert(notice("2", alert.SeveritySevere)) != nil || shown() != "2 1" {
		t.Errorf("shown: %s", shown())
	}
	if !errors.Is(m.ApplyAlert(alert.Alert{ID: "3"}), live.ErrInvalid) || !errors.Is(m.ApplyAlert(notice("4", alert.SeveritySevere, alert.Informed{Line: "gold"}, alert.Informed{Station: 17}, alert.Informed{Mode: cta.ModeFerry})), live.ErrUnknown) || shown() != "2 1" {
		t.Errorf("with alerts of nothing: %s", shown())
	}
	if !errors.Is(m.ApplyAlert(notice("2", alert.SeverityInfo, alert.Informed{Line: "gold"})), live.ErrUnknown) || shown() != "1" {
		t.Errorf("an alert that has come to concern nothing: %s", shown())
	}
	if m.RemoveAlert("5") || !m.RemoveAlert("1") || shown() != "" {
		t.Errorf("after the end: %s", shown())
	}
	for i := range maxAlerts + 5 {
		m.ApplyAlert(notice(fmt.Sprint(i), alert.SeverityInfo))
	}
	if n := len(m.alerts.all); n != maxAlerts || len(m.Status(wall).Alerts) != maxShown {
		t.Errorf("%d kept, %d shown", n, len(m.Status(wall).Alerts))
	}
	if m.ApplyAlert(notice("7", alert.SeveritySevere)) != nil || !strings.HasPrefix(shown(), "7 ") {
		t.Error("a full model takes no change")
	}
}

// An alert is on the pages of what it concerns, and on no others.
func TestAlertsAreWhereTheyBelong(t *testing.T) {
	const clark = 40380 // Blue, Brown, Green, Orange, Pink, Purple
	m := small()
	_, wall := clockAt("08:00:10")
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return wall }})
	for _, c := range []struct {
		informed []alert.Informed
		want     string // pages that show it
	}{
		{[]alert.Informed{{}}, "/ /lines/blue /lines/red /stations/40890 /board/40890 /stations/40380 /stations/41190"},
		{[]alert.Informed{{Line: "blue"}}, "/ /lines/blue /stations/40890 /board/40890 /stations/40380"},
		{[]alert.Informed{{Line: "blue", Direction: cta.DirectionA}}, "/ /lines/blue /stations/40890 /board/40890 /stations/40380"},
		{[]alert.Informed{{Station: ohare}}, "/ /lines/blue /stations/40890 /board/40890"},
		{[]alert.Informed{{Line: "brown", Station: clark}}, "/ /stations/40380"},
		{[]alert.Informed{{Line: "red"}, {Station: clark}}, "/ /lines/blue /lines/red /stations/40380 /stations/41190"},
		{[]alert.Informed{{Mode: cta.ModeMetro}}, "/ /lines/blue /lines/red /stations/40890 /board/40890 /stations/40380 /stations/41190"},
		{[]alert.Informed{{Line: "gold"}}, ""},
	} {
		m.ApplyAlert(notice("x", alert.SeveritySevere, c.informed...))
		wall = wall.Add(time.Second)
		var got []string
		for _, page := range []string{"/", "/lines/blue", "/lines/red", "/stations/40890", "/board/40890", "/stations/40380", "/stations/41190"} {
			if strings.Contains(text(t, get(t, h, "GET", page)), "Header x") {
				got = append(got, page)
			}
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%+v: on %s, want %s", c.informed, got, c.want)
		}
	}
}

// What an agency writes is text, in the reader's language where it has it.
func TestAlertsOnPages(t *testing.T) {
	m := small()
	a := notice(`"><x`, alert.SeveritySevere)
	a.Header = []alert.Text{{Language: "en", Text: "<script>alert(1)</script>"}, {Language: "es-MX", Text: "Huelga & más"}}
	a.Description = []alert.Text{{Language: "de", Text: "Erste Zeile\n<b>zweite</b>"}}
	a.URL = []alert.Text{{Text: "https://agency.example/?a=1&b=2"}}
	a.Active = []alert.Period{minutes(-60, 90)}
	m.ApplyAlert(a)
	work := notice("work", alert.SeverityWarning)
	work.Cause, work.Active = alert.CauseMaintenance, []alert.Period{minutes(24*60, 25*60)}
	m.ApplyAlert(work)
	for i := range 12 {
		m.ApplyAlert(notice(fmt.Sprint("n", i), alert.SeverityInfo))
	}
	h := newHandler(t, m, HandlerConfig{Languages: []string{"en", "es"}})
	for lang, want := range map[string][]string{
		"en": {
			`<h2>Alerts</h2>`, `<li class="major" data-key="&#34;&gt;&lt;x">`, `<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>`, `<span class="note">until 09:30</span>`,
			`<p lang="de">Erste Zeile`, `<p lang="de">&lt;b&gt;zweite&lt;/b&gt;</p>`, `href="https://agency.example/?a=1&amp;b=2" rel="noopener noreferrer"`,
			`<h2>Planned</h2>`, `<b>Header work</b>`, `from Thu 8 Oct 08:00 until Thu 8 Oct 09:00`,
		},
		"es": {`<h2>Avisos</h2>`, `<b>Huelga &amp; más</b>`, `hasta 09:30`, `<b lang="en">Header work</b>`},
	} {
		l := h.spoken(lang)
		for _, page := range []string{"/", "/lines/blue", "/stations/40890"} {
			body := text(t, get(t, h, "GET", page+"?lang="+lang))
			for _, w := range want {
				if !strings.Contains(body, w) {
					t.Errorf("%s in %s lacks %s", page, lang, w)
				}
			}
			if strings.Contains(body, "<script>alert") || strings.Contains(body, "<b>zweite") {
				t.Errorf("%s in %s has the alert's markup", page, lang)
			}
			most := maxOnPage
			if page == "/" {
				most = maxOnSystem
			}
			if n := strings.Count(body, "Header n"); n != most-1 {
				t.Errorf("%s in %s has %d others, want %d", page, lang, n, most-1)
			}
			more := l.say("notices-more", "n", strconv.Itoa(13-most))
			if !strings.Contains(body, `<p class="note">`+more+`</p>`) {
				t.Errorf("%s in %s doesn't say %q", page, lang, more)
			}
			if strings.Index(body, "Header n") > strings.Index(body, "Header work") {
				t.Errorf("%s in %s has planned work first", page, lang)
			}
		}
	}
	board := text(t, get(t, h, "GET", "/board/40890"))
	if n := strings.Count(board, "Header n"); n != maxOnBoard-1 || !strings.Contains(board, "Header work") || strings.Contains(board, "<script>alert") {
		t.Errorf("the board has %d others", n)
	}
}

// Times are those of the day on which they are read, also without any train.
func TestAlertsSayWhen(t *testing.T) {
	day := func(d, hour int) int64 {
		return time.Date(2026, 10, d, hour, 30*min(hour, 1), 0, 0, cta.Chicago().Location).UnixMilli()
	}
	cases := []struct {
		period alert.Period
		want   string
	}{
		{alert.Period{}, ""}, {alert.Period{From: day(7, 5)}, ""}, {alert.Period{Until: day(7, 9)}, "until 09:30"}, {alert.Period{Until: day(8, 0)}, "until Wed 7 Oct"},
		{alert.Period{Until: day(9, 0)}, "until Thu 8 Oct"}, {alert.Period{Until: day(9, 5)}, "until Fri 9 Oct 05:30"}, {alert.Period{From: day(7, 9)}, "from 09:30"},
		{alert.Period{From: day(8, 0)}, "from Thu 8 Oct"}, {alert.Period{From: day(7, 9), Until: day(7, 10)}, "from 09:30 until 10:30"},
		{alert.Period{From: day(8, 9), Until: day(10, 0)}, "from Thu 8 Oct 09:30 until Fri 9 Oct"},
	}
	for name, m := range map[string]*Model{"silent": NewModel(cta.Chicago()), "told": small()} {
		for i, c := range cases {
			a := notice(strconv.Itoa(i), alert.SeveritySevere)
			a.Active = []alert.Period{c.period}
			m.ApplyAlert(a)
		}
		event, wall := clockAt("08:00:10")
		if name == "silent" {
			wall = event // the wall clock is the only one
		}
		s := newHandler(t, m, HandlerConfig{Now: func() time.Time { return wall }}).pub.snapshot()
		if len(s.status.Alerts) != len(cases) {
			t.Fatalf("%s: %d alerts, want %d", name, len(s.status.Alerts), len(cases))
		}
		for _, a := range s.status.Alerts {
			i, err := strconv.Atoi(a.ID)
			if err != nil {
				t.Fatal(err)
			}
			if v := s.speaks.notice(s, a); v.When != cases[i].want {
				t.Errorf("%s, %v: %q, want %q", name, cases[i].period, v.When, cases[i].want)
			}
		}
	}
}

// The API, the stream and the feed tell of the same alerts.
func TestAlertsForPrograms(t *testing.T) {
	m := small()
	h := newHandler(t, m, HandlerConfig{Languages: []string{"en", "es"}})
	before := h.pub.snapshot().status
	a := notice("x", alert.SeveritySevere, alert.Informed{Line: "blue", Station: ohare})
	a.Header = append(a.Header, alert.Text{Language: "es", Text: "Huelga"})
	m.ApplyAlert(a)
	m.ApplyAlert(notice("red", alert.SeverityInfo, alert.Informed{Line: "red"}))

	var answer struct{ Alerts []Alert }
	if err := json.Unmarshal([]byte(text(t, get(t, newHandler(t, m, HandlerConfig{Languages: []string{"en", "es"}}), "GET", "/api/v1/alerts?lang=es"))), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Alerts) != 2 || answer.Alerts[0].Header != (alert.Text{Language: "es", Text: "Huelga"}) || answer.Alerts[1].Header.Text != "Header red" {
		t.Errorf("the API has %+v", answer.Alerts)
	}

	_, wall := clockAt("08:00:10")
	now := m.Status(wall)
	of := &layout{stops: map[int][]string{ohare: {"blue"}, jarvis: {"red"}}}
	u := difference(before, now, of)
	if u.Alerts == nil || u.empty(before) {
		t.Fatal("an alert is no update")
	}
	for _, c := range []struct {
		f    filter
		want string
	}{
		{filter{}, "x red"}, {filter{line: "blue"}, "x"}, {filter{line: "red"}, "red"}, {filter{line: "brown"}, ""},
		{filter{station: ohare}, "x"}, {filter{station: jarvis}, "red"}, {filter{station: ohare, line: "blue"}, "x"}, {filter{station: ohare, line: "red"}, ""},
	} {
		if got := ids(*c.f.narrow(m.net, u).Alerts); got != c.want {
			t.Errorf("a stream of %q %d: %q, want %q", c.f.line, c.f.station, got, c.want)
		}
	}
	if got := (*filter{in: h.spoken("es")}.narrow(m.net, u).Alerts)[0].Header.Text; got != "Huelga" {
		t.Errorf("a stream in Spanish says %s", got)
	}
	if u := difference(now, m.Status(wall), of); u.Alerts != nil {
		t.Error("alerts are told again")
	}
	m.RemoveAlert("x")
	m.RemoveAlert("red")
	if u := difference(now, m.Status(wall), of); u.Alerts == nil || len(*u.Alerts) != 0 {
		t.Error("the end of alerts is no update")
	}
}

func TestAlertsInTheFeed(t *testing.T) {
	m := small()
	m.ApplyAlert(notice("x", alert.SeveritySevere))
	over := notice("over", alert.SeveritySevere)
	over.Active = []alert.Period{minutes(-9, -1)}
	m.ApplyAlert(over)
	h := newHandler(t, m, HandlerConfig{})
	r := get(t, h, "GET", "/gtfs-rt/alerts.json")
	body := text(t, r)
	if r.StatusCode != http.StatusOK || !strings.Contains(body, `"alert:agency:x"`) || !strings.Contains(body, `"SEVERE"`) || strings.Contains(body, "over") {
		t.Errorf("%d: %s", r.StatusCode, body)
	}
}

// Alerts come from their topic: what is there, then what changes; other records are
// passed over.
func TestAlertsFromTheirTopic(t *testing.T) {
	sys := ctatest.Start(t)
	ensureTables(t, sys)
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.TableTopic(sys.Topics.Alerts(), 1)); err != nil {
		t.Fatal(err)
	}
	codec, err := wire.AvroRecords[alert.Key, alert.Alert](sys.Registry, schemas.AlertKey, schemas.AlertValue)
	if err != nil {
		t.Fatal(err)
	}
	put := func(a alert.Alert, over bool) {
		r := kafka.Record{Topic: sys.Topics.Alerts()}
		if r.Key, err = codec.Key.Encode(t.Context(), r.Topic, alert.Key{ID: a.ID}); err == nil && !over {
			r.Value, err = codec.Value.Encode(t.Context(), r.Topic, a)
		}
		if err != nil {
			t.Fatal(err)
		}
		sys.Send(r)
	}
	put(notice("1", alert.SeverityInfo), false)
	put(notice("2", alert.SeveritySevere), false)
	put(notice("2", ""), true)
	put(alert.Alert{ID: "empty", Cause: alert.CauseUnknown, Effect: alert.EffectUnknown, Severity: alert.SeverityInfo}, false)
	sys.Send(kafka.Record{Topic: sys.Topics.Alerts(), Key: []byte("odd"), Value: []byte("odd")})
	m := NewModel(cta.Chicago())
	consuming(t, sys, m, ConsumeConfig{})
	shows := func(what, want string) {
		await(t, sys, m, what, func(st *Status) (string, bool) { return ids(st.Alerts), st.Ready && ids(st.Alerts) == want })
	}
	shows("the alert that is there", "1")
	put(notice("3", alert.SeveritySevere), false)
	shows("a new alert", "3 1")
	put(notice("1", ""), true)
	shows("the end of an alert", "3")
	if a := m.Status(time.Now()).Alerts[0]; !slices.Equal(a.Informed, []alert.Informed{{Line: "blue"}}) {
		t.Error(cmp.Diff([]alert.Informed{{Line: "blue"}}, a.Informed))
	}
}
