package schemas

import _ "embed" // the schemas are files, so that other programs can use them

// The schemas of keys and values of the event topics, as JSON.
var (
	//go:embed alert_key.avsc
	AlertKey string
	//go:embed alert_value.avsc
	AlertValue string
	//go:embed arrival_key.avsc
	ArrivalKey string
	//go:embed arrival_value.avsc
	ArrivalValue string
	//go:embed prediction_key.avsc
	PredictionKey string
	//go:embed prediction_value.avsc
	PredictionValue string
	//go:embed turnstile_key.avsc
	TurnstileKey string
	//go:embed turnstile_value.avsc
	TurnstileValue string
	//go:embed weather_key.avsc
	WeatherKey string
	//go:embed weather_value.avsc
	WeatherValue string
)
