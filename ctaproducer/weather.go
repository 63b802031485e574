package ctaproducer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/restclient"
	"github.com/seed-921eec07/ctalive/schemas"
)

// WeatherConfig holds the optional settings of a [Weather]. The zero value is
// ready to use.
type WeatherConfig struct {
	// Access holds the credentials for the REST Proxy. Default: the user and password
	// in the URL, if any.
	Access rest.Access
	// Timeout bounds one request, because a REST Proxy without brokers may not answer
	// for minutes. From 1ms to 5m. Default: 10s.
	Timeout time.Duration
	// Wait bounds how long Run tries to post a reading. Default: 30s.
	Wait time.Duration
	// Log receives each reason to wait once. Default: silent.
	Log *slog.Logger
	// Metrics receives the counts of readings and retries. Default: none.
	Metrics prometheus.Registerer
}

// Weather is weather hardware that speaks HTTP only. It posts its readings to Kafka
// through a REST Proxy (API v2, Avro), Confluent's or Karapace. Each post contains the
// schemas, not their ids. Karapace refuses its own ids for the topic, and after a restart
// with another registry a proxy's ids differ.
//
// A reading is posted at least once. These failures are retried with growing pauses:
//
//   - a refused connection
//   - an overloaded proxy
//   - a broker that is away
//   - a request without an answer; its reading may be in the topic already, which API
//     v2 can't tell
//
// A second copy is harmless: readers use the latest reading by event time. A permanent
// failure is returned at once. Weather is safe for concurrent use.
type Weather struct {
	proxy    *restclient.Client
	topic    string
	wait     time.Duration
	readings *prometheus.CounterVec
}

// NewWeather returns weather hardware that posts to the REST Proxy at an address such
// as http://127.0.0.1:8082. The error lists every wrong setting. Nothing is contacted
// before Run.
func NewWeather(restProxyURL string, topics cta.Topics, cfg WeatherConfig) (*Weather, error) {
	w := &Weather{
		topic: topics.Weather(), wait: cmp.Or(cfg.Wait, 30*time.Second),
		readings: metric.Counter(cfg.Metrics, "ctalive_weather_readings_total",
			"Weather readings, by outcome: posted or failed.", "outcome"),
	}
	for _, outcome := range []string{"posted", "failed"} {
		w.readings.WithLabelValues(outcome)
	}
	retries := metric.Counter(cfg.Metrics, "ctalive_weather_retries_total",
		"Posts of weather readings that were tried again.").WithLabelValues()
	var err error
	w.proxy, err = restclient.New(restclient.Config{
		Service: "REST Proxy", URL: restProxyURL, Access: cfg.Access, Log: cfg.Log,
		Timeout: cmp.Or(cfg.Timeout, 10*time.Second), Wait: w.wait,
		// The media types of API v2. Karapace answers in another one, whatever is accepted.
		Type: "application/vnd.kafka.avro.v2+json", Accept: "application/vnd.kafka.v2+json",
		Passes: weatherPasses, Hint: w.hint, Retried: retries.Inc,
	})
	if err != nil {
		return nil, fmt.Errorf("ctaproducer: weather: %w", err)
	}
	w.proxy.Keep(topics.NamePrefix())
	return w, nil
}

// Run posts one reading, made at that time, and returns once it is in the topic. If the
// proxy refuses or stays away, the error is a [*cta.ServiceError]; its cause is a
// [*rest.Error] if the proxy answered. A reading that fails [cta.Weather.Check] is
// refused before anything is sent.
func (w *Weather) Run(ctx context.Context, at time.Time, reading cta.Weather) error {
	return w.run(ctx, w.wait, at, reading)
}

// run posts a reading, and tries for up to limit while the proxy is away.
func (w *Weather) run(ctx context.Context, limit time.Duration, at time.Time, reading cta.Weather) error {
	outcome := "failed"
	defer func() { w.readings.WithLabelValues(outcome).Inc() }()
	if err := reading.Check(); err != nil {
		return fmt.Errorf("ctaproducer: weather: %w", err)
	}
	post, err := json.Marshal(weatherPost{
		KeySchema: compactJSON(schemas.WeatherKey), ValueSchema: compactJSON(schemas.WeatherValue),
		Records: []weatherRecord{{cta.KeyAt(at), reading}},
	})
	if err != nil {
		return fmt.Errorf("ctaproducer: weather: %w", err)
	}
	err = w.proxy.Retry(ctx, limit, func(ctx context.Context) error { return w.post(ctx, post) })
	switch {
	case err == nil:
		outcome = "posted"
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("ctaproducer: weather: %w", err)
	}
	return w.proxy.Fail(err)
}

type weatherPost struct {
	KeySchema   string          `json:"key_schema"`
	ValueSchema string          `json:"value_schema"`
	Records     []weatherRecord `json:"records"`
}

type weatherRecord struct {
	Key   cta.Key     `json:"key"`
	Value cta.Weather `json:"value"`
}

// post makes one request.
func (w *Weather) post(ctx context.Context, body []byte) error {
	_, answer, err := w.proxy.Do(ctx, http.MethodPost, "/topics/"+w.topic, body)
	return w.check(answer, err)
}

func compactJSON(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}
