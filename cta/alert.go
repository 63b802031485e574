package cta

// Alert is a notice to riders, from an agency or from this system. Its vocabulary is
// that of GTFS-Realtime.
type Alert struct {
	// ID stays the same while the alert lasts.
	ID string
	// Active holds the periods in which the alert applies; empty: for as long as it is
	// published.
	Active []Period
	// Informed selects the riders concerned.
	Informed []Informed
	Cause    AlertCause
	Effect   AlertEffect
	Severity Severity
	// Header and Description are texts for riders. URL is a link to details. Each is in
	// one or more languages.
	Header, Description, URL []Text
}

// Period is a span of time in milliseconds since 1970-01-01 UTC; 0 for an open
// beginning or end.
type Period struct {
	From  int64
	Until int64 // not included
}

// Informed selects the riders that an alert concerns. All fields that aren't empty must
// match; if all are empty, the alert concerns everybody.
type Informed struct {
	Line      string // a Line.ID
	Direction Direction
	Station   int
	Mode      Mode
}

// Text is a text in a language.
type Text struct {
	Language string // such as "en-US"; empty when unknown
	Text     string
}

// AlertCause is the cause of an alert, by its GTFS-Realtime name.
type AlertCause string

// Every AlertCause.
const (
	UnknownCause     AlertCause = "UNKNOWN_CAUSE"
	OtherCause       AlertCause = "OTHER_CAUSE"
	TechnicalProblem AlertCause = "TECHNICAL_PROBLEM"
	Strike           AlertCause = "STRIKE"
	Demonstration    AlertCause = "DEMONSTRATION"
	Accident         AlertCause = "ACCIDENT"
	Holiday          AlertCause = "HOLIDAY"
	BadWeather       AlertCause = "WEATHER"
	Maintenance      AlertCause = "MAINTENANCE"
	Construction     AlertCause = "CONSTRUCTION"
	PoliceActivity   AlertCause = "POLICE_ACTIVITY"
	MedicalEmergency AlertCause = "MEDICAL_EMERGENCY"
)

// AlertEffect is the effect of an alert on riders, by its GTFS-Realtime name.
type AlertEffect string

// Every AlertEffect.
const (
	NoServiceEffect    AlertEffect = "NO_SERVICE"
	ReducedService     AlertEffect = "REDUCED_SERVICE"
	SignificantDelays  AlertEffect = "SIGNIFICANT_DELAYS"
	Detour             AlertEffect = "DETOUR"
	AdditionalService  AlertEffect = "ADDITIONAL_SERVICE"
	ModifiedService    AlertEffect = "MODIFIED_SERVICE"
	OtherEffect        AlertEffect = "OTHER_EFFECT"
	UnknownEffect      AlertEffect = "UNKNOWN_EFFECT"
	StopMoved          AlertEffect = "STOP_MOVED"
	NoEffect           AlertEffect = "NO_EFFECT"
	AccessibilityIssue AlertEffect = "ACCESSIBILITY_ISSUE"
)

// Severity is the severity of an alert, by its GTFS-Realtime name.
type Severity string

// Every Severity.
const (
	UnknownSeverity Severity = "UNKNOWN_SEVERITY"
	Info            Severity = "INFO"
	Warning         Severity = "WARNING"
	Severe          Severity = "SEVERE"
)
