package ctaproducer

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// No form of an address shows its password: not when it is refused, not when
// nothing answers there.
func TestAddressesShowNoPassword(t *testing.T) {
	const password = "s3cret-Pw"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	check := func(address string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s is accepted", address)
		} else if strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{
		"http://user:" + password + "@127.0.0.1:1", "http://user:" + password + "@127.0.0.1:port",
		"http://user:1/" + password + "@127.0.0.1:1", "http://127.0.0.1:1/?user=u:" + password,
		"user:" + password + "@127.0.0.1:1", "http://" + password + "@127.0.0.1:1",
	} {
		w, err := NewWeather(address, cta.Topics{}, WeatherConfig{Wait: 1, Log: logger})
		if err == nil {
			err = w.Run(ctx, time.Now(), cta.Weather{Status: cta.WeatherSunny})
		}
		check(address, err)
	}
	if strings.Contains(log.String(), password) {
		t.Errorf("log: %s", log.String())
	}
}
