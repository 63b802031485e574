package cta

import "time"

// Days says on which days a service runs.
type Days string

// Every Days. A day begins at midnight, local time; holidays are not known.
const (
	Daily    Days = "daily"
	Weekdays Days = "weekday" // Monday to Friday
	Weekends Days = "weekend" // Saturday and Sunday
)

func (d Days) has(day time.Weekday) bool {
	weekend := day == time.Saturday || day == time.Sunday
	return d == Daily || (d == Weekends) == weekend
}

func (d Days) overlap(e Days) bool { return d == e || d == Daily || e == Daily }

// Service is the intended service of a line during some hours.
type Service struct {
	Days    Days
	From    int           // first hour of local time, 0 to 23
	To      int           // hour in which it ends, From < To <= 24
	Headway time.Duration // between trains of one direction on the trunk
	// Last is the id of the station where trains turn back; 0 for the whole line.
	Last int
}

// ServiceAt returns the service intended at t, in the network's local time; false
// when the line doesn't run.
func (l *Line) ServiceAt(t time.Time) (Service, bool) {
	if l.location != nil {
		t = t.In(l.location)
	}
	for _, s := range l.Service {
		if s.Days.has(t.Weekday()) && s.From <= t.Hour() && t.Hour() < s.To {
			return s, true
		}
	}
	return Service{}, false
}
