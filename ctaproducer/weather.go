package ctaproducer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/schemas"
)

// WeatherConfig holds the optional settings of a [Weather]. The zero value is
// ready to use.
type WeatherConfig struct {
	// User and Password are for basic authentication. Default: those in the URL,
	// or none.
	User, Password string
	// Timeout bounds one request: a REST Proxy that has lost its brokers may not
	// answer for minutes. From 1ms to 5m. Default: 10s.
	Timeout time.Duration
	// Wait bounds how long a reading is tried again; no try begins later.
	// Default: 30s.
	Wait time.Duration
	// Log receives retries. Default: silent.
	Log *slog.Logger
	// Metrics receives the counts of readings and retries. Default: none.
	Metrics prometheus.Registerer
}

func (c WeatherConfig) withDefaults() WeatherConfig {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Wait == 0 {
		c.Wait = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c WeatherConfig) validate() error {
	var faults []error
	if c.Timeout < time.Millisecond || c.Timeout > 5*time.Minute {
		faults = append(faults, fmt.Errorf("Timeout is %v, want 1ms to 5m", c.Timeout))
	}
	if c.Wait < 0 {
		faults = append(faults, fmt.Errorf("Wait is %v, want it positive", c.Wait))
	}
	return errors.Join(faults...)
}

// Weather is hardware that measures the weather and speaks nothing but HTTP: it
// posts its readings to Kafka through a REST Proxy (API v2, Avro), Confluent's or
// Karapace.
//
// The first post carries the schemas, later ones the ids that the proxy gave in
// its answer. When a proxy refuses the ids, the schemas are sent again.
//
// A reading is posted at least once. What may work the next time is tried again
// with growing pauses: a refused connection, an overloaded proxy, a broker that
// is away, and also a request without an answer, whose reading may be in the
// topic already: API v2 can't tell. A second copy is harmless here, because
// readers take the latest reading by event time. What can't work is an error at
// once. It is safe for concurrent use.
type Weather struct {
	proxy    *restService
	topic    string
	cfg      WeatherConfig
	patience patience
	readings *prometheus.CounterVec
	retries  *prometheus.CounterVec

	mu  sync.Mutex
	ids schemaIDs // of the schemas, once known and accepted
	bad schemaIDs // ids that the proxy gave and then refused: never used again
}

// schemaIDs are a registry's ids of the schemas of key and value; 0: not known.
type schemaIDs struct{ key, value int }

func (s schemaIDs) known() bool { return s.key > 0 && s.value > 0 }

// NewWeather returns weather hardware that posts to the REST Proxy at an address
// as http://127.0.0.1:8082. The error lists every wrong setting. Nothing is
// contacted before Run.
func NewWeather(restProxyURL string, topics cta.Topics, cfg WeatherConfig) (*Weather, error) {
	cfg = cfg.withDefaults()
	proxy, err := newRESTService("REST Proxy", restProxyURL, cfg.User, cfg.Password, cfg.Timeout)
	if err := errors.Join(err, cfg.validate()); err != nil {
		return nil, fmt.Errorf("ctaproducer: weather: %w", err)
	}
	proxy.secrets.keep = topicPrefix(topics)
	w := &Weather{
		proxy: proxy, topic: topics.Weather(), cfg: cfg, patience: newPatience(cfg.Wait),
		readings: sharedCounter(cfg.Metrics, "ctalive_weather_readings_total",
			"Weather readings, by outcome: posted or failed.", "outcome"),
		retries: sharedCounter(cfg.Metrics, "ctalive_weather_retries_total",
			"Posts of weather readings that were tried again."),
	}
	for _, outcome := range []string{"posted", "failed"} {
		w.readings.WithLabelValues(outcome)
	}
	return w, nil
}

// Run posts one reading, made at that time, and returns once it is in the topic.
// A refusal, or a proxy that stays away, is a [*cta.ServiceError] with a
// [*RESTError] as its cause when the proxy answered. A reading that is none
// (its temperature is not a number) is refused before anything is sent.
func (w *Weather) Run(ctx context.Context, at time.Time, reading cta.Weather) error {
	err := w.run(ctx, at, reading)
	if err != nil {
		w.readings.WithLabelValues("failed").Inc()
		return err
	}
	w.readings.WithLabelValues("posted").Inc()
	return nil
}

func (w *Weather) run(ctx context.Context, at time.Time, reading cta.Weather) error {
	if err := checkReading(reading); err != nil {
		return fmt.Errorf("ctaproducer: weather: %w", err)
	}
	told := func(err error, after time.Duration) {
		w.retries.WithLabelValues().Inc()
		w.cfg.Log.Warn("weather reading not posted, trying again",
			"proxy", w.proxy.base, "err", err, "after", after.Round(time.Millisecond))
	}
	err := w.patience.run(ctx, told, func(ctx context.Context) (verdict, error) {
		ids := w.schemaIDs()
		got, v, err := w.post(ctx, at, reading, ids)
		if err != nil && ids.known() && refusesIDs(err) {
			if got, v, err = w.post(ctx, at, reading, schemaIDs{}); err == nil {
				w.refused(ids)
			}
		}
		if err == nil {
			w.learn(got)
		}
		return v, err
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("ctaproducer: weather: %w", err)
	}
	return w.proxy.fail(err, weatherHint(err, w.topic))
}

var weatherStatuses = []cta.WeatherStatus{cta.Sunny, cta.PartlyCloudy, cta.Cloudy, cta.Windy, cta.Precipitation}

func checkReading(r cta.Weather) error {
	var faults []error
	if t := float64(r.Temperature); math.IsNaN(t) || math.IsInf(t, 0) {
		faults = append(faults, fmt.Errorf("temperature is %v, want a number of °F", t))
	}
	if !slices.Contains(weatherStatuses, r.Status) {
		faults = append(faults, fmt.Errorf("status is %q, want one of %q", r.Status, weatherStatuses))
	}
	return errors.Join(faults...)
}

func (w *Weather) schemaIDs() schemaIDs {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ids
}

func (w *Weather) refused(ids schemaIDs) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bad, w.ids = ids, schemaIDs{}
}

func (w *Weather) learn(ids schemaIDs) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// Karapace knows a schema's id from another topic, gives it, and then refuses
	// it for this one: its answer to the schema itself doesn't change that.
	if ids.known() && ids != w.bad {
		w.ids = ids
	}
}

