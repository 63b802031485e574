package embedded_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-921eec07/ctalive/cta/embedded"
)

// Web pages of elsewhere can't write: neither by a name of their own that leads
// here, nor by what browsers send without asking first.
func TestWebPagesCantWrite(t *testing.T) {
	s := start(t, embedded.Config{Hosts: []string{"Proxy.Example.org"}})
	send := func(url, host, kind, body string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(deadline(t), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Close, req.Host = true, host
		if kind != "" {
			req.Header.Set("Content-Type", kind)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 && !strings.Contains(string(answer), `"error_code":`) {
			t.Errorf("%s answers %d %s (%v)", url, resp.StatusCode, answer, err)
		}
		return resp.StatusCode
	}
	services := []struct{ url, kind, body string }{
		{s.RegistryURL() + "/subjects/w-value/versions", "application/vnd.schemaregistry.v1+json", schemaBody(valueSchema)},
		{s.RESTProxyURL() + "/topics/w", "application/vnd.kafka.json.v2+json", `{"records":[{"value":1}]}`},
	}
	for _, c := range []struct {
		host string
		want int
	}{
		{"", 200}, {"localhost", 200}, {"LOCALHOST:1", 200}, {"registry.localhost", 200}, {"127.0.0.1", 200}, {"127.8.8.8:9", 200},
		{"[::1]:8081", 200}, {"proxy.example.org:443", 200}, {"proxy.example.org.", 200},
		{"evil.example.org", 421}, {"localhost.evil.example.org", 421}, {"10.1.2.3", 421}, {"127.0.0.1.evil.example.org", 421}, {"0x7f.1", 421},
	} {
		for _, service := range services {
			if got := send(service.url, c.host, service.kind, service.body); got != c.want {
				t.Errorf("%s as host %q: %d, want %d", service.url, c.host, got, c.want)
			}
		}
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		for _, service := range services {
			if got := send(service.url, "", kind, service.body); got != 415 {
				t.Errorf("%s with content type %q: %d, want 415", service.url, kind, got)
			}
		}
	}
}

// Records for Kafka's own topics and for names that Kafka refuses are refused at
// once, instead of after the time that records wait for a topic.
func TestProxyRefusesTopics(t *testing.T) {
	s := start(t, embedded.Config{})
	for _, name := range []string{"__consumer_offsets", "__anything", "a%20b", "a%2Fb", "%C3%A4", strings.Repeat("a", 250)} {
		for _, path := range []string{"/topics/" + name, "/topics/" + name + "/partitions/0"} {
			req, err := http.NewRequestWithContext(deadline(t), http.MethodPost, s.RESTProxyURL()+path, strings.NewReader(`{"records":[{"value":1}]}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Close = true
			req.Header.Set("Content-Type", "application/vnd.kafka.json.v2+json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != 422 || !strings.Contains(string(answer), `"error_code":422`) {
				t.Errorf("%s: %d %s (%v), want 422", path, resp.StatusCode, answer, err)
			}
		}
	}
	if topics := s.Cluster().TopicInfo("__anything"); topics != nil {
		t.Errorf("the topic has come into being: %+v", topics)
	}
}
