package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// one is an answer of the CTA with alerts, each a JSON object.
func answer(alerts ...string) string {
	list := "[" + strings.Join(alerts, ",") + "]"
	return `{"CTAAlerts":{"TimeStamp":"2026-04-26T10:56:08","ErrorCode":"0","ErrorMessage":null,"Alert":` + list + `}}`
}

// alert is an alert as the CTA writes it, with a change of one of its members.
func item(id, member, value string) string {
	m := map[string]json.RawMessage{
		"AlertId": json.RawMessage(`"` + id + `"`), "Headline": json.RawMessage(`"Delays ` + id + `"`), "ShortDescription": json.RawMessage(`"Trains stand."`),
		"FullDescription": json.RawMessage(`{"#cdata-section":"<p><strong>Why?</strong><br />\r\nA&nbsp;signal &lt;failed&gt;.</p>"}`),
		"SeverityScore":   json.RawMessage(`"55"`), "SeverityColor": json.RawMessage(`"B45F04"`), "SeverityCSS": json.RawMessage(`"minor"`), "Impact": json.RawMessage(`"Minor Delays"`),
		"EventStart": json.RawMessage(`"2026-04-26T06:00:00"`), "EventEnd": json.RawMessage(`null`), "TBD": json.RawMessage(`"1"`), "MajorAlert": json.RawMessage(`"0"`),
		"AlertURL":        json.RawMessage(`{"#cdata-section":"http://agency.example/a?AlertId=` + id + `"}`),
		"ImpactedService": json.RawMessage(`{"Service":{"ServiceType":"R","ServiceId":"Brn","ServiceName":"Brown Line"}}`),
		"ttim":            json.RawMessage(`"0"`), "GUID": json.RawMessage(`"664b81c1"`),
	}
	if member != "" {
		m[member] = json.RawMessage(value)
	}
	data, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func source(t testing.TB, cfg Config) *Source {
	t.Helper()
	s, err := New(cta.Chicago(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// local is a time in Chicago, in milliseconds.
func local(t testing.TB, text string) int64 {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02T15:04:05", text, cta.Chicago().Location)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

// Each member of the CTA's alerts becomes its part of an alert, in every form that it
// has been seen in.
func TestCTAAnswer(t *testing.T) {
	want := func(change func(*alert.Alert)) []alert.Alert {
		a := alert.Alert{
			ID: "7", Active: []alert.Period{{From: local(t, "2026-04-26T06:00:00")}}, Informed: []alert.Informed{{Line: "brown"}},
			Cause: alert.CauseUnknown, Effect: alert.EffectSignificantDelays, Severity: alert.SeverityWarning,
			Header: []alert.Text{{Language: "en", Text: "Delays 7"}}, Description: []alert.Text{{Language: "en", Text: "Trains stand.\nWhy?\nA signal <failed>."}},
			URL: []alert.Text{{Language: "en", Text: "http://agency.example/a?AlertId=7"}},
		}
		change(&a)
		return []alert.Alert{a}
	}
	services := func(list string) string { return answer(item("7", "ImpactedService", `{"Service":`+list+`}`)) }
	same := func(*alert.Alert) {}
	for _, c := range []struct {
		name, body string
		want       []alert.Alert
		aside      int
	}{
		{"as usual", answer(item("7", "", "")), want(same), 0},
		{"with a byte order mark", "\ufeff" + answer(item("7", "", "")), want(same), 0},
		{"one object for the list", strings.NewReplacer("[", "", "]", "").Replace(answer(item("7", "", ""))), want(same), 0},
		{"no alerts", `{"CTAAlerts":{"ErrorCode":"0"}}`, nil, 0},
		{"null for the list", `{"CTAAlerts":{"ErrorCode":0,"Alert":null}}`, nil, 0},
		{"something else in the list", answer(`7`, `"x"`, item("7", "", "")), want(same), 2},
		{"twice the same id", answer(item("7", "", ""), item("7", "Headline", `"other"`)), want(same), 1},
		{"an end", answer(item("7", "EventEnd", `"2026-04-26T23:30:00"`)), want(func(a *alert.Alert) { a.Active[0].Until = local(t, "2026-04-26T23:30:00") }), 0},
		{"an end that is a day", answer(item("7", "EventEnd", `"2026-09-24"`)), want(func(a *alert.Alert) { a.Active[0].Until = local(t, "2026-09-25T00:00:00") }), 0},
		{"a start that is a day", answer(item("7", "EventStart", `"2026-03-08"`)), want(func(a *alert.Alert) { a.Active[0].From = local(t, "2026-03-08T00:00:00") }), 0},
		{"a start of another form", answer(item("7", "EventStart", `"20260426 06:00"`)), want(same), 0},
		{"no times", answer(item("7", "EventStart", `null`)), want(func(a *alert.Alert) { a.Active = nil }), 0},
		{"a time that can't be read", answer(item("7", "EventStart", `"soon"`)), want(func(a *alert.Alert) { a.Active = nil }), 0},
		{"an end before the start", answer(item("7", "EventEnd", `"2026-04-01"`)), want(same), 0},
		{"a number for an id", answer(item("7", "AlertId", `7`)), want(same), 0},
		{"no id", answer(item("7", "AlertId", `null`)), nil, 1},
		{"no headline", answer(item("7", "Headline", `null`)), want(func(a *alert.Alert) { a.Header = a.Description }), 0},
		{"texts without a section", answer(item("7", "FullDescription", `"<b>Short</b>"`)), want(func(a *alert.Alert) { a.Description[0].Text = "Trains stand.\nShort" }), 0},
		{"a text that begins with the short one", answer(item("7", "FullDescription", `{"#cdata-section":"<p>Trains <b>stand</b>. Long.</p>"}`)), want(func(a *alert.Alert) { a.Description[0].Text = "Trains stand. Long." }), 0},
		{"a script for a link", answer(item("7", "AlertURL", `"javascript:alert(1)"`)), want(func(a *alert.Alert) { a.URL = nil }), 0},
		{"planned", answer(item("7", "SeverityCSS", `"planned"`)), want(func(a *alert.Alert) { a.Cause, a.Severity = alert.CauseMaintenance, alert.SeverityInfo }), 0},
		{"major", answer(item("7", "SeverityCSS", `"major"`)), want(func(a *alert.Alert) { a.Severity = alert.SeveritySevere }), 0},
		{"everybody", services(`{"ServiceType":"X","ServiceId":"Systemwide"}`), want(func(a *alert.Alert) { a.Informed = []alert.Informed{{}} }), 0},
		{"a bus", services(`{"ServiceType":"B","ServiceId":"22"}`), nil, 2},
		{"a bus and a line", services(`[{"ServiceType":"B","ServiceId":"22"},{"ServiceType":"R","ServiceId":"Brn"}]`), want(same), 1},
		{"an unknown line", services(`{"ServiceType":"R","ServiceId":"Gold"}`), nil, 2},
		{"an unknown station", services(`{"ServiceType":"T","ServiceId":"1"}`), nil, 2},
		{"no services", services(`null`), nil, 1},
		{"a station", services(`{"ServiceType":"T","ServiceId":"41480"}`), want(func(a *alert.Alert) { a.Informed = []alert.Informed{{Station: 41480}} }), 0},
		{"a line at a station", services(`[{"ServiceType":"T","ServiceId":"41480"},{"ServiceType":"R","ServiceId":"Brn"},{"ServiceType":"R","ServiceId":"Red"}]`),
			want(func(a *alert.Alert) { a.Informed = []alert.Informed{{Line: "brown", Station: 41480}, {Line: "red"}} }), 0},
	} {
		got, aside, err := source(t, Config{}).read([]byte(c.body))
		if d := cmp.Diff(c.want, got); err != nil || d != "" || aside != c.aside {
			t.Errorf("%s: %v, %d set aside, want %d (-want +got):\n%s", c.name, err, aside, c.aside, d)
		}
	}
}

// The whole recorded answer of the CTA, member by member, against a plain reading of it.
func TestRealAlerts(t *testing.T) {
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with feeds of agencies")
	}
	body, err := os.ReadFile(filepath.Join(samples, "cta-insights", "cta-alerts-live.json"))
	if err != nil {
		t.Fatal(err)
	}
	var plain struct {
		CTAAlerts struct{ Alert []map[string]any }
	}
	if err := json.Unmarshal(body, &plain); err != nil {
		t.Fatal(err)
	}
	got, _, err := source(t, Config{}).read(body)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]alert.Alert{}
	for _, a := range got {
		byID[a.ID] = a
	}
	section := func(v any) string {
		s, _ := v.(map[string]any)["#cdata-section"].(string)
		return s
	}
	effects := map[string]alert.Effect{"Elevator Status": alert.EffectAccessibilityIssue, "Special Note": alert.EffectUnknown, "Normal Service*": alert.EffectNone, "Added Service": alert.EffectAdditionalService, "Planned Work": alert.EffectModifiedService, "Service Change": alert.EffectModifiedService}
	rail := 0
	for _, p := range plain.CTAAlerts.Alert {
		services, ok := p["ImpactedService"].(map[string]any)["Service"].([]any)
		if !ok {
			services = []any{p["ImpactedService"].(map[string]any)["Service"]}
		}
		concerned := false
		want := map[string]bool{} // lines and stations
		for _, s := range services {
			s := s.(map[string]any)
			switch s["ServiceType"] {
			case "R":
				want[form.Lines[strings.ToLower(s["ServiceId"].(string))]] = true
				concerned = true
			case "T":
				want[s["ServiceId"].(string)] = true
				concerned = true
			case "X":
				concerned = true
			}
		}
		a, kept := byID[p["AlertId"].(string)]
		if kept != concerned {
			t.Errorf("%s: kept is %v, want %v", p["AlertId"], kept, concerned)
		}
		if !kept {
			continue
		}
		rail++
		told := map[string]bool{}
		for _, i := range a.Informed {
			if i.Line != "" {
				told[i.Line] = true
			}
			if i.Station != 0 {
				told[fmt.Sprint(i.Station)] = true
			}
		}
		if d := cmp.Diff(want, told); d != "" {
			t.Errorf("%s: lines and stations (-want +got):\n%s", a.ID, d)
		}
		if a.Header[0].Text != strings.Join(strings.Fields(p["Headline"].(string)), " ") || a.URL[0].Text != section(p["AlertURL"]) || a.Header[0].Language != "en" {
			t.Errorf("%s: header %q, link %q", a.ID, a.Header, a.URL)
		}
		if d := a.Description[0].Text; !strings.HasPrefix(d, strings.TrimSpace(strings.Fields(p["ShortDescription"].(string))[0])) || strings.ContainsAny(d, "<>\r\u00a0") || strings.Contains(d, "&nbsp;") || len(d) < 40 {
			t.Errorf("%s: description %q", a.ID, d)
		}
		if want, ok := effects[p["Impact"].(string)]; ok && a.Effect != want {
			t.Errorf("%s: %s became %s", a.ID, p["Impact"], a.Effect)
		}
		if planned := p["SeverityCSS"] == "planned"; planned != (a.Cause == alert.CauseMaintenance) || (p["SeverityCSS"] == "minor") != (a.Severity == alert.SeverityWarning) && p["Impact"] != "Planned Work" && p["Impact"] != "Service Change" && p["Impact"] != "Special Note" {
			t.Errorf("%s: class %s became cause %s, severity %s", a.ID, p["SeverityCSS"], a.Cause, a.Severity)
		}
		if from := time.UnixMilli(a.Active[0].From).In(cta.Chicago().Location).Format("2006-01-02T15:04:05"); len(a.Active) != 1 || !strings.HasPrefix(from, p["EventStart"].(string)) {
			t.Errorf("%s: begins at %s, want %s", a.ID, from, p["EventStart"])
		}
		end, _ := p["EventEnd"].(string)
		until := time.UnixMilli(a.Active[0].Until).In(cta.Chicago().Location)
		switch {
		case end == "" && a.Active[0].Until != 0,
			len(end) == 19 && until.Format("2006-01-02T15:04:05") != end,
			len(end) == 10 && until.Add(-time.Millisecond).Format(time.DateOnly) != end:
			t.Errorf("%s: ends at %s, want %q", a.ID, until, end)
		}
	}
	if len(plain.CTAAlerts.Alert) != 52 || rail != len(got) || rail < 12 {
		t.Errorf("%d alerts, of which %d concern trains, %d kept", len(plain.CTAAlerts.Alert), rail, len(got))
	}
	t.Logf("%d of %d alerts concern the trains", rail, len(plain.CTAAlerts.Alert))
}

func TestImpacts(t *testing.T) {
	for impact, want := range map[form.Text]alert.Effect{
		"Planned Reroute": alert.EffectDetour, "Bus Stop Note": alert.EffectStopMoved, "Elevator Status": alert.EffectAccessibilityIssue, "Added Service": alert.EffectAdditionalService,
		"Normal Service*": alert.EffectNone, "Service Change": alert.EffectModifiedService, "Planned Work": alert.EffectModifiedService, "Minor Delays / Reroute": alert.EffectSignificantDelays,
		"Major Delays": alert.EffectSignificantDelays, "Service Suspended": alert.EffectNoService, "Special Note": alert.EffectUnknown, "": alert.EffectUnknown,
	} {
		if got := ctaEffect(impact); got != want {
			t.Errorf("%s: %s, want %s", impact, got, want)
		}
	}
}

// An answer that is no feed, or an error, is not an answer without alerts.
func TestAnswersThatAreNone(t *testing.T) {
	for body, want := range map[string]string{
		"":                           "not a feed of alerts",
		"<!DOCTYPE html><p>Busy</p>": "not a feed of alerts",
		`{"ctatt":{}}`:               "", // JSON of another kind is no message either
		`{"CTAAlerts":null}`:         "not a feed of alerts",
		`{"CTAAlerts":{"Alert":`:     "not a feed of alerts",
		`{"CTAAlerts":{"ErrorCode":"50","ErrorMessage":"bad <b>request</b>"}}`: "bad",
		`{"CTAAlerts":{"ErrorCode":"x"}}`:                                      "refused",
		"not a feed":                                                           "not a feed of alerts",
	} {
		alerts, _, err := source(t, Config{}).read([]byte(body))
		if len(alerts) > 0 || (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, %v; want %q", body, alerts, err, want)
		}
	}
}

// A feed in protobuf is read by the same source, in all its languages.
func TestGTFSRealtimeAnswer(t *testing.T) {
	version := strings.Repeat("2", 58) // makes the header 60 bytes, which is the character '<'
	feed := &pb.FeedMessage{Header: &pb.FeedHeader{GtfsRealtimeVersion: &version}, Entity: []*pb.FeedEntity{{Id: proto.String("x"), Alert: &pb.Alert{
		InformedEntity: []*pb.EntitySelector{{RouteId: proto.String("red")}, {RouteId: proto.String("22")}},
		HeaderText: &pb.TranslatedString{Translation: []*pb.TranslatedString_Translation{
			{Text: proto.String("Delays &amp; <b>more</b>"), Language: proto.String("en")}, {Text: proto.String("Retrasos"), Language: proto.String("es")},
			{Text: proto.String("  "), Language: proto.String("fr")}, {Text: proto.String("x"), Language: proto.String(`"><script>`)},
		}},
	}}}}
	body, err := proto.Marshal(feed)
	if err != nil {
		t.Fatal(err)
	}
	if body[1] != '<' {
		t.Fatalf("the feed begins with %q, want what might be a page's", body[:2])
	}
	got, aside, err := source(t, Config{}).read(body)
	if err != nil || len(got) != 1 || aside != 1 {
		t.Fatalf("%v, %d, %v", got, aside, err)
	}
	want := []alert.Text{{Language: "en", Text: "Delays & more"}, {Language: "es", Text: "Retrasos"}, {Text: "x"}}
	if d := cmp.Diff(want, got[0].Header); d != "" {
		t.Error(d)
	}
}

func TestTextsArePlain(t *testing.T) {
	for html, want := range map[string]string{
		"<p>One<br/>two</p><ul><li>three</li></ul>":     "One\ntwo\nthree",
		"a  b\t\r\n c&nbsp;&amp; d":                     "a b\nc & d",
		"<script>alert(1)</script><style>b{}</style>ok": "ok",
		"x < y and y > x":                               "x < y and y > x",
		"&lt;b&gt;":                                     "<b>",
		"a\x00b\u202ec\u200bd":                          "a\ufffdbcd",
		"\xff":                                          "\ufffd",
		"<img src=x onerror=alert(1)>":                  "",
		"<p>not closed":                                 "not closed",
		"<script>not closed":                            "",
	} {
		if got := unmarked(html); strings.ReplaceAll(got, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
			t.Errorf("%q: %q, want %q", html, got, want)
		}
	}
}

func TestBounds(t *testing.T) {
	long := alert.Alert{
		ID: "1", Informed: make([]alert.Informed, 1000), Active: make([]alert.Period, 1000),
		Header: []alert.Text{{Text: strings.Repeat("wörter ", 1000)}}, Description: slices.Repeat([]alert.Text{{Text: "x" + strings.Repeat("ö", 9999)}, {Text: strings.Repeat("ö", 9999)}}, 50),
		URL: []alert.Text{{Text: "http://a.example/" + strings.Repeat("x", 2000)}},
	}
	a, ok := tidy(long)
	if !ok || len(a.Header[0].Text) > maxHeader || len(a.Description[0].Text) > maxDescription || len(a.Description) != maxLanguages || a.URL != nil ||
		len(a.Informed) != alert.MaxParts || len(a.Active) != alert.MaxParts || !strings.HasSuffix(a.Header[0].Text, "wörter…") {
		t.Errorf("%v: %+v", ok, a)
	}
	for _, text := range a.Description {
		if !utf8.ValidString(text.Text) {
			t.Errorf("a text is cut within a character: …%q", text.Text[len(text.Text)-8:])
		}
	}
	if _, ok := tidy(alert.Alert{ID: strings.Repeat("x", 201), Header: long.Header}); ok {
		t.Error("an id of 201 bytes is kept")
	}
	var many []string
	for i := range maxAlerts + 50 {
		many = append(many, item(fmt.Sprint(i), "", ""))
	}
	if got, aside, err := source(t, Config{}).read([]byte(answer(many...))); len(got) != maxAlerts || aside != 50 || err != nil {
		t.Errorf("%d alerts, %d set aside, %v", len(got), aside, err)
	}
}

// table is a Sink that remembers what was written.
type table struct {
	alerts map[string]alert.Alert
	writes []string
	err    error
}

func (t *table) Current(context.Context) (map[string]alert.Alert, error) {
	return maps.Clone(t.alerts), t.err
}

func (t *table) Put(_ context.Context, a alert.Alert) error {
	t.alerts[a.ID] = a
	t.writes = append(t.writes, "put "+a.ID)
	return t.err
}

func (t *table) End(_ context.Context, id string) error {
	delete(t.alerts, id)
	t.writes = append(t.writes, "end "+id)
	return t.err
}

// polled runs a source against a server that gives one answer a minute, from 11:00 on, and
// returns what was written after each. An answer that begins with a digit is a status.
func polled(t *testing.T, sink *table, answers ...string) (writes [][]string) {
	t.Helper()
	return recorded(t, nil, sink, answers...)
}

// recorded is polled, and records the answers.
func recorded(t *testing.T, recorder *recording.Recorder, sink *table, answers ...string) (writes [][]string) {
	t.Helper()
	now := time.UnixMilli(local(t, "2026-04-26T11:00:00"))
	i := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body := answers[i]
		if body != "" && body[0] >= '0' && body[0] <= '9' {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		io.WriteString(w, body)
	}))
	defer server.Close()
	s := source(t, Config{URL: server.URL, Record: recorder})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	clock := retry.Clock{Now: func() time.Time { return now }, Spread: func(d time.Duration) time.Duration { return min(d, time.Minute) }, Pause: func(ctx context.Context, d time.Duration) error {
		writes = append(writes, sink.writes)
		sink.writes = nil
		now = now.Add(d)
		if i++; i == len(answers) {
			cancel()
		}
		return ctx.Err()
	}}
	s.poll.Clock = clock
	if err := s.Run(ctx, sink); err != nil {
		t.Fatal(err)
	}
	return writes
}

func TestWhatIsWritten(t *testing.T) {
	one, both := answer(item("1", "", "")), answer(item("1", "", ""), item("2", "", ""))
	changed := answer(item("1", "Headline", `"worse"`), item("2", "", ""))
	repeat := func(s string, n int) []string { return slices.Repeat([]string{s}, n) }
	for _, c := range []struct {
		name    string
		answers []string
		want    map[int][]string // by answer, where anything was written
		left    []string
	}{
		{"the same again", repeat(both, 9), map[int][]string{0: {"put 1", "put 2"}}, []string{"1", "2"}},
		{"a change", []string{both, changed, changed}, map[int][]string{0: {"put 1", "put 2"}, 1: {"put 1"}}, []string{"1", "2"}},
		{"missing once", append([]string{both, one}, repeat(both, 8)...), map[int][]string{0: {"put 1", "put 2"}}, []string{"1", "2"}},
		{"missing now and then", slices.Concat([]string{both, one, one, both}, repeat(one, 5), []string{both}, repeat(one, 5)), map[int][]string{0: {"put 1", "put 2"}}, []string{"1", "2"}},
		{"gone", append([]string{both}, repeat(one, 7)...), map[int][]string{0: {"put 1", "put 2"}, 6: {"end 2"}}, []string{"1"}},
		{"all gone", append([]string{one}, repeat(answer(), 7)...), map[int][]string{0: {"put 1"}, 6: {"end 1"}}, nil},
		{"failures say nothing", append([]string{both, "500", "<html>", `{"CTAAlerts":{"ErrorCode":"1"}}`}, repeat("503", 20)...), map[int][]string{0: {"put 1", "put 2"}}, []string{"1", "2"}},
		{"comes back", slices.Concat([]string{both}, repeat(one, 7), []string{both}), map[int][]string{0: {"put 1", "put 2"}, 6: {"end 2"}, 8: {"put 2"}}, []string{"1", "2"}},
		{"the period ends", repeat(answer(item("1", "EventEnd", `"2026-04-26T11:02:00"`)), 5), map[int][]string{0: {"put 1"}, 2: {"end 1"}}, nil},
		{"over before", repeat(answer(item("1", "EventEnd", `"2026-04-26T10:59:59"`)), 3), nil, nil},
		{"not yet begun", repeat(answer(item("1", "EventStart", `"2026-05-01"`)), 3), map[int][]string{0: {"put 1"}}, []string{"1"}},
	} {
		sink := &table{alerts: map[string]alert.Alert{}}
		got := map[int][]string{}
		for i, w := range polled(t, sink, c.answers...) {
			if w != nil {
				got[i] = w
			}
		}
		if c.want == nil {
			c.want = map[int][]string{}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: (-want +got):\n%s", c.name, d)
		}
		if left := slices.Sorted(maps.Keys(sink.alerts)); !slices.Equal(left, c.left) {
			t.Errorf("%s: %v are left, want %v", c.name, left, c.left)
		}
	}
}

// A recording gives what was written when it was made: alerts come, change, flicker and
// end, also in answers that are unchanged, and between answers that can't be read.
func TestReplay(t *testing.T) {
	one, both := answer(item("1", "", "")), answer(item("1", "", ""), item("2", "", ""))
	dir := t.TempDir()
	recorder, err := recording.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := &table{alerts: map[string]alert.Alert{}}
	writes := recorded(t, recorder, first, both, one, both, "<html>", "503", one, one, one, one, one, one, one)
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(writes...)
	again := &table{alerts: map[string]alert.Alert{}}
	if err := source(t, Config{Replay: dir, Speed: math.Inf(1)}).Run(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, again.writes); d != "" || len(want) < 3 || want[len(want)-1] != "end 2" {
		t.Errorf("%v was written (-want +got):\n%s", want, d)
	}
	if d := cmp.Diff(first.alerts, again.alerts); d != "" {
		t.Errorf("the table (-want +got):\n%s", d)
	}
	// A recording of trains alone is none of alerts.
	other := t.TempDir()
	if recorder, err = recording.New(other); err == nil {
		err = errors.Join(recorder.Add(recording.Answer{Feed: "trips", Came: time.Now(), Body: []byte("x")}), recorder.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := source(t, Config{Replay: other, Speed: math.Inf(1)}).Run(t.Context(), again); err != nil {
		t.Errorf("without alerts, Run returned %v", err)
	}
}

// A restart repeats nothing, and ends what went meanwhile, but not at once.
func TestRestart(t *testing.T) {
	sink := &table{alerts: map[string]alert.Alert{}}
	always := item("1", "EventStart", "null")
	polled(t, sink, answer(always, item("2", "", "")))
	stored := sink.alerts["1"]
	if stored.Active != nil {
		t.Fatalf("%v, want no periods", stored.Active)
	}
	stored.Active = []alert.Period{} // as decoded
	sink.alerts["1"] = stored
	got := polled(t, sink, append(slices.Repeat([]string{answer(always)}, 7), answer(item("1", "", "")))...)
	want := make([][]string, 8)
	want[5] = []string{"end 2"}
	want[7] = []string{"put 1"} // it has a period now
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A failure of the sink ends Run; a context that ends is none.
func TestSinkFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer(item("1", "", ""))) }))
	defer server.Close()
	broken := errors.New("broken")
	if err := source(t, Config{URL: server.URL}).Run(t.Context(), &table{err: broken}); !errors.Is(err, broken) {
		t.Errorf("%v, want the sink's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := source(t, Config{URL: server.URL}).Run(ctx, &table{err: ctx.Err()}); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{Every: time.Second}, {Every: time.Hour}, {URL: "ftp://agency.example"}, {Timeout: time.Hour}} {
		if _, err := New(cta.Chicago(), c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	if _, err := New(nil, Config{}); err == nil {
		t.Error("no network is accepted")
	}
}

// What is set aside is said once and counted.
func TestSaid(t *testing.T) {
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	path := filepath.Join(t.TempDir(), "alerts.json")
	if err := os.WriteFile(path, []byte(answer(item("1", "", ""), item("2", "ImpactedService", `{"Service":{"ServiceType":"R","ServiceId":"Gold"}}`))), 0o600); err != nil {
		t.Fatal(err)
	}
	s := source(t, Config{URL: path, Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: reg})
	ctx, cancel := context.WithCancel(t.Context())
	polls := 0
	s.poll.Clock.Pause = func(context.Context, time.Duration) error {
		if polls++; polls == 3 {
			cancel()
		}
		return ctx.Err()
	}
	if err := s.Run(ctx, &table{alerts: map[string]alert.Alert{}}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "concern nothing in the network"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			got[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	want := map[string]float64{"ctalive_alert_calls_total": 3, "ctalive_alert_writes_total": 1, "ctalive_alert_set_aside_total": 2, "ctalive_alerts": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("metrics (-want +got):\n%s", d)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(answer(item("7", "", ""))))
	f.Add([]byte(answer(item("7", "EventEnd", `"2026-09-24"`), `{}`)))
	f.Add([]byte("\x0a\x07\x0a\x032.0\x12\x0b\x0a\x011\x2a\x06\x2a\x04\x2a\x02ab"))
	f.Add([]byte(`{"header":{"gtfsRealtimeVersion":"2.0"},"entity":[{"id":"1","alert":{"informedEntity":[{"agencyId":"1"}],"headerText":{"translation":[{"text":"<p>x"}]}}}]}`))
	s := source(f, Config{})
	f.Fuzz(func(t *testing.T, body []byte) {
		alerts, _, err := s.read(body)
		if err != nil && len(alerts) > 0 {
			t.Errorf("%v, and %d alerts", err, len(alerts))
		}
		for _, a := range alerts {
			if err := a.Check(); err != nil || len(a.Informed) == 0 {
				t.Errorf("%v: %+v", err, a)
			}
		}
	})
}