// The media types of API v2. Karapace answers in another one, whatever is accepted.
var weatherHeader = http.Header{
	"Content-Type": {"application/vnd.kafka.avro.v2+json"},
	"Accept":       {"application/vnd.kafka.v2+json"},
}

type weatherPost struct {
	KeySchema     string          `json:"key_schema,omitempty"`
	ValueSchema   string          `json:"value_schema,omitempty"`
	KeySchemaID   int             `json:"key_schema_id,omitempty"`
	ValueSchemaID int             `json:"value_schema_id,omitempty"`
	Records       []weatherRecord `json:"records"`
}

type weatherRecord struct {
	Key   cta.Key     `json:"key"`
	Value cta.Weather `json:"value"`
}

// post makes one request, with ids when they are known and with schemas when not.
func (w *Weather) post(ctx context.Context, at time.Time, reading cta.Weather, ids schemaIDs) (schemaIDs, verdict, error) {
	post := weatherPost{
		KeySchemaID: ids.key, ValueSchemaID: ids.value,
		Records: []weatherRecord{{cta.KeyAt(at), reading}},
	}
	if !ids.known() {
		post.KeySchema, post.ValueSchema = compactJSON(schemas.WeatherKey), compactJSON(schemas.WeatherValue)
	}
	body, err := json.Marshal(post)
	if err != nil {
		return schemaIDs{}, verdict{}, err
	}
	a, err := w.proxy.do(ctx, http.MethodPost, "/topics/"+w.topic, weatherHeader, body)
	if err != nil {
		return schemaIDs{}, verdict{again: true}, err
	}
	return w.judge(a)
}

func compactJSON(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}

// topicPrefix is the prefix that all of a system's topics have.
func topicPrefix(t cta.Topics) string {
	name := t.Stations()
	return name[:len(name)-len("stations")]
}
