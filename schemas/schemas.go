// Package schemas holds the Avro schemas of the events, one a file.
package schemas

import _ "embed"

// The schemas of the keys and values of the event topics, as JSON.
var (
	ArrivalKey     string
	ArrivalValue   string
	TurnstileKey   string
	TurnstileValue string
	WeatherKey     string
	WeatherValue   string
)
