package alerts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
	"github.com/seed-921eec07/ctalive/internal/restclient"
)

// errNoFeed is an answer of something else than a feed of alerts, such as the page of a
// server in front of it.
var errNoFeed = errors.New("the answer is not a feed of alerts")

// ctaAlert is an alert as the CTA writes it. The feed's SeverityScore, SeverityColor,
// TBD, MajorAlert, ttim and GUID add nothing: the score follows from the impact, the
// colour from the class, and MajorAlert is 0 in major alerts.
type ctaAlert struct {
	ID       form.Text `json:"AlertId"`
	Headline form.Text `json:"Headline"`
	Short    form.Text `json:"ShortDescription"`
	Full     form.Text `json:"FullDescription"`
	Class    form.Text `json:"SeverityCSS"`
	Impact   form.Text `json:"Impact"`
	Start    form.Text `json:"EventStart"`
	End      form.Text `json:"EventEnd"`
	URL      form.Text `json:"AlertURL"`
	Impacted struct {
		Service form.List[ctaService] `json:"Service"`
	} `json:"ImpactedService"`
}

// ctaService is whom an alert concerns: a train route (R), a station (T), a bus route
// (B) or everybody (X).
type ctaService struct {
	Type form.Text `json:"ServiceType"`
	ID   form.Text `json:"ServiceId"`
}

// readCTA reads an answer of the CTA's alerts. An error code in the answer is a
// [*rest.Error]. unknown counts the alerts and the parts of them that concern nothing in
// the network, such as bus routes, and those that can't be read.
func readCTA(body []byte, net *cta.Network) (alerts []alert.Alert, unknown int, err error) {
	var shape struct {
		Root *struct {
			Code  form.Text           `json:"ErrorCode"`
			Error form.Text           `json:"ErrorMessage"`
			Alert form.List[ctaAlert] `json:"Alert"`
		} `json:"CTAAlerts"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &shape); err != nil || shape.Root == nil {
		return nil, 0, errNoFeed
	}
	root := shape.Root
	if root.Code != "" && root.Code != "0" {
		message := cmp.Or(restclient.OneLine(string(root.Error)), "refused")
		return nil, 0, &rest.Error{Status: 200, Code: root.Code.Number(), Message: message}
	}
	unknown = root.Alert.Odd
	for _, in := range root.Alert.Of {
		informed, strange := ctaInformed(in.Impacted.Service.Of, net)
		unknown += strange + in.Impacted.Service.Odd
		if len(informed) == 0 {
			unknown++
			continue
		}
		a := alert.Alert{
			ID: string(in.ID), Informed: informed,
			Cause: ctaCause(in), Effect: ctaEffect(in.Impact), Severity: ctaSeverity(in),
			Header: english(in.Headline), URL: english(in.URL),
			Description: english(in.Full),
		}
		// The whole text often begins with the short one.
		if short := unmarked(string(in.Short)); !strings.HasPrefix(unmarked(string(in.Full)), short) {
			a.Description = english(in.Short + "\n" + in.Full)
		}
		p := alert.Period{From: ctaTime(in.Start, net.Location, false), Until: ctaTime(in.End, net.Location, true)}
		if p != (alert.Period{}) {
			a.Active = []alert.Period{p}
		}
		alerts = append(alerts, a)
	}
	return alerts, unknown, nil
}

func english(t form.Text) []alert.Text {
	return []alert.Text{{Language: "en", Text: string(t)}}
}

// ctaInformed returns the riders that services stand for. An alert that names stations
// and lines is about those lines at those stations.
func ctaInformed(services []ctaService, net *cta.Network) (informed []alert.Informed, unknown int) {
	var lines []*cta.Line
	var stations []*cta.Station
	for _, s := range services {
		var line *cta.Line
		var station *cta.Station
		switch s.Type {
		case "X":
			return []alert.Informed{{}}, 0
		case "R":
			if line = ctaLine(string(s.ID), net); line != nil {
				lines = append(lines, line)
			}
		case "T":
			if station = net.Station(s.ID.Number()); station != nil {
				stations = append(stations, station)
			}
		}
		if line == nil && station == nil {
			unknown++
		}
	}
	placed := map[string]bool{} // lines with a station
	for _, s := range stations {
		any := false
		for _, l := range lines {
			if slices.Contains(s.Lines, l.ID) {
				informed = append(informed, alert.Informed{Line: l.ID, Station: s.ID})
				any, placed[l.ID] = true, true
			}
		}
		if !any {
			informed = append(informed, alert.Informed{Station: s.ID})
		}
	}
	for _, l := range lines {
		if !placed[l.ID] {
			informed = append(informed, alert.Informed{Line: l.ID})
		}
	}
	return informed, unknown
}

func ctaLine(route string, net *cta.Network) *cta.Line {
	for _, l := range net.Lines {
		if strings.EqualFold(gtfs.RouteID(l), route) {
			return l
		}
	}
	return net.Line(form.Lines[strings.ToLower(route)])
}

func ctaSeverity(a ctaAlert) alert.Severity {
	switch a.Class {
	case "major":
		return alert.SeveritySevere
	case "minor":
		return alert.SeverityWarning
	}
	switch a.Impact {
	case "Planned Work", "Planned Reroute", "Service Change", "Bus Stop Relocation", "Special Note":
		return alert.SeverityWarning
	}
	return alert.SeverityInfo
}

func ctaCause(a ctaAlert) alert.Cause {
	if a.Class == "planned" {
		return alert.CauseMaintenance
	}
	return alert.CauseUnknown
}

// ctaEffect returns the effect by the words of an impact, such as "Minor Delays /
// Reroute": the worst comes first.
func ctaEffect(impact form.Text) alert.Effect {
	for _, e := range []struct {
		word   string
		effect alert.Effect
	}{
		{"suspended", alert.EffectNoService}, {"no service", alert.EffectNoService}, {"delays", alert.EffectSignificantDelays},
		{"reroute", alert.EffectDetour}, {"added service", alert.EffectAdditionalService}, {"elevator", alert.EffectAccessibilityIssue},
		{"bus stop", alert.EffectStopMoved}, {"normal service", alert.EffectNone}, {"service", alert.EffectModifiedService}, {"planned work", alert.EffectModifiedService},
	} {
		if strings.Contains(strings.ToLower(string(impact)), e.word) {
			return e.effect
		}
	}
	return alert.EffectUnknown
}

// ctaTime returns a local time in milliseconds since 1970; 0 when unknown. An end that
// is a date is the end of that day.
func ctaTime(t form.Text, zone *time.Location, end bool) int64 {
	for _, layout := range []string{"2006-01-02T15:04:05", "20060102 15:04", "20060102 15:04:05"} {
		if at, err := time.ParseInLocation(layout, string(t), zone); err == nil {
			return at.UnixMilli()
		}
	}
	for _, layout := range []string{time.DateOnly, "20060102"} {
		if at, err := time.ParseInLocation(layout, string(t), zone); err == nil {
			if end {
				at = at.AddDate(0, 0, 1)
			}
			return at.UnixMilli()
		}
	}
	return 0
}

// parse reads an answer of either kind.
func (s *Source) parse(body []byte) (alerts []alert.Alert, unknown int, err error) {
	if alerts, unknown, err = readCTA(body, s.net); !errors.Is(err, errNoFeed) {
		return alerts, unknown, err
	}
	alerts, unknown, err = s.reader.Alerts(body)
	if err != nil {
		err = fmt.Errorf("%w: %w", errNoFeed, err)
	}
	return alerts, unknown, err
}
