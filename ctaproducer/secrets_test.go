package ctaproducer

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/servicetest"
)

// No form of an address shows its password: not when it is refused, not when
// nothing answers there.
func TestAddressesShowNoPassword(t *testing.T) {
	servicetest.HidesPasswords(t, func(ctx context.Context, address string, log *slog.Logger) error {
		w, err := NewWeather(address, cta.Topics{}, WeatherConfig{Wait: 1, Log: log})
		if err == nil {
			err = w.Run(ctx, time.Now(), cta.Weather{Status: cta.WeatherSunny})
		}
		return err
	})
}
