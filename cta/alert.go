package cta

// Alert is news that riders are told: of an agency, or of what was found here. What it
// can say is what GTFS-Realtime has words for.
type Alert struct {
	// ID is the same for as long as the news is.
	ID string
	// Active are the periods in which it holds; none: as long as it is told.
	Active []Period
	// Informed is whom it concerns.
	Informed []Informed
	Cause    AlertCause
	Effect   AlertEffect
	Severity Severity
	// Header and Description are texts for riders, URL the address of more: each in
	// one or more languages.
	Header, Description, URL []Text
}

// Period is a span of time in milliseconds since 1970-01-01 UTC; 0 where it has no
// beginning or no end.
type Period struct {
	From  int64
	Until int64 // not included
}

// Informed is whom an alert concerns: those for whom all of it that isn't empty holds. When
// all is empty it concerns everybody.
type Informed struct {
	Line      string // a Line.ID
	Direction Direction
	Station   int
	Mode      Mode
}

// Text is a text in a language.
type Text struct {
	Language string // as "en-US"; empty when it isn't said
	Text     string
}

// AlertCause says why something is so. The names are those of GTFS-Realtime.
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

// AlertEffect says what it means to riders. The names are those of GTFS-Realtime.
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

// Severity says how bad it is. The names are those of GTFS-Realtime.
type Severity string

// Every Severity.
const (
	UnknownSeverity Severity = "UNKNOWN_SEVERITY"
	Info            Severity = "INFO"
	Warning         Severity = "WARNING"
	Severe          Severity = "SEVERE"
)
