package ctaproducer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/servicetest"
	"github.com/seed-921eec07/ctalive/internal/retry"
	"github.com/seed-921eec07/ctalive/schemas"
)

var (
	morning = time.Date(2026, 10, 7, 7, 30, 0, 0, time.UTC)
	sunny   = cta.Weather{Temperature: 40.5, Status: cta.WeatherSunny}
)

func newTestWeather(t *testing.T, url string, cfg WeatherConfig) (*Weather, *[]time.Duration) {
	t.Helper()
	w, err := NewWeather(url, cta.Topics{}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var pauses *[]time.Duration
	w.proxy.Clock, pauses = servicetest.FakeClock()
	return w, pauses
}

func TestWeatherAgainstAnswers(t *testing.T) {
	type exchange struct {
		Name    string
		Runs    int
		Answers []servicetest.Answer
		Paused  string // the only pause made; empty: any
		Error   string // of the last run
	}
	for _, file := range []string{"weather_confluent.json", "weather_karapace.json"} {
		for _, x := range servicetest.Exchanges[exchange](t, file) {
			t.Run(file+"/"+x.Name, func(t *testing.T) {
				proxy := servicetest.NewReplay(t, x.Answers)
				w, pauses := newTestWeather(t, proxy.URL, WeatherConfig{})
				var err error
				for i := range x.Runs {
					if err = w.Run(t.Context(), morning, sunny); err != nil && i < x.Runs-1 {
						t.Fatalf("run %d: %v", i, err)
					}
				}
				if got := servicetest.ErrorText(err, proxy.URL); got != x.Error {
					t.Errorf("error\n got: %s\nwant: %s", got, x.Error)
				}
				servicetest.CheckMessage(t, err, "REST Proxy", proxy.URL)
				for _, r := range proxy.Requests() {
					checkPost(t, r)
				}
				if x.Paused != "" && fmt.Sprint(*pauses) != "["+x.Paused+"]" {
					t.Errorf("paused %v, want %s", *pauses, x.Paused)
				}
				proxy.Done(t)
			})
		}
	}
}

// checkPost checks a request's form.
func checkPost(t *testing.T, r servicetest.Request) {
	t.Helper()
	if r.Method != http.MethodPost || r.Path != "/topics/org.chicago.cta.weather" {
		t.Errorf("request %s %s", r.Method, r.Path)
	}
	if got, want := r.Header.Get("Content-Type"), "application/vnd.kafka.avro.v2+json"; got != want {
		t.Errorf("Content-Type %s, want %s", got, want)
	}
	if got, want := r.Header.Get("Accept"), "application/vnd.kafka.v2+json"; got != want {
		t.Errorf("Accept %s, want %s", got, want)
	}
	dec := json.NewDecoder(bytes.NewReader(r.Body))
	dec.DisallowUnknownFields()
	var body struct {
		KeySchema   string            `json:"key_schema"`
		ValueSchema string            `json:"value_schema"`
		Records     []json.RawMessage `json:"records"`
	}
	if err := dec.Decode(&body); err != nil {
		t.Fatalf("%v in %s", err, r.Body)
	}
	const record = `{"key":{"timestamp":1791358200000},"value":{"temperature":40.5,"status":"sunny"}}`
	if len(body.Records) != 1 || string(body.Records[0]) != record {
		t.Errorf("records %s, want %s", body.Records, record)
	}
	for want, got := range map[string]string{schemas.WeatherKey: body.KeySchema, schemas.WeatherValue: body.ValueSchema} {
		if compactJSON(want) != got {
			t.Errorf("schema %s, want %s", got, compactJSON(want))
		}
	}
}

// What a proxy's registry refuses for good isn't tried again. While the registry is away it
// is, for as long as the caller wants, and so it is if the proxy doesn't say which of them it is.
func TestWeatherTellsARefusalFromAnOutage(t *testing.T) {
	long := strings.Repeat("p", 400) // of a subject and a schema
	confluent := func(cause string) string {
		message := "Error serializing message. Error when registering schema. format = AVRO, subject = " + long + ", schema = " + long
		if cause != "" {
			message += "\n" + cause
		}
		return fmt.Sprintf(`{"error_code":42207,"message":%q}`, message)
	}
	const karapace = `{"error_code":40801,"message":"Error when registering schema. format = AVRO, subject = weather-value"}`
	const once, always = "once", "always"
	for _, c := range []struct {
		name   string
		status int
		body   string
		tried  string
	}{
		{"read-only", 422, confluent("Subject weather-value is in read-only mode; error code: 42205"), once},
		{"not allowed", 422, confluent("User is denied operation Write on Subject: x; error code: 40301"), once},
		{"unknown", 422, confluent("Schema 999 not found; error code: 40403"), once},
		{"incompatible", 422, confluent("Schema being registered is incompatible with an earlier schema; error code: 409"), once},
		{"incompatible without a code", 422, confluent("The schema is Incompatible with an earlier one, details: " + long + long), once},
		{"nobody listens", 422, confluent("Connection refused"), always},
		{"the registry's own outage", 422, confluent("Error while forwarding register schema request to the leader; error code: 50003"), always},
		{"too many requests", 422, confluent("Slow down; error code: 42901"), always},
		{"no cause", 422, confluent(""), always},
		{"no cause, Karapace", 408, karapace, always},
	} {
		t.Run(c.name, func(t *testing.T) {
			posts, outage := 0, 100
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if posts++; posts > outage {
					_, _ = w.Write([]byte(`{"offsets":[{"partition":0,"offset":0}]}`))
					return
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer proxy.Close()
			w, _ := newTestWeather(t, proxy.URL, WeatherConfig{Wait: time.Minute})
			err := w.run(t.Context(), retry.Forever, morning, sunny)
			got := always
			switch {
			case err != nil && posts == 1:
				got = once
			case err != nil:
				got = fmt.Sprintf("%d times", posts)
			}
			if got != c.tried {
				t.Errorf("tried %s, want %s: %v", got, c.tried, err)
			}
		})
	}
}

func TestWeatherHangingProxy(t *testing.T) {
	release := make(chan struct{})
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server sees its client leave only then
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer proxy.Close()
	defer close(release)
	w, _ := newTestWeather(t, proxy.URL, WeatherConfig{Timeout: 20 * time.Millisecond, Wait: time.Second})
	err := w.Run(t.Context(), morning, sunny)
	want := "REST Proxy at {service}: no answer within 20ms: context deadline exceeded, after 4 tries (check that the REST Proxy reaches its brokers; the reading may be in org.chicago.cta.weather nevertheless)"
	if d := cmp.Diff(want, servicetest.ErrorText(err, proxy.URL)); d != "" {
		t.Errorf("error (-want +got):\n%s", d)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no DeadlineExceeded", err)
	}
}

func TestWeatherEndsWithItsContext(t *testing.T) {
	arrived := make(chan struct{}, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server sees its client leave only then
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer proxy.Close()
	w, _ := newTestWeather(t, proxy.URL, WeatherConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	err := w.Run(ctx, morning, sunny)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if service := (*cta.ServiceError)(nil); errors.As(err, &service) {
		t.Errorf("%v blames the service", err)
	}
}

func TestWeatherNobodyListens(t *testing.T) {
	address := servicetest.ClosedAddress(t)
	w, pauses := newTestWeather(t, "http://"+address, WeatherConfig{Wait: time.Second})
	err := w.Run(t.Context(), morning, sunny)
	want := "REST Proxy at http://{service}: dial tcp {service}: connect: connection refused, after 4 tries (start it, or check its URL)"
	if d := cmp.Diff(want, servicetest.ErrorText(err, address)); d != "" {
		t.Errorf("error (-want +got):\n%s", d)
	}
	if fmt.Sprint(*pauses) != "[200ms 400ms 400ms]" {
		t.Errorf("paused %v, want 1s in all", *pauses)
	}
}

func TestWeatherRefusesBadReadings(t *testing.T) {
	w, _ := newTestWeather(t, "http://127.0.0.1:1", WeatherConfig{})
	for want, reading := range map[string]cta.Weather{
		"temperature is NaN, want -130 to 140 °F":                                                     {Temperature: float32(math.NaN()), Status: cta.WeatherSunny},
		`status is "raining", want one of ["sunny" "partly_cloudy" "cloudy" "windy" "precipitation"]`: {Temperature: 50, Status: "raining"},
	} {
		if d := cmp.Diff("ctaproducer: weather: "+want, servicetest.ErrorText(w.Run(t.Context(), morning, reading), "")); d != "" {
			t.Errorf("error (-want +got):\n%s", d)
		}
	}
}

func TestWeatherSettings(t *testing.T) {
	_, err := NewWeather("ftp://user:hunter2@proxy", cta.Topics{}, WeatherConfig{Timeout: time.Hour, Wait: -1})
	want := `ctaproducer: weather: URL is "ftp://***@proxy", want http://host:port
Timeout is 1h0m0s, want 1ms to 5m
Wait is -1ns, want a positive duration`
	if d := cmp.Diff(want, servicetest.ErrorText(err, "")); d != "" {
		t.Errorf("error (-want +got):\n%s", d)
	}
	_, err = NewWeather("http://user:hunter%2@proxy", cta.Topics{}, WeatherConfig{})
	if err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("error %v, want one without the password", err)
	}
}

// The user of the URL identifies us, and is in no error and no log, even when
// the proxy repeats what it got.
func TestWeatherKeepsItsPassword(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"error_code": 503, "message": "sorry " + user + " " + password + " " + r.Header.Get("Authorization"),
		})
	}))
	defer proxy.Close()
	var logged bytes.Buffer
	address := strings.Replace(proxy.URL, "http://", "http://weatherman:hunter2@", 1)
	w, _ := newTestWeather(t, address, WeatherConfig{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	err := w.Run(t.Context(), morning, sunny)
	want := "REST Proxy at {service}: HTTP 503: sorry weatherman *** Basic ***, after 11 tries (check that the REST Proxy's brokers are up)"
	if d := cmp.Diff(want, servicetest.ErrorText(err, proxy.URL)); d != "" {
		t.Errorf("error (-want +got):\n%s", d)
	}
	if !strings.Contains(logged.String(), "waiting for the REST Proxy") || strings.Contains(logged.String(), "hunter2") {
		t.Errorf("log:\n%s", &logged)
	}
	var refused *rest.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("cause %v, want a rest.Error", err)
	}
}

