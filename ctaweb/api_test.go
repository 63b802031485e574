package ctaweb

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// schema is the part of OpenAPI's schemas that ours use.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"` // a name, or a list of them
	Format     string            `json:"format"`
	Enum       []string          `json:"enum"`
	Required   []string          `json:"required"`
	Properties map[string]schema `json:"properties"`
	Items      *schema           `json:"items"`
}

type openAPI struct {
	Paths map[string]struct {
		Servers []struct{ URL string }
		Get     struct {
			Responses map[string]struct {
				Headers map[string]any
				Content map[string]struct{ Schema schema }
			}
		}
	}
	Components struct{ Schemas map[string]schema }
}

// check lists what of a value a schema doesn't allow.
func (doc *openAPI) check(at string, s schema, v any) (faults []string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		ref, known := doc.Components.Schemas[name]
		if !known {
			return []string{at + ": no schema " + name}
		}
		return doc.check(at, ref, v)
	}
	kind := map[bool]string{true: "null", false: fmt.Sprintf("%T", v)}[v == nil]
	switch x := v.(type) {
	case map[string]any:
		kind = "object"
		for _, name := range s.Required {
			if _, ok := x[name]; !ok {
				faults = append(faults, at+": lacks "+name)
			}
		}
		for name, value := range x {
			if sub, ok := s.Properties[name]; ok {
				faults = append(faults, doc.check(at+"."+name, sub, value)...)
			} else if s.Properties != nil {
				faults = append(faults, at+": has "+name)
			}
		}
	case []any:
		kind = "array"
		for i, item := range x {
			if s.Items != nil {
				faults = append(faults, doc.check(fmt.Sprintf("%s[%d]", at, i), *s.Items, item)...)
			}
		}
	case string:
		kind = "string"
		if s.Enum != nil && !slices.Contains(s.Enum, x) {
			faults = append(faults, fmt.Sprintf("%s: is %q, want one of %q", at, x, s.Enum))
		}
		if _, err := time.Parse(time.RFC3339, x); s.Format == "date-time" && err != nil {
			faults = append(faults, at+": "+err.Error())
		}
	case bool:
		kind = "boolean"
	}
	types, ok := s.Type.([]any)
	if !ok {
		types = []any{s.Type}
	}
	if x, ok := v.(float64); ok {
		kind = "number"
		if slices.Contains(types, any("integer")) && x == float64(int64(x)) {
			kind = "integer"
		}
	}
	if !slices.Contains(types, any(kind)) {
		faults = append(faults, fmt.Sprintf("%s: is %s, want %v", at, kind, types))
	}
	return faults
}

