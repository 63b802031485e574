package servicetest

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Password is the secret in the addresses of tests.
const Password = "s3cret-Pw"

// HidesPassword checks that the use of an address failed, by an error without the password.
func HidesPassword(t *testing.T, address string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s is accepted", address)
	} else if strings.Contains(err.Error(), Password) {
		t.Errorf("%s: %v", address, err)
	}
}

// HidesPasswords uses addresses of an HTTP service that isn't there. Neither errors nor the
// log may show the password.
func HidesPasswords(t *testing.T, use func(ctx context.Context, address string, log *slog.Logger) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for _, address := range []string{
		"http://user:" + Password + "@127.0.0.1:1", "http://user:" + Password + "@127.0.0.1:port",
		"http://user:1/" + Password + "@127.0.0.1:1", "http://127.0.0.1:1/?user=u:" + Password,
		"user:" + Password + "@127.0.0.1:1", "http://" + Password + "@127.0.0.1:1",
	} {
		HidesPassword(t, address, use(ctx, address, logger))
	}
	if strings.Contains(log.String(), Password) {
		t.Errorf("log: %s", log.String())
	}
}
