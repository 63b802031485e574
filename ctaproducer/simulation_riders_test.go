package ctaproducer

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
)

// chiSquareBound is what chi-square with n degrees of freedom exceeds once in a
// thousand times, by Wilson and Hilferty's approximation.
func chiSquareBound(n int) float64 {
	k := float64(n)
	return k * math.Pow(1-2/(9*k)+3.0902*math.Sqrt(2/(9*k)), 3)
}

func TestEntriesFollowRidershipAndHours(t *testing.T) {
	s := chicagoDay()
	total, want := 0.0, 0.0
	hours, stations := 0.0, 0.0
	var byHour [24]float64
	cells, tested := 0.0, 0
	for _, st := range s.net.Stations {
		if st.Closed {
			continue
		}
		n := 0.0
		for h, c := range s.entries[st.ID] {
			n += c
			byHour[h] += c
			if e := st.Entries.Weekday * s.net.Hourly[h]; e >= 5 {
				cells += (c - e) * (c - e) / e
				tested++
			}
		}
		total += n
		want += st.Entries.Weekday
		if e := st.Entries.Weekday; e > 0 {
			stations += (n - e) * (n - e) / e
			if math.Abs(n-e) > 5*math.Sqrt(e) {
				t.Errorf("%s: %v entries, want about %v", st.Slug(), n, e)
			}
		} else if n > 0 {
			t.Errorf("%s: %v entries, want none", st.Slug(), n)
		}
	}
	for h, c := range byHour {
		e := want * s.net.Hourly[h]
		hours += (c - e) * (c - e) / e
	}
	if math.Abs(total-want) > want/100 {
		t.Errorf("%v entries, want %v within 1 %%", total, want)
	}
	for _, c := range []struct {
		what string
		chi2 float64
		n    int
	}{
		{"hours", hours, 24},
		{"stations", stations, 143},
		{"hours of stations", cells, tested},
	} {
		t.Logf("%s: chi-square %.1f, exceeded once in 1000 times: %.1f", c.what, c.chi2, chiSquareBound(c.n))
		if c.chi2 > chiSquareBound(c.n) {
			t.Errorf("%s: chi-square is %.1f, want at most %.1f", c.what, c.chi2, chiSquareBound(c.n))
		}
	}
}

// On the day summer time ends, hour 1 comes twice; on the day it begins, hour 2
// not at all.
func TestDaysOfClockChange(t *testing.T) {
	net, err := cta.Chicago().Only("red") // it runs at night
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		date  time.Time
		hours int
		hour  int
		times float64
	}{
		{time.Date(2026, time.November, 1, 0, 0, 0, 0, net.Location), 25, 1, 2},
		{time.Date(2027, time.March, 14, 0, 0, 0, 0, net.Location), 23, 2, 0},
	} {
		s := newTestSimulation(t, net, SimulationConfig{Start: c.date, For: time.Duration(c.hours) * time.Hour})
		want, got, readings := 0.0, 0.0, 0
		for _, st := range net.Stations {
			if !st.Closed {
				want += st.Entries.Sunday * net.Hourly[c.hour] * c.times
			}
		}
		for ev := range s.Events() {
			switch {
			case ev.Kind == EventWeather:
				readings++
			case ev.Kind == EventEntry && ev.At.Hour() == c.hour:
				got++
			}
			if ev.At.Sub(c.date) >= 0 && ev.At.Day() != c.date.Day() {
				t.Fatalf("an event at %v", ev.At)
			}
		}
		if math.Abs(got-want) > 5*math.Sqrt(want) || readings != c.hours*12 {
			t.Errorf("%v: %v entries in hour %d, want about %v; %d readings, want %d",
				c.date.Format(time.DateOnly), got, c.hour, want, readings, c.hours*12)
		}
	}
}

func TestRidersComeForLinesThatRun(t *testing.T) {
	s := chicagoDay()
	for r := range s.riders { // headways are by the hour
		st := s.net.Station(r.station)
		running := 0
		for _, id := range st.Lines {
			if s.net.Line(id).HeadwayAt(r.hour, cta.DirectionA) > 0 {
				running++
			}
		}
		if s.net.Line(r.line).HeadwayAt(r.hour, cta.DirectionA) == 0 && running > 1 {
			t.Fatalf("%v: a rider at %s for %s", r.hour, st.Name, r.line)
		}
	}
}

func TestWeatherMovesRidersInsideTheHourOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		net := cta.Chicago()
		r := newRiders(net, 1)
		start := time.Duration(rapid.IntRange(0, 3599).Draw(t, "start")) * time.Second
		readings := newSky(rapid.Uint64().Draw(t, "seed")).hour(DefaultStart(net), start, time.Hour)
		for i := range readings {
			if rapid.Bool().Draw(t, "wet") {
				readings[i].weather.Status = cta.WeatherPrecipitation
			} else {
				readings[i].weather.Status = cta.WeatherSunny
			}
		}
		local := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
		r.hour(local, nil, &timetable{}, readings, time.Hour)
		expected, day := 0.0, 0.0
		for i, s := range readings {
			end := time.Hour
			if i+1 < len(readings) {
				end = readings[i+1].at
			}
			expected += float64(end-s.at) / float64(s.gap)
		}
		for _, st := range net.Stations {
			if !st.Closed {
				day += st.Entries.Weekday
			}
		}
		want := day * net.Hourly[8] * float64(time.Hour-start) / float64(time.Hour)
		if math.Abs(expected-want) > want/1e4 {
			t.Fatalf("%v riders in the rest of the hour, want %v", expected, want)
		}
	})
}

func TestWeatherFitsItsMonth(t *testing.T) {
	net := cta.Chicago()
	for m := range climate {
		k := newSky(uint64(m))
		sum, wet, n := 0.0, 0, 0
		for d := range 28 * 24 {
			at := time.Date(2026, time.Month(m+1), 1, d%24, 0, 0, 0, net.Location).AddDate(0, 0, d/24)
			for _, r := range k.hour(at, 0, time.Hour) {
				sum += float64(r.weather.Temperature)
				n++
				if r.weather.Status == cta.WeatherPrecipitation {
					wet++
				}
				if err := r.weather.Check(); err != nil {
					t.Fatal(err)
				}
			}
		}
		mean := float64(climate[m].high+climate[m].low) / 20
		if got := sum / float64(n); math.Abs(got-mean) > 5 {
			t.Errorf("month %d: %.1f °F on the average, want about %.1f", m+1, got, mean)
		}
		if share := float64(wet) / float64(n); share < 0.02 || share > 0.25 {
			t.Errorf("month %d: wet in %.0f %% of readings", m+1, 100*share)
		}
	}
}
