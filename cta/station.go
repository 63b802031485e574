package cta

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Station is a place where trains stop.
type Station struct {
	ID     int
	Ref    string   // the agency's own id in its feed; empty if equal to ID
	Code   string   // short name for riders; may be empty
	Name   string   // not unique: join on ID
	Also   []string // well-known places at the station, by which riders look for it
	Closed bool     // trains pass without a stop
	Access Accessibility
	Point
	Lines     []string // ids of the lines that stop here, in the network's order
	Stops     []Stop   // by ascending ID
	Entries   Ridership
	Transfers []Transfer // by ascending To

	slug  string // the result of Slug; empty outside a network
	label string // the result of Label; empty if equal to Name
}

// Label returns the station's name, with an addition if the line has another station of
// that name: "Western (O'Hare)". The addition comes from the stops' descriptive names,
// such as "Western (Blue Line - O'Hare Branch)"; without one, Label is the name.
func (s *Station) Label() string { return cmp.Or(s.label, s.Name) }

// part returns the addition in the descriptive name of the first stop, after its lines.
func (s *Station) part() string {
	if len(s.Stops) == 0 {
		return ""
	}
	text, ok := strings.CutPrefix(s.Stops[0].DescriptiveName, s.Name+" (")
	if !ok {
		return ""
	}
	_, part, _ := strings.Cut(strings.TrimSuffix(text, ")"), " - ")
	return strings.TrimSuffix(part, " Branch")
}

// labels sets the labels of stations that share a name on the line.
func (l *Line) labels() {
	named := map[string][]*Station{}
	for _, s := range l.Stations {
		named[s.Name] = append(named[s.Name], s.Station)
	}
	for _, of := range named {
		for _, s := range of {
			if part := s.part(); len(of) > 1 && part != "" {
				s.label = s.Name + " (" + part + ")"
			}
		}
	}
}

// Accessibility is a station's accessibility without steps.
type Accessibility uint8

// Every Accessibility.
const (
	AccessibilityUnknown Accessibility = iota
	AccessibilityStepFree
	AccessibilitySteps
)

// Slug returns the station's id and name for topic names and URLs, such as
// "40380-clark-lake". It consists of letters a to z, digits and single hyphens. [Plain]
// drops accents. The id makes it unique.
func (s *Station) Slug() string {
	if s.slug != "" {
		return s.slug
	}
	return slug(s.ID, s.Name)
}

// maxSlug bounds a slug, because Kafka limits a topic's name to 249 bytes.
const maxSlug = 100

func slug(id int, name string) string {
	b := strconv.AppendInt(make([]byte, 0, 32), int64(id), 10)
	gap := true
	for _, r := range Plain(name) {
		if len(b)+2 > maxSlug {
			break
		}
		switch {
		case strings.ContainsRune("'’‘ʻʼ", r): // O'Hare is ohare, Hōʻaeʻae hoaeae
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			if gap {
				b = append(b, '-')
			}
			b, gap = append(b, byte(r)), false
		default:
			gap = true
		}
	}
	return string(b)
}

// Stop is a platform, often of one direction.
type Stop struct {
	ID              int
	Ref             string // the agency's own id in its feed; empty if equal to ID
	Code            string // of the stop or the platform, for riders; may be empty
	Compass         string // the direction in which trains leave: N, E, S or W; may be empty
	Name            string
	DescriptiveName string
	Lines           []string // ids of the lines that use it, in the network's order
}

// Transfer is a change on foot from a station to another one.
type Transfer struct {
	To         int           // the id of the other station
	Time       time.Duration // that riders need at least; 0 when unknown
	Impossible bool          // the agency says that there is no way
}

// Ridership is the average number of entries a day.
type Ridership struct{ Weekday, Saturday, Sunday float64 }

// On returns the average entries of t's day of the week, in t's own location: pass
// t.In(network.Location). Holidays are not known.
func (r Ridership) On(t time.Time) float64 {
	switch t.Weekday() {
	case time.Saturday:
		return r.Saturday
	case time.Sunday:
		return r.Sunday
	}
	return r.Weekday
}