func TestWeatherMetricsAreShared(t *testing.T) {
	ok := servicetest.Answer{Status: 200, Body: json.RawMessage(`{"offsets":[{"partition":0,"offset":1}]}`)}
	bad := servicetest.Answer{Status: 415, Body: json.RawMessage(`{"error_code":415,"message":"no"}`)}
	again := servicetest.Answer{Status: 503, Body: json.RawMessage(`{"error_code":503,"message":"no"}`)}
	proxy := servicetest.NewReplay(t, []servicetest.Answer{ok, again, ok, bad})
	metrics := prometheus.NewRegistry()
	one, _ := newTestWeather(t, proxy.URL, WeatherConfig{Metrics: metrics})
	two, _ := newTestWeather(t, proxy.URL, WeatherConfig{Metrics: metrics})
	for _, w := range []*Weather{one, two, two} {
		_ = w.Run(t.Context(), morning, sunny)
	}
	want := map[string]float64{
		"ctalive_weather_readings_total failed": 1,
		"ctalive_weather_readings_total posted": 2,
		"ctalive_weather_retries_total":         1,
	}
	if d := cmp.Diff(want, counts(t, metrics)); d != "" {
		t.Errorf("metrics (-want +got):\n%s", d)
	}
}

// counts returns the counters of a registry by name and labels' values.
func counts(t *testing.T, metrics *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue()
		}
	}
	return got
}
