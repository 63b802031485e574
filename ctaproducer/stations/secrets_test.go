package stations

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/ctaproducer/internal/servicetest"
)

// No form of an address shows its password: not when it is refused, not when
// nothing answers there.
func TestAddressesShowNoPassword(t *testing.T) {
	const password = servicetest.Password
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
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
		servicetest.HidesPassword(t, address, err)
		_, err = NewConnector("http://127.0.0.1:1", ConnectorConfig{Postgres: address})
		if err != nil {
			servicetest.HidesPassword(t, address, err)
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
		servicetest.HidesPassword(t, address, err)
	}
	servicetest.HidesPasswords(t, func(ctx context.Context, address string, log *slog.Logger) error {
		c, err := NewConnector(address, ConnectorConfig{Postgres: "postgres://u@db/cta", Wait: 1, Log: log})
		if err == nil {
			_, err = c.Status(ctx)
		}
		return err
	})
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
