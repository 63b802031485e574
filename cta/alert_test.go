package cta_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

func TestAlertCheck(t *testing.T) {
	good := func(change func(*cta.Alert)) cta.Alert {
		a := cta.Alert{ID: "1", Header: []cta.Text{{Text: "x"}}, URL: []cta.Text{{Text: "https://agency.example/1"}}, Active: []cta.Period{{From: 5}}}
		change(&a)
		return a
	}
	for name, c := range map[string]struct {
		a    cta.Alert
		want string
	}{
		"good":              {good(func(*cta.Alert) {}), ""},
		"no id":             {good(func(a *cta.Alert) { a.ID = "" }), "id has 0 bytes"},
		"a long id":         {good(func(a *cta.Alert) { a.ID = strings.Repeat("x", 201) }), "id has 201 bytes"},
		"no header":         {good(func(a *cta.Alert) { a.Header = nil }), "header is empty"},
		"long texts":        {good(func(a *cta.Alert) { a.Description = []cta.Text{{Text: strings.Repeat("x", 32<<10)}} }), "texts have"},
		"many periods":      {good(func(a *cta.Alert) { a.Active = make([]cta.Period, 501) }), "501 periods"},
		"many selectors":    {good(func(a *cta.Alert) { a.Informed = make([]cta.Informed, 501) }), "501 selectors"},
		"a period backward": {good(func(a *cta.Alert) { a.Active = []cta.Period{{From: 5, Until: 5}} }), "does not end after it begins"},
		"a script":          {good(func(a *cta.Alert) { a.URL = []cta.Text{{Text: "javascript:alert(1)"}} }), "want http or https"},
	} {
		if err := c.a.Check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAlertPeriods(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	for _, c := range []struct {
		periods      []cta.Period
		at           int64
		active, over bool
	}{
		{nil, 7, true, false},
		{[]cta.Period{{From: 5, Until: 10}}, 4, false, false},
		{[]cta.Period{{From: 5, Until: 10}}, 5, true, false},
		{[]cta.Period{{From: 5, Until: 10}}, 9, true, false},
		{[]cta.Period{{From: 5, Until: 10}}, 10, false, true},
		{[]cta.Period{{From: 5}}, 1 << 40, true, false},
		{[]cta.Period{{Until: 10}}, 0, true, false},
		{[]cta.Period{{From: 5, Until: 10}, {From: 20, Until: 30}}, 15, false, false},
		{[]cta.Period{{From: 20, Until: 30}, {From: 5, Until: 10}}, 25, true, false},
		{[]cta.Period{{From: 20, Until: 30}, {From: 5, Until: 10}}, 30, false, true},
	} {
		a := cta.Alert{Active: c.periods}
		if active, over := a.ActiveAt(at(c.at)), a.Over(at(c.at)); active != c.active || over != c.over {
			t.Errorf("%v at %d: active %v, over %v", c.periods, c.at, active, over)
		}
	}
}

func TestTextInLanguage(t *testing.T) {
	en, es, own := cta.Text{Language: "en-US", Text: "en"}, cta.Text{Language: "ES", Text: "es"}, cta.Text{Text: "own"}
	for _, c := range []struct {
		language string
		texts    []cta.Text
		want     string
	}{
		{"es", []cta.Text{en, es}, "es"},
		{"en", []cta.Text{es, en}, "en"},
		{"fr", []cta.Text{es, en}, "es"},
		{"fr", []cta.Text{es, own, en}, "own"},
		{"en", nil, ""},
	} {
		if got := cta.In(c.language, c.texts).Text; got != c.want {
			t.Errorf("%v in %s: %q, want %q", c.texts, c.language, got, c.want)
		}
	}
}
