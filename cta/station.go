package cta

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"
)

// Station is a place where trains stop.
type Station struct {
	ID        int
	Ref       string // the agency's own id, in its feed; empty when that is ID
	Code      string // by which riders know it; may be empty
	Name      string // not unique: join on ID
	Access    Access
	Latitude  float64
	Longitude float64
	Lines     []string // ids of the lines that stop here, in the network's order
	Stops     []Stop   // by ascending ID
	Entries   Ridership

	slug  string // what Slug returns; empty in a station that is in no network
	label string // what Label returns; empty where that is Name
}

// Label is the station's name, with what tells it from another of that name on the same
// line, as "Western (O'Hare)". That comes from the descriptive names of its stops,
// as "Western (Blue Line - O'Hare Branch)"; without one it is the name alone.
func (s *Station) Label() string { return cmp.Or(s.label, s.Name) }

// part is what the descriptive name of the station's stops says behind its lines.
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

// labels tells the stations of a line apart that have the same name.
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

// Access says whether a station can be used without steps.
type Access uint8

// Every Access.
const (
	AccessUnknown Access = iota
	StepFree
	Steps
)

// Slug is the station's id and name as topic names and addresses hold them,
// such as "40380-clark-lake": letters a to z, digits and single hyphens. Accents
// are dropped, as by [Plain]. The id makes the slug unique.
func (s *Station) Slug() string {
	if s.slug != "" {
		return s.slug
	}
	return slug(s.ID, s.Name)
}

// maxSlug bounds a slug, because Kafka bounds a topic's name to 249 bytes.
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

// Stop is a platform, and may be that of one direction.
type Stop struct {
	ID              int
	Ref             string // the agency's own id, in its feed; empty when that is ID
	Code            string // by which riders know it, or the platform's; may be empty
	DirectionID     string // compass point to which trains leave: N, E, S or W; may be empty
	Name            string
	DescriptiveName string
	Lines           []string // ids of the lines that use it, in the network's order
}

// Ridership is the average number of entries a day.
type Ridership struct{ Weekday, Saturday, Sunday float64 }

// On returns the entries of a day such as the one t falls on, by t's own
// location: pass t.In(network.Location). Holidays are not known.
func (r Ridership) On(t time.Time) float64 {
	switch t.Weekday() {
	case time.Saturday:
		return r.Saturday
	case time.Sunday:
		return r.Sunday
	}
	return r.Weekday
}

// earthRadius is the mean radius of the Earth in metres, by the IUGG (R1 of
// the GRS 80 ellipsoid).
const earthRadius = 6_371_008.8

// Distance returns the length of the great circle between two stations, in
// metres. Tracks are longer, as they bend.
func Distance(a, b *Station) float64 {
	const rad = math.Pi / 180
	sinLat := math.Sin((b.Latitude - a.Latitude) * rad / 2)
	sinLon := math.Sin((b.Longitude - a.Longitude) * rad / 2)
	h := sinLat*sinLat + math.Cos(a.Latitude*rad)*math.Cos(b.Latitude*rad)*sinLon*sinLon
	// Rounding may carry h past 1 for antipodes.
	return 2 * earthRadius * math.Asin(math.Sqrt(min(1, h)))
}
