package ctaproducer

import (
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
	w, err := NewWeather("http://127.0.0.1:8082", cta.Topics{}, WeatherConfig{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		_, v, err := w.judge(&restAnswer{status: status, body: []byte(body)})
		if err == nil {
			if status != 200 || !strings.Contains(strings.ToLower(body), "offset") {
				t.Errorf("%d %q is a success", status, body)
			}
			return
		}
		if v.after < 0 {
			t.Errorf("pause %v", v.after)
		}
		if text := w.proxy.fail(err, weatherHint(err, w.topic)).Error(); !utf8.ValidString(text) || strings.Contains(text, "\n") {
			t.Errorf("%q is not one line", text)
		}
	})
}

// The stop of a row or a key is found in any form, and nothing else stops the source.
func FuzzStopID(f *testing.F) {
	f.Add(`{"stop_id":30001,"order":null}`)
	f.Add(`{"schema":{"type":"struct"},"payload":{"stop_id":30001}}`)
	f.Add(`30001`)
	f.Add(`"30001"`)
	f.Add("\x00\x00\x00\x00\x01")
	f.Fuzz(func(t *testing.T, data string) {
		if id, ok := stopIDOf([]byte(data)); ok && id != 0 && !strings.ContainsAny(data, "123456789") {
			t.Errorf("%q is stop %d", data, id)
		}
		_, _ = keyStopID([]byte(data))
	})
}
