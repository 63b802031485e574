package wire_test

import (
	"context"
	"fmt"
	"log"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// A weather reading is encoded as a frame and decoded again.
func ExampleAvroValue() {
	ctx := context.Background()
	server := srfake.New() // a registry in this process
	defer server.Close()

	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: server.URL()})
	if err != nil {
		log.Fatal(err)
	}
	defer registry.Close()
	values, err := wire.AvroValue[cta.Weather](registry, schemas.WeatherValue)
	if err != nil {
		log.Fatal(err)
	}
	data, err := values.Encode(ctx, "weather", cta.Weather{Temperature: 40.5, Status: cta.WeatherSunny})
	fmt.Printf("% x %v\n", data, err)
	reading, err := values.Decode(ctx, data)
	fmt.Println(reading.Temperature, reading.Status, err)

	_, err = values.Decode(ctx, []byte("not a frame"))
	fmt.Println(wire.Reason(err))
	// Output:
	// 00 00 00 00 01 00 00 22 42 00 <nil>
	// 40.5 sunny <nil>
	// wrong magic byte
}