// The description and the handler name the same routes, and every answer has the
// members that the description gives it.
func TestOpenAPIHolds(t *testing.T) {
	m := busy()
	event, wall := clockAt("08:00:05")
	m.ApplyWeather(cta.KeyAt(event), cta.Weather{Temperature: 50, Status: cta.WeatherSunny}, wall)
	serious := notice("1", alert.SeveritySevere, alert.Informed{Line: "blue", Station: ohare, Direction: cta.DirectionA, Mode: cta.ModeMetro})
	serious.Active = []alert.Period{minutes(-1, 1)}
	m.ApplyAlert(serious)
	for name, m := range map[string]*Model{"busy": m, "empty": NewModel(cta.Chicago())} {
		h := newHandler(t, m, HandlerConfig{})
		var doc openAPI
		if err := json.NewDecoder(get(t, h, "GET", "/api/v1/openapi.json").Body).Decode(&doc); err != nil {
			t.Fatal(err)
		}
		var described, served []string
		for p, path := range doc.Paths {
			if len(path.Servers) == 0 {
				p = "/api" + p
			}
			described = append(described, p)
		}
		for _, p := range h.patterns {
			if strings.HasPrefix(p, "/api/v1/") || p == "/events" {
				served = append(served, p)
			}
		}
		slices.Sort(described)
		slices.Sort(served)
		if d := cmp.Diff(described, served); d != "" {
			t.Errorf("routes (-described +served):\n%s", d)
		}
		ids := map[string]string{"lines": "blue", "stations": "40380", "trains": "blue0"}
		for p, path := range doc.Paths {
			if len(path.Servers) > 0 {
				s := h.pub.snapshot()
				_, data, _ := strings.Cut(string(s.snapshotEvent(h.model.Network(), filter{}).plain), "data: ")
				var got any
				if err := json.Unmarshal([]byte(data), &got); err != nil {
					t.Fatal(err)
				}
				for _, f := range doc.check(name+" "+p, path.Get.Responses["200"].Content["text/event-stream"].Schema, got) {
					t.Error(f)
				}
				continue
			}
			kind := strings.Split(p, "/")[2]
			url := "/api" + strings.ReplaceAll(p, "{id}", ids[kind])
			r := get(t, h, "GET", url)
			want := path.Get.Responses[fmt.Sprint(r.StatusCode)]
			var got any
			if err := json.Unmarshal([]byte(text(t, r)), &got); err != nil {
				t.Fatal(err)
			}
			if r.StatusCode != 200 && (name != "empty" || kind != "trains") {
				t.Errorf("%s answers %d", url, r.StatusCode)
			}
			for _, f := range doc.check(name+" "+url, want.Content["application/json"].Schema, got) {
				t.Error(f)
			}
			tag := r.Header.Get("ETag")
			if r := get(t, h, "GET", url, "If-None-Match", tag); r.StatusCode != 304 && want.Headers != nil {
				t.Errorf("%s answers %d to its own tag", url, r.StatusCode)
			}
		}
	}
}

// Pages and answers say when a line was heard of last, and when counts came last,
// also when they have stopped coming.
func TestAgesAreTold(t *testing.T) {
	_, now := clockAt("08:20:30")
	m := small()
	for _, s := range []step{
		arrive("08:19:00", "blue B2 a", rosemont), arrive("08:20:20", "red R2 a", howard),
		counted("08:05:00", jarvis, 5),
	} {
		s(m)
	}
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return now }})
	clock := func(at string) string { event, _ := clockAt(at); return event.Format(time.RFC3339) }
	for url, want := range map[string]string{
		"/api/v1/lines":          `"text_color":"#000000","last_heard":"` + clock("08:19:00"),
		"/api/v1/lines/blue":     `"last_heard":"` + clock("08:19:00"),
		"/api/v1/status":         `"counts_as_of":"` + clock("08:05:00"),
		"/api/v1/stations/40890": `"entries":1234567,"entries_today":1234567,"counts_as_of":"` + clock("08:00:00"),
		"/lines/blue":            "Last report: 08:19. No counts since 08:05.",
		"/lines/blue?lang=es":    "Último informe: 08:19. Sin recuentos desde las 08:05.",
		"/stations/40890":        "Total entries: 1,234,567; last at 08:00. No counts since 08:05.",
		"/":                      `<span id="counted">No counts since 08:05</span>`,
	} {
		if body := text(t, get(t, h, "GET", url)); !strings.Contains(body, want) {
			t.Errorf("%s lacks %q", url, want)
		}
	}
	counted("08:20:25", jarvis, 6)(m)
	now = now.Add(time.Second)
	for url, want := range map[string]string{
		"/api/v1/status":  `"counts_as_of":"` + clock("08:20:25"),
		"/stations/40890": "last at 08:00. Counts from 08:00 to 08:20.",
		"/":               `<span id="counted">Counts from 08:00 to 08:20</span>`,
	} {
		if body := text(t, get(t, h, "GET", url)); !strings.Contains(body, want) {
			t.Errorf("once counts come again %s lacks %q", url, want)
		}
	}
}

