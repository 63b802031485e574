package cta

import (
	"fmt"
	"slices"
	"time"
)

// Key is the Avro key of every event: its event time. In a simulation, that is
// simulated time.
type Key struct {
	// Timestamp is event time in milliseconds since 1970-01-01 UTC.
	Timestamp int64 `avro:"timestamp" json:"timestamp"`
}

// KeyAt returns the key of an event at t, truncated to milliseconds.
func KeyAt(t time.Time) Key { return Key{Timestamp: t.UnixMilli()} }

// Time returns the event time in UTC.
func (k Key) Time() time.Time { return time.UnixMilli(k.Timestamp).UTC() }

// Check returns an error when k is not a plausible event time for a record sent at the
// given time:
//
//   - before 1970
//   - beyond the year 9999, as microseconds and nanoseconds are
//   - seconds instead of milliseconds
//
// An event of a simulation or a replay may lie years from its record's time.
func (k Key) Check(sent time.Time) error {
	switch {
	case !imaginable(k.Timestamp):
		return fmt.Errorf("timestamp is %d, want milliseconds from 1970 to 9999; are these microseconds or nanoseconds?", k.Timestamp)
	case time.Unix(k.Timestamp, 0).Sub(sent).Abs() < 24*time.Hour:
		return fmt.Errorf("timestamp is %d, want milliseconds; are these seconds?", k.Timestamp)
	}
	return nil
}

// imaginable reports whether milliseconds are a time of the years from 1970 to 9999.
func imaginable(ms int64) bool {
	const last = 253_402_300_799_999 // 9999-12-31T23:59:59.999Z
	return ms >= 0 && ms <= last
}

// Direction is one of the two ways along a line.
type Direction string

// The two directions of a line.
const (
	// DirectionA follows the order of [Line.Stations]: from the first to the last, in
	// Chicago from the outer end to the Loop or the far end.
	DirectionA Direction = "a"
	// DirectionB is the way back.
	DirectionB Direction = "b"
)

// Opposite returns the other direction.
func (d Direction) Opposite() Direction {
	if d == DirectionA {
		return DirectionB
	}
	return DirectionA
}

// TrainStatus is a train's state of service. The set is closed: it is an enum on the
// wire.
type TrainStatus string

// Every TrainStatus.
const (
	TrainOutOfService TrainStatus = "out_of_service"
	TrainInService    TrainStatus = "in_service"
	TrainBrokenDown   TrainStatus = "broken_down"
)

// WeatherStatus is the state of the sky, in the weather hardware's words. The set is
// closed: it is an enum on the wire.
type WeatherStatus string

// Every WeatherStatus.
const (
	WeatherSunny         WeatherStatus = "sunny"
	WeatherPartlyCloudy  WeatherStatus = "partly_cloudy"
	WeatherCloudy        WeatherStatus = "cloudy"
	WeatherWindy         WeatherStatus = "windy"
	WeatherPrecipitation WeatherStatus = "precipitation"
)

// Arrival is the event of a train arriving at a station.
//
// A train that turns at the end of its run may arrive there a second time, in the other
// direction: it then leaves soon. Without that event, its next run is expected one headway
// after the run before it.
type Arrival struct {
	StationID   int         `avro:"station_id" json:"station_id"`
	TrainID     string      `avro:"train_id" json:"train_id"`
	Direction   Direction   `avro:"direction" json:"direction"`
	Line        string      `avro:"line" json:"line"` // a Line.ID
	TrainStatus TrainStatus `avro:"train_status" json:"train_status"`
	// PrevStationID and PrevDirection are nil at a train's first station.
	PrevStationID *int       `avro:"prev_station_id" json:"prev_station_id"`
	PrevDirection *Direction `avro:"prev_direction" json:"prev_direction"`
	// Destination is the station at which the train's run ends; nil when unknown.
	Destination *int `avro:"destination" json:"destination"`
}

// Check returns an error when a is not a plausible arrival: no train id, a name that is
// too long, or an unknown direction.
func (a Arrival) Check() error {
	const most = 200 // bytes
	switch {
	case a.TrainID == "" || len(a.TrainID) > most:
		return fmt.Errorf("train_id has %d bytes, want 1 to %d", len(a.TrainID), most)
	case len(a.Line) > most:
		return fmt.Errorf("line has %d bytes, want up to %d", len(a.Line), most)
	case a.Direction != DirectionA && a.Direction != DirectionB:
		return fmt.Errorf("direction is %.20q, want a or b", a.Direction)
	}
	return nil
}

// TurnstileEntry is the event of one rider entering a station.
type TurnstileEntry struct {
	StationID   int    `avro:"station_id" json:"station_id"`
	StationName string `avro:"station_name" json:"station_name"`
	// Line is the rider's line if known, else any line that stops at the station.
	Line string `avro:"line" json:"line"`
}

// Weather is one reading of the weather hardware.
type Weather struct {
	Temperature float32       `avro:"temperature" json:"temperature"` // °F
	Status      WeatherStatus `avro:"status" json:"status"`
}

// Check returns an error when w is no air temperature, or has an unknown status. Sensors
// without a reading send special values: a DS18B20 starts with 85 °C, others send 255,
// 65535 or NaN.
func (w Weather) Check() error {
	// The coldest and the hottest air that the World Meteorological Organization
	// recognizes had -128.6 °F (Vostok, 1983) and 134 °F (Furnace Creek, 1913).
	const coldest, hottest = -130, 140
	statuses := []WeatherStatus{WeatherSunny, WeatherPartlyCloudy, WeatherCloudy, WeatherWindy, WeatherPrecipitation}
	switch {
	case !(w.Temperature >= coldest && w.Temperature <= hottest): // true for NaN
		return fmt.Errorf("temperature is %v, want %d to %d °F", w.Temperature, coldest, hottest)
	case !slices.Contains(statuses, w.Status):
		return fmt.Errorf("status is %.20q, want one of %q", w.Status, statuses)
	}
	return nil
}
