package schemas_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/seed-921eec07/ctalive/schemas"
)

// The fields of each event, and their units.
func Example() {
	var record struct {
		Fields []struct{ Name, Doc string }
	}
	if err := json.Unmarshal([]byte(schemas.WeatherValue), &record); err != nil {
		log.Fatal(err)
	}
	for _, field := range record.Fields {
		fmt.Printf("%s: %s\n", field.Name, field.Doc)
	}
	// Output:
	// temperature: Air temperature in degrees Fahrenheit.
	// status: The sky.
}
