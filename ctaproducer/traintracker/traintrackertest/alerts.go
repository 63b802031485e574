package traintrackertest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
)

// Alert is an alert of alerts.aspx.
type Alert struct {
	ID, Headline, Short string
	Full                string    // HTML
	Class               string    // of its severity, such as "major" or "planned"
	Impact              string    // such as "Significant Delays"
	Start, End          time.Time // End is zero where it isn't known
	Lines               []string  // such as "brn"
	Stations            []int
}

type section struct {
	Text string `json:"#cdata-section"`
}

type notice struct {
	AlertID          string `json:"AlertId"`
	Headline         string
	ShortDescription string
	FullDescription  section
	SeverityScore    string
	SeverityColor    string
	SeverityCSS      string
	Impact           string
	EventStart       string
	EventEnd         *string
	TBD              string
	MajorAlert       string
	AlertURL         section
	ImpactedService  struct{ Service oneOrMore[*affected] }
	Ttim             string `json:"ttim"`
	GUID             string
}

type affected struct {
	ServiceType            string
	ServiceTypeDescription string
	ServiceName            string
	ServiceID              string `json:"ServiceId"`
	ServiceBackColor       string
	ServiceTextColor       string
	ServiceURL             section
}

// notices answers alerts.aspx.
func (t *Tracker) notices(now time.Time) any {
	a := struct {
		TimeStamp, ErrorCode string
		ErrorMessage         *string
		Alert                oneOrMore[*notice] `json:",omitempty"`
	}{TimeStamp: t.clock(now), ErrorCode: "0"}
	if t.code != 0 {
		message := messages[t.code]
		a.ErrorCode, a.ErrorMessage = strconv.Itoa(t.code), &message
		return map[string]any{"CTAAlerts": a}
	}
	const site = "http://www.transitchicago.com/"
	for i, of := range t.alerts {
		n := &notice{AlertID: of.ID, Headline: of.Headline, ShortDescription: of.Short, FullDescription: section{of.Full},
			SeverityScore: "9", SeverityColor: "06c", SeverityCSS: of.Class, Impact: of.Impact, EventStart: t.clock(of.Start), TBD: flag(of.End.IsZero()), MajorAlert: "0",
			AlertURL: section{site + "travel_information/alert_detail.aspx?AlertId=" + of.ID}, Ttim: "0", GUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i)}
		if !of.End.IsZero() {
			end := t.clock(of.End)
			n.EventEnd = &end
		}
		for _, code := range of.Lines {
			if line := t.net.Line(form.Lines[strings.ToLower(code)]); line != nil {
				n.ImpactedService.Service = append(n.ImpactedService.Service, &affected{"R", "Train Route", line.Name, routeName(code),
					strings.TrimPrefix(line.Color, "#"), strings.TrimPrefix(line.TextColor, "#"), section{site + line.ID + "line/"}})
			}
		}
		for _, id := range of.Stations {
			if s := t.net.Station(id); s != nil {
				n.ImpactedService.Service = append(n.ImpactedService.Service, &affected{"T", "Train Station", s.Name, strconv.Itoa(id), "565a5c", "ffffff",
					section{site + "travel_information/station.aspx?StopId=" + strconv.Itoa(id)}})
			}
		}
		a.Alert = append(a.Alert, n)
	}
	return map[string]any{"CTAAlerts": a}
}
