// Package alert holds the notices to riders, in the vocabulary of GTFS-Realtime.
package alert

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Alert is a notice to riders, from an agency or from this system. Its vocabulary is
// that of GTFS-Realtime.
type Alert struct {
	// ID stays the same while the alert lasts. It is the key on the wire.
	ID string `json:"id"`
	// Active holds the periods in which the alert applies; empty: for as long as it is
	// published.
	Active []Period `avro:"active" json:"active"`
	// Informed selects the riders concerned.
	Informed []Informed `avro:"informed" json:"informed"`
	Cause    Cause      `avro:"cause" json:"cause"`
	Effect   Effect     `avro:"effect" json:"effect"`
	Severity Severity   `avro:"severity" json:"severity"`
	// Header and Description are plain texts for riders. URL is a link to details. Each
	// is in one or more languages.
	Header      []Text `avro:"header" json:"header"`
	Description []Text `avro:"description" json:"description"`
	URL         []Text `avro:"url" json:"url"`
}

// Key is the Avro key of an alert. An alert without a value is over.
type Key struct {
	ID string `avro:"id" json:"id"`
}

// Bounds of an [Alert].
const (
	maxID    = 200      // bytes of the id
	maxText  = 32 << 10 // bytes of all texts
	MaxParts = 500      // periods, and selectors of riders, each
)

// Check returns an error when k is not a plausible key.
func (k Key) Check() error {
	if k.ID == "" || len(k.ID) > maxID {
		return fmt.Errorf("id has %d bytes, want 1 to %d", len(k.ID), maxID)
	}
	return nil
}

// Check returns an error when a is not a plausible alert: without an id, without a text,
// too long, with a period that ends before it begins, or with a link to no web page.
func (a Alert) Check() error {
	if err := (Key{a.ID}).Check(); err != nil {
		return err
	}
	size := 0
	for _, texts := range [][]Text{a.Header, a.Description, a.URL} {
		for _, t := range texts {
			size += len(t.Language) + len(t.Text)
		}
	}
	switch {
	case len(a.Header) == 0:
		return fmt.Errorf("header is empty")
	case size > maxText:
		return fmt.Errorf("texts have %d bytes, want up to %d", size, maxText)
	case len(a.Active) > MaxParts || len(a.Informed) > MaxParts:
		return fmt.Errorf("found %d periods and %d selectors, want up to %d of each", len(a.Active), len(a.Informed), MaxParts)
	}
	for _, p := range a.Active {
		if p.From < 0 || p.Until < 0 || p.Until > 0 && p.Until <= p.From {
			return fmt.Errorf("period from %d until %d does not end after it begins", p.From, p.Until)
		}
	}
	for _, u := range a.URL {
		if !WebURL(u.Text) {
			return fmt.Errorf("url is %.80q, want http or https", u.Text)
		}
	}
	return nil
}

// WebURL reports whether s is the address of a web page.
func WebURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Over reports whether all periods of a have ended by a time.
func (a Alert) Over(at time.Time) bool {
	return len(a.Active) > 0 && !slices.ContainsFunc(a.Active, func(p Period) bool {
		return p.Until == 0 || at.UnixMilli() < p.Until
	})
}

// In returns the text for a reader of a language such as "es": in that language, else in
// the agency's own. The agency's own text is the one without a language, or the first.
func In(language string, texts []Text) Text {
	for _, t := range texts {
		if base, _, _ := strings.Cut(t.Language, "-"); strings.EqualFold(base, language) {
			return t
		}
	}
	for _, t := range texts {
		if t.Language == "" {
			return t
		}
	}
	if len(texts) > 0 {
		return texts[0]
	}
	return Text{}
}

// Period is a span of time in milliseconds since 1970-01-01 UTC; 0 for an open
// beginning or end.
type Period struct {
	From  int64 `avro:"from" json:"from"`
	Until int64 `avro:"until" json:"until"` // not included
}

// Informed selects the riders that an alert concerns. All fields that aren't empty must
// match; if all are empty, the alert concerns everybody.
type Informed struct {
	Line      string        `avro:"line" json:"line,omitempty"` // a Line.ID
	Direction cta.Direction `avro:"direction" json:"direction,omitempty"`
	Station   int           `avro:"station" json:"station,omitempty"`
	Mode      cta.Mode      `avro:"mode" json:"mode,omitempty"`
}

// Text is a text in a language.
type Text struct {
	Language string `avro:"language" json:"language,omitempty"` // such as "en-US"; empty when unknown
	Text     string `avro:"text" json:"text"`
}

// Cause is the cause of an alert, by its GTFS-Realtime name.
type Cause string

// Every Cause.
const (
	CauseUnknown          Cause = "UNKNOWN_CAUSE"
	CauseOther            Cause = "OTHER_CAUSE"
	CauseTechnicalProblem Cause = "TECHNICAL_PROBLEM"
	CauseStrike           Cause = "STRIKE"
	CauseDemonstration    Cause = "DEMONSTRATION"
	CauseAccident         Cause = "ACCIDENT"
	CauseHoliday          Cause = "HOLIDAY"
	CauseWeather          Cause = "WEATHER"
	CauseMaintenance      Cause = "MAINTENANCE"
	CauseConstruction     Cause = "CONSTRUCTION"
	CausePoliceActivity   Cause = "POLICE_ACTIVITY"
	CauseMedicalEmergency Cause = "MEDICAL_EMERGENCY"
)

// Effect is the effect of an alert on riders, by its GTFS-Realtime name.
type Effect string

// Every Effect.
const (
	EffectNoService          Effect = "NO_SERVICE"
	EffectReducedService     Effect = "REDUCED_SERVICE"
	EffectSignificantDelays  Effect = "SIGNIFICANT_DELAYS"
	EffectDetour             Effect = "DETOUR"
	EffectAdditionalService  Effect = "ADDITIONAL_SERVICE"
	EffectModifiedService    Effect = "MODIFIED_SERVICE"
	EffectOther              Effect = "OTHER_EFFECT"
	EffectUnknown            Effect = "UNKNOWN_EFFECT"
	EffectStopMoved          Effect = "STOP_MOVED"
	EffectNone               Effect = "NO_EFFECT"
	EffectAccessibilityIssue Effect = "ACCESSIBILITY_ISSUE"
)

// Severity is the severity of an alert, by its GTFS-Realtime name.
type Severity string

// Every Severity.
const (
	SeverityUnknown Severity = "UNKNOWN_SEVERITY"
	SeverityInfo    Severity = "INFO"
	SeverityWarning Severity = "WARNING"
	SeveritySevere  Severity = "SEVERE"
)
