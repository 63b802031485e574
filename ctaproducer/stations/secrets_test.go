package stations

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
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
	for _, form := range []string{
		"host=db.example.org port=5432 user=cta_admin password=%s dbname=cta",
		"postgres:///cta?host=db.example.org&user=cta_admin&password=%s",
		"postgresql://cta_admin@/cta?host=db.example.org&password=%s",
		"jdbc:postgresql://db.example.org:5432/cta?user=cta_admin&password=%s",
		"postgres://cta_admin:%s@db.example.org:5432/cta?sslmode=nonsense",
		"postgres://db.example.org/cta?user=cta_admin&password=%s&sslmode=nonsense",
		"postgres://db.example.org/cta?sslmode=require&sslcert=/none&sslkey=/none&sslpassword=%s",
		"postgres://cta_admin:%s@db.example.org:port/cta",
		"postgres://cta_admin:%s@db.example.org:5432",
		"postgres://cta_admin:%s@[::1/cta",
		"postgres://cta_admin:%%zz%s@db.example.org/cta",
	} {
		address := strings.Replace(form, "%s", password, 1)
		_, err := newDatabase(address)
		check(address, err)
		_, err = NewConnector("http://127.0.0.1:1", ConnectorConfig{Postgres: address})
		if err != nil {
			check(address, err)
		}
	}
	for _, address := range []string{
		"postgres://cta_admin:" + password + "@127.0.0.1:1/cta?sslmode=disable",
		"postgres://127.0.0.1:1/cta?sslmode=disable&user=cta_admin&password=" + password,
		"postgres://cta_admin:1/" + password + "@127.0.0.1:1/cta?sslmode=disable",
	} {
		db, err := newDatabase(address)
		if err == nil {
			if _, err = db.connect(ctx); err != nil {
				err = db.fail(err)
			}
		}
		check(address, err)
	}
	for _, address := range []string{
		"http://user:" + password + "@127.0.0.1:1", "http://user:" + password + "@127.0.0.1:port",
		"http://user:1/" + password + "@127.0.0.1:1", "http://127.0.0.1:1/?user=u:" + password,
		"user:" + password + "@127.0.0.1:1", "http://" + password + "@127.0.0.1:1",
	} {
		c, err := NewConnector(address, ConnectorConfig{Postgres: "postgres://u@db/cta", Wait: 1, Log: logger})
		if err == nil {
			_, err = c.Status(ctx)
		}
		check(address, err)
	}
	if strings.Contains(log.String(), password) {
		t.Errorf("log: %s", log.String())
	}
}

// User and password of a database are read from either place, and leave the
// parameters, which Connect keeps readable.
func TestPostgresURL(t *testing.T) {
	for _, address := range []string{
		"postgres://cta_admin:pw@db:5432/cta?sslmode=disable",
		"postgres://db:5432/cta?password=pw&sslmode=disable&user=cta_admin",
		"postgres://cta_admin@db:5432/cta?password=pw&sslmode=disable",
	} {
		u, err := postgresURL(address)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := u.String(), "postgres://cta_admin:pw@db:5432/cta?sslmode=disable"; got != want {
			t.Errorf("%s is read as %s, want %s", address, got, want)
		}
	}
}
