package restproxy_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/restproxy"
)

// FuzzHandler posts any body as any type: nothing may panic, every answer is
// JSON, every error has its code and a message, and a 200 has an outcome for
// every record.
func FuzzHandler(f *testing.F) {
	good := withSchemas(weather(sunny))
	f.Add(avro, "", good)
	f.Add(avro, v2, `{"value_schema_id":1,"records":[{"value":{"timestamp":1}}]}`)
	f.Add(avro, "*/*", `{"value_schema":"[\"null\",{\"type\":\"array\",\"items\":\"bytes\"}]","records":[{"value":{"array":["\u00ff"]}}]}`)
	f.Add(avro, "", `{"value_schema":"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"r\",\"type\":[\"null\",\"r\"]}]}","records":[{"value":{"r":{"r":{"r":null}}}}]}`)
	f.Add(asJSON, "", `{"records":[{"key":"k","value":{"a":[1,2.5,null,true]}},{"value":null,"partition":0}]}`)
	f.Add(binary, "", `{"records":[{"key":"a2V5","value":"AAEC","partition":7}]}`)
	f.Add("application/json", "text/html;q=0.5, application/*", `{}`)
	f.Add("", "", "")

	s, err := embedded.Start(f.Context(), embedded.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: s.RegistryURL()})
	if err != nil {
		f.Fatal(err)
	}
	h, err := restproxy.New(restproxy.Config{Brokers: s.Brokers(), Registry: registry})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = h.Close() })

	f.Fuzz(func(t *testing.T, contentType, accept, body string) {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/topics/fuzz", strings.NewReader(body))
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		var answer struct {
			ErrorCode int    `json:"error_code"`
			Message   string `json:"message"`
			Offsets   []any  `json:"offsets"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%d %q: %v", w.Code, w.Body, err)
		}
		if w.Code == http.StatusOK {
			var sent struct{ Records []any }
			if err := json.Unmarshal([]byte(body), &sent); err != nil || len(answer.Offsets) != len(sent.Records) {
				t.Errorf("%d outcomes of %d records (%v)", len(answer.Offsets), len(sent.Records), err)
			}
			return
		}
		if w.Code < 400 || w.Code == http.StatusInternalServerError || answer.ErrorCode == 0 || answer.Message == "" {
			t.Errorf("%d %s, want an error with its code and a message", w.Code, w.Body)
		}
	})
}