func TestOtherSites(t *testing.T) {
	for _, origin := range []string{"", "*", "https://example.org"} {
		h := newHandler(t, small(), HandlerConfig{AllowOrigin: origin})
		for url, want := range map[string]string{"/api/v1/lines": origin, "/api/v1/nothing": origin, "/": "", "/metrics": ""} {
			if got := get(t, h, "GET", url).Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("AllowOrigin %q: %s has %q, want %q", origin, url, got, want)
			}
			// Whether it may send If-None-Match, a browser asks first.
			r := get(t, h, "OPTIONS", url, "Origin", "https://example.org", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "if-none-match")
			if want == "" {
				if r.StatusCode == 204 || r.Header.Get("Access-Control-Allow-Methods") != "" {
					t.Errorf("AllowOrigin %q: %s lets other sites read it", origin, url)
				}
				continue
			}
			got := []string{r.Status, r.Header.Get("Access-Control-Allow-Origin"), r.Header.Get("Access-Control-Allow-Methods"), r.Header.Get("Access-Control-Allow-Headers")}
			if d := cmp.Diff([]string{"204 No Content", origin, "GET, HEAD", "Accept-Language, If-None-Match, Last-Event-ID"}, got); d != "" {
				t.Errorf("AllowOrigin %q: preflight of %s (-want +got):\n%s", origin, url, d)
			}
			if r := get(t, h, "OPTIONS", url); r.StatusCode != 405 {
				t.Errorf("OPTIONS that asks for nothing is answered by %d, want 405", r.StatusCode)
			}
		}
	}
}

// An origin that no browser ever sends would let nobody in, which one finds out late.
func TestOriginsThatNeverMatchAreRefused(t *testing.T) {
	for origin, ok := range map[string]bool{
		"*": true, "https://example.org": true, "http://localhost:3000": true, "https://[::1]:8443": true,
		"https://example.org/": false, "example.org": false, "x": false, "https://": false, "https://:80": false,
		"https://Example.org": false, "https://example.org:443": false, "https://example.org:": false, "ftp://example.org": false,
		"https://a b": false, "https://a, https://b": false, "https://u@example.org": false, "https://example.org?q": false, "null": false,
	} {
		h, err := NewHandler(small(), HandlerConfig{AllowOrigin: origin})
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "AllowOrigin is ") {
			t.Errorf("AllowOrigin %q: error is %v", origin, err)
		}
		if err == nil {
			h.Close()
		}
	}
}

func TestPredictions(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	var got struct {
		Predictions []platformBoard
	}
	if err := json.NewDecoder(get(t, h, "GET", "/api/v1/stations/40820/predictions").Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got.Predictions) != 2 || len(got.Predictions[0].Next) == 0 || got.Predictions[0].Next[0].Train != "B1" {
		t.Fatalf("predictions are %+v, want train B1 first, and a board for each direction", got.Predictions)
	}
	a := got.Predictions[0].Next[0]
	if !a.Earliest.Before(a.Latest) || a.Expected.Before(a.Earliest) || a.Expected.After(a.Latest) {
		t.Errorf("%v isn't within %v to %v", a.Expected, a.Earliest, a.Latest)
	}
}

// All entries show before the first train has told the time, without which there is no
// today: streams then have nothing to tell.
func TestTotalsShowBeforeTheFirstTrain(t *testing.T) {
	m := NewModel(cta.Chicago())
	m.SetReady()
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return now }})
	for _, n := range []int64{0, 5, 7} {
		before := h.pub.snapshot().status
		m.ApplyCount(tables.TurnstileCount{StationID: 40010, Count: n}, now)
		now = now.Add(2 * time.Second)
		if s := h.pub.snapshot(); len(difference(before, s.status, s.layout).EntriesToday) != 0 {
			t.Errorf("at %d entries, streams are told of today's", n)
		}
		if got, want := text(t, get(t, h, "GET", "/api/v1/stations/40010")), fmt.Sprintf(`"entries":%d,"entries_today":0`, n); !strings.Contains(got, want) {
			t.Errorf("lacks %s: %s", want, got)
		}
	}
}
