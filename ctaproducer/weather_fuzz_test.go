package ctaproducer

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-921eec07/ctalive/cta"
)

// Whatever a proxy answers, it is either the record's offset or an error of one
// readable line.
func FuzzWeatherAnswer(f *testing.F) {
	f.Add(200, `{"offsets":[{"partition":0,"offset":17,"error_code":null,"error":null}],"key_schema_id":1,"value_schema_id":2}`)
	f.Add(200, `{"offsets":[{"partition":null,"offset":null,"error_code":50003,"error":"away"}]}`)
	f.Add(422, `{"error_code":422,"message":[{"loc":["records"]}]}`)
	f.Add(400, "Missing request\nJSON body")
	f.Add(502, "<html>")
	var status int
	var body string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer proxy.Close()
	w, err := NewWeather(proxy.URL, cta.Topics{}, WeatherConfig{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s int, text string) {
		if s < 200 || s > 599 || s == http.StatusNoContent || s == http.StatusNotModified {
			t.Skip("no final status with a body")
		}
		status, body = s, text
		err := w.post(t.Context(), nil)
		if err == nil {
			if status/100 != 2 || !strings.Contains(strings.ToLower(body), "offset") {
				t.Errorf("%d %q is a success", status, body)
			}
			return
		}
		if text := w.proxy.Fail(err).Error(); !utf8.ValidString(text) || strings.Contains(text, "\n") {
			t.Errorf("%q is not one line", text)
		}
	})
}
