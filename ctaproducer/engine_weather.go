package ctaproducer

import (
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// readingEvery is how often the weather hardware reports, on the hour and then
// at every multiple.
const readingEvery = 5 * time.Minute

// sky is the weather: a Markov process, whose stationary distribution is that of
// the month, and a temperature that follows month and hour with noise.
type sky struct {
	random  source
	latest  reading
	drawn   cta.WeatherStatus // of the last reading drawn, which may be ahead of latest
	anomaly int64             // of the temperature, in hundredths of °F
}

// reading is a reading of the weather and its effects.
type reading struct {
	at      time.Duration
	weather cta.Weather
	gap     time.Duration // between riders, on the average
}

// riders is the rate at which riders come, in thousandths of a dry moment's.
func (r reading) riders() uint64 {
	if r.weather.Status == cta.WeatherPrecipitation {
		return 880
	}
	return 1000
}

// slowed is a running time as the weather makes it: rails are wet, or trains
// stand in the wind on the elevated tracks. The figures are our model.
func (r reading) slowed(d time.Duration) time.Duration {
	switch r.weather.Status {
	case cta.WeatherPrecipitation:
		return d + d*6/100
	case cta.WeatherWindy:
		return d + d*2/100
	}
	return d
}

type month struct {
	high, low int64  // mean daily maximum and minimum, in tenths of °F
	wetDays   uint64 // days with precipitation of 0.01 inch or more, in tenths
	wind      uint64 // share of windy readings, in percent
	clear     uint64 // share of sunny readings among those neither wet nor windy, in percent
}

// climate is the climate of Chicago O'Hare. Temperatures and days of precipitation are
// the 1981-2010 normals of NOAA, as the Illinois State Climatologist publishes
// them for station 094846 (stateclimatologist.web.illinois.edu). The shares of
// wind and clear sky are our model.
var climate = [12]month{
	{310, 165, 105, 14, 35},
	{353, 201, 88, 14, 38},
	{466, 292, 111, 16, 38},
	{590, 388, 120, 16, 40},
	{700, 483, 116, 12, 45},
	{797, 581, 102, 8, 50},
	{841, 639, 98, 6, 55},
	{819, 629, 98, 6, 55},
	{748, 543, 83, 8, 50},
	{623, 428, 102, 12, 42},
	{482, 324, 108, 14, 30},
	{348, 207, 110, 14, 30},
}

// warmth is how far each hour lies between the day's minimum and maximum, in
// percent: coldest at 5, warmest at 15. Our model.
var warmth = [24]int64{
	22, 17, 12, 7, 3, 0, 4, 14, 27, 42, 57, 70, 82, 91, 97, 100, 97, 89, 77, 64, 52, 43, 35, 28,
}

func newSky(seed uint64) *sky { return &sky{random: newSource(seed, streamWeather)} }

// hour draws the readings from now to the end of the hour that local lies in.
// The first is at now.
func (k *sky) hour(local time.Time, now, end time.Duration) []reading {
	var readings []reading
	for at := now; at < end; {
		readings = append(readings, reading{at: at, weather: k.draw(local.Add(at - now))})
		toEnd := end - at
		at = end - (toEnd-1)/readingEvery*readingEvery
	}
	return readings
}

func (k *sky) draw(local time.Time) cta.Weather {
	m := climate[local.Month()-1]
	// Weather lasts: on the average two hours and a half from one drawing to the next.
	if k.drawn == "" || k.random.below(30) == 0 {
		k.drawn = m.status(k.random)
	}
	// A first-order process with a standard deviation of about 4 °F, and a memory
	// of some sixteen hours.
	k.anomaly = k.anomaly*995/1000 + int64(k.random.below(141)) - 70

	hour, minute := local.Hour(), int64(local.Minute())
	share := warmth[hour]*(60-minute) + warmth[(hour+1)%24]*minute // of 6000
	tenths := m.low + (m.high-m.low)*share/6000 + k.anomaly/10
	if k.drawn == cta.WeatherPrecipitation {
		tenths -= 20
	}
	return cta.Weather{Temperature: float32(tenths) / 10, Status: k.drawn}
}

// status draws one from the month's distribution. A wet day is taken to be wet
// for three hours in ten.
func (m month) status(random source) cta.WeatherStatus {
	wet := m.wetDays // of 1000: wetDays/10 of 30 days, times 0.3
	rest := 1000 - wet - m.wind*10
	u := random.below(1000)
	switch {
	case u < wet:
		return cta.WeatherPrecipitation
	case u < wet+m.wind*10:
		return cta.WeatherWindy
	case u < wet+m.wind*10+rest*m.clear/100:
		return cta.WeatherSunny
	case u < wet+m.wind*10+rest*(m.clear+100)/200:
		return cta.WeatherPartlyCloudy
	}
	return cta.WeatherCloudy
}
