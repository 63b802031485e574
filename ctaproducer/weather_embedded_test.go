package ctaproducer

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// What lands in the topic is the framed Avro that any
// consumer reads.
func TestWeatherLandsAsAvro(t *testing.T) {
	sys := ctatest.Start(t)
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(sys.Topics.Weather(), 1)); err != nil {
		t.Fatal(err)
	}
	w, err := NewWeather(sys.RESTProxyURL, sys.Topics, WeatherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1590000000000)
	for _, reading := range []cta.Weather{{Temperature: 40.5, Status: cta.WeatherSunny}, {Temperature: -4, Status: cta.WeatherPrecipitation}} {
		if err := w.Run(t.Context(), at, reading); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range sys.AwaitRecords(sys.Topics.Weather(), 2) {
		if len(r.Key) < 5 || len(r.Value) < 5 || r.Key[0] != 0 || r.Value[0] != 0 {
			t.Fatalf("record %x %x has no frame", r.Key, r.Value)
		}
		got = append(got, hex.EncodeToString(r.Key[5:])+" "+hex.EncodeToString(r.Value[5:]))
	}
	// Milliseconds as a varint; 40.5 and -4 as floats, then the enum's index.
	want := []string{"80f094b6c65c 0000224200", "80f094b6c65c 000080c008"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("bodies of key and value (-want +got):\n%s", d)
	}
}
