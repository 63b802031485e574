package schemas

import _ "embed" // the schemas are files, for other programs to use as they are

// The schemas of the keys and values of the event topics, as JSON.
var (
	//go:embed arrival_key.avsc
	ArrivalKey string
	//go:embed arrival_value.avsc
	ArrivalValue string
	//go:embed turnstile_key.avsc
	TurnstileKey string
	//go:embed turnstile_value.avsc
	TurnstileValue string
	//go:embed weather_key.avsc
	WeatherKey string
	//go:embed weather_value.avsc
	WeatherValue string
)

// Schema is one schema and its name.
type Schema struct {
	Name string // that of its file, without the ending: as "arrival_key"
	JSON string
}

// All returns every schema, by name.
func All() []Schema {
	return []Schema{
		{"arrival_key", ArrivalKey},
		{"arrival_value", ArrivalValue},
		{"turnstile_key", TurnstileKey},
		{"turnstile_value", TurnstileValue},
		{"weather_key", WeatherKey},
		{"weather_value", WeatherValue},
	}
}
