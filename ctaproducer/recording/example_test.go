package recording_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"time"

	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
)

// Two answers of a feed are recorded, and replayed as fast as possible.
func Example() {
	dir, err := os.MkdirTemp("", "recording")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	recorder, err := recording.New(dir)
	if err != nil {
		log.Fatal(err)
	}
	noon := time.Date(2026, 10, 7, 12, 0, 0, 0, time.UTC)
	for i, body := range []string{"train 7 at Clark/Lake", "train 7 at Washington"} {
		err := recorder.Add(recording.Answer{Feed: "vehicles", Came: noon.Add(time.Duration(i) * 15 * time.Second), Body: []byte(body)})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := recorder.Close(); err != nil {
		log.Fatal(err)
	}

	err = recording.Play(context.Background(), dir, math.Inf(1), func(a recording.Answer) error {
		fmt.Println(a.Came.UTC().Format(time.TimeOnly), a.Feed, string(a.Body))
		return nil
	})
	fmt.Println("replayed:", err)

	// Output:
	// 12:00:00 vehicles train 7 at Clark/Lake
	// 12:00:15 vehicles train 7 at Washington
	// replayed: <nil>
}
