package traintracker

import (
	"slices"
	"testing"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
)

// Where neither platform nor destination is known, a direction is as the
// documentation's table says; on the Yellow Line, where it is always 1, it says nothing.
func TestDirectionWithoutPlatformOrDestination(t *testing.T) {
	for code, tt := range map[string]struct {
		at      string
		one     string // where 1 leads
		five    string
		nowhere bool
	}{
		"red":  {at: "Fullerton", one: "Howard", five: "95th/Dan Ryan"},
		"blue": {at: "Logan Square", one: "O'Hare", five: "Forest Park"},
		"g":    {at: "Clinton", one: "Harlem/Lake", five: "Garfield"},
		"org":  {at: "Halsted", one: "Roosevelt", five: "Midway"},
		"pink": {at: "Polk", one: "Ashland", five: "54th/Cermak"},
		"brn":  {at: "Belmont", one: "Kimball", five: "Fullerton"},
		"p":    {at: "Main", one: "Linden", five: "Howard"},
		"y":    {at: "Oakton-Skokie", nowhere: true},
	} {
		line := cta.Chicago().Line(form.Lines[code])
		station := func(name string) int {
			i := slices.IndexFunc(line.Stations, func(s cta.LineStation) bool { return s.Name == name })
			if i < 0 {
				t.Fatalf("%s has no %s", line.ID, name)
			}
			return line.Stations[i].ID
		}
		r := newRoute(code, line)
		for direction, ahead := range map[int]string{1: tt.one, 5: tt.five} {
			n, ok := r.locate(&report{next: station(tt.at), direction: direction}, 0)
			switch {
			case ok == tt.nowhere:
				t.Errorf("%s, direction %d: found %v", code, direction, n)
			case ok && !r.reaches(n, station(ahead)):
				t.Errorf("%s, direction %d leads away from %s", code, direction, ahead)
			}
		}
		if n, ok := r.locate(&report{next: station(tt.at)}, 0); ok {
			t.Errorf("%s without a direction: found %v", code, n)
		}
	}
}
