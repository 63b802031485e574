package stack

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// A registry behind basic authentication, as teams put it: user and password go
// in its URL, a wrong one gives a message without it.
func TestRegistryWithBasicAuth(t *testing.T) {
	behind, err := url.Parse(variable(t, "CTALIVE_REGISTRY"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Header.Del("Authorization")
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ann" || password != "s3cret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			http.Error(w, `{"error_code":401,"message":"Unauthorized"}`, http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()

	t.Setenv("CTALIVE_REGISTRY", strings.Replace(server.URL, "://", "://ann:s3cret@", 1))
	sys := newSystem(t)
	clark := cta.Chicago().Station(40380)
	sys.Enter(ctatest.At(8, 0), clark, 3)
	sys.AwaitRecords(sys.Topics.Turnstiles(clark), 3)

	wrong, err := wire.NewRegistry(wire.RegistryConfig{URL: strings.Replace(server.URL, "://", "://ann:gu3ss@", 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	codec, err := wire.AvroKey[cta.Key](wrong, schemas.TurnstileKey)
	if err == nil {
		_, err = codec.Encode(t.Context(), "any", cta.Key{})
	}
	if err == nil || strings.Contains(err.Error(), "gu3ss") || !strings.Contains(err.Error(), server.URL[len("http://"):]) {
		t.Errorf("a wrong password gives %v, want an error with the address and without the password", err)
	}
	t.Log(err)
}

// A registry that is away, and one that refuses a schema, each give one message.
func TestRegistryFailures(t *testing.T) {
	sys := newSystem(t)
	topic := sys.Topics.Weather()
	sys.Observe(ctatest.At(8, 0), cta.Weather{Temperature: 61, Status: cta.WeatherWindy})
	for _, test := range []struct {
		name, url, schema string
		want              []string
	}{
		{"away", "http://127.0.0.1:1", schemas.WeatherValue,
			[]string{"schema registry at http://127.0.0.1:1", "connection refused"}},
		{"incompatible", sys.RegistryURL, `{"type":"record","name":"weather","fields":[{"name":"humidity","type":"float"}]}`,
			[]string{"schema registry at " + sys.RegistryURL, topic + "-value", "incompatible"}},
		{"not a registry", "http://" + sys.Brokers[0], schemas.WeatherValue,
			[]string{"schema registry at http://" + sys.Brokers[0]}},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry, err := wire.NewRegistry(wire.RegistryConfig{URL: test.url, Wait: 2 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer registry.Close()
			codec, err := wire.AvroValue[struct {
				Humidity    float32 `avro:"humidity"`
				Temperature float32 `avro:"temperature"`
				Status      string  `avro:"status"`
			}](registry, test.schema)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err = codec.Encode(ctx, topic, struct {
				Humidity    float32 `avro:"humidity"`
				Temperature float32 `avro:"temperature"`
				Status      string  `avro:"status"`
			}{})
			if err == nil {
				t.Fatal("no error")
			}
			t.Log(err)
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the message lacks %q", part)
				}
			}
		})
	}
}
