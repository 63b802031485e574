package alert_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta/alert"
)

func TestAlertCheck(t *testing.T) {
	good := func(change func(*alert.Alert)) alert.Alert {
		a := alert.Alert{ID: "1", Header: []alert.Text{{Text: "x"}}, URL: []alert.Text{{Text: "https://agency.example/1"}}, Active: []alert.Period{{From: 5}}}
		change(&a)
		return a
	}
	for name, c := range map[string]struct {
		a    alert.Alert
		want string
	}{
		"good":              {good(func(*alert.Alert) {}), ""},
		"no id":             {good(func(a *alert.Alert) { a.ID = "" }), "id has 0 bytes"},
		"a long id":         {good(func(a *alert.Alert) { a.ID = strings.Repeat("x", 201) }), "id has 201 bytes"},
		"no header":         {good(func(a *alert.Alert) { a.Header = nil }), "header is empty"},
		"long texts":        {good(func(a *alert.Alert) { a.Description = []alert.Text{{Text: strings.Repeat("x", 32<<10)}} }), "texts have"},
		"many periods":      {good(func(a *alert.Alert) { a.Active = make([]alert.Period, 501) }), "501 periods"},
		"many selectors":    {good(func(a *alert.Alert) { a.Informed = make([]alert.Informed, 501) }), "501 selectors"},
		"a period backward": {good(func(a *alert.Alert) { a.Active = []alert.Period{{From: 5, Until: 5}} }), "does not end after it begins"},
		"a script":          {good(func(a *alert.Alert) { a.URL = []alert.Text{{Text: "javascript:alert(1)"}} }), "want http or https"},
	} {
		if err := c.a.Check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAlertPeriods(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	for _, c := range []struct {
		periods []alert.Period
		at      int64
		over    bool
	}{
		{nil, 7, false},
		{[]alert.Period{{From: 5, Until: 10}}, 4, false},
		{[]alert.Period{{From: 5, Until: 10}}, 5, false},
		{[]alert.Period{{From: 5, Until: 10}}, 9, false},
		{[]alert.Period{{From: 5, Until: 10}}, 10, true},
		{[]alert.Period{{From: 5}}, 1 << 40, false},
		{[]alert.Period{{Until: 10}}, 0, false},
		{[]alert.Period{{From: 5, Until: 10}, {From: 20, Until: 30}}, 15, false},
		{[]alert.Period{{From: 20, Until: 30}, {From: 5, Until: 10}}, 25, false},
		{[]alert.Period{{From: 20, Until: 30}, {From: 5, Until: 10}}, 30, true},
	} {
		a := alert.Alert{Active: c.periods}
		if over := a.Over(at(c.at)); over != c.over {
			t.Errorf("%v at %d: over %v", c.periods, c.at, over)
		}
	}
}

func TestTextInLanguage(t *testing.T) {
	en, es, own := alert.Text{Language: "en-US", Text: "en"}, alert.Text{Language: "ES", Text: "es"}, alert.Text{Text: "own"}
	for _, c := range []struct {
		language string
		texts    []alert.Text
		want     string
	}{
		{"es", []alert.Text{en, es}, "es"},
		{"en", []alert.Text{es, en}, "en"},
		{"fr", []alert.Text{es, en}, "es"},
		{"fr", []alert.Text{es, own, en}, "own"},
		{"en", nil, ""},
	} {
		if got := alert.In(c.language, c.texts).Text; got != c.want {
			t.Errorf("%v in %s: %q, want %q", c.texts, c.language, got, c.want)
		}
	}
}
