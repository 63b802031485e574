// Package stack tests what needs the real services of this folder's script:
// Kafka Connect, and clients written in other languages on Apache Kafka. Being
// under testdata, it runs when named only, with the script's variables:
//
//	testdata/stack/stack up && eval "$(testdata/stack/stack env)"
//	go test ./testdata/stack
package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/ctaproducer/stations"
)

// variable returns an address that the script's env tells.
func variable(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf(`%s is not set: testdata/stack/stack up && eval "$(testdata/stack/stack env)"`, name)
	}
	return v
}

// patience is how long a test here waits: a JVM starts slowly on a busy machine.
const patience = 90 * time.Second

func newSystem(t *testing.T) *ctatest.System {
	t.Helper()
	sys := ctatest.Start(t)
	sys.Patience = patience
	return sys
}

// database is a database of one test, with the stations table loaded.
type database struct {
	url string
	t   *testing.T
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	u, err := url.Parse(variable(t, "CTALIVE_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/cta_" + strings.ToLower(rand.Text()[:8])
	d := &database{url: u.String(), t: t}
	done, err := stations.CreateTable(t.Context(), d.url, cta.Chicago())
	if err != nil {
		t.Fatal(err)
	}
	if done.Inserted != 300 {
		t.Fatalf("loaded %+v, want 300 rows inserted", done)
	}
	t.Cleanup(func() {
		name := strings.TrimPrefix(u.Path, "/")
		u.Path = "/cta"
		other := &database{url: u.String(), t: t}
		// A connector that was deleted lets go of its slot a moment later.
		other.exec("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active", name)
		other.exec("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1 AND NOT active", name)
		other.exec("DROP DATABASE IF EXISTS " + pgx.Identifier{name}.Sanitize() + " WITH (FORCE)")
	})
	return d
}

// exec runs one statement. It outlives the test's context, for its clean-up.
func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.t.Context()), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.url)
	if err != nil {
		d.t.Errorf("PostgreSQL: %v", err)
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		d.t.Errorf("%s: %v", sql, err)
	}
}

// newConnector returns a connector of this test's own name, deleted at its end.
func newConnector(t *testing.T, sys *ctatest.System, cfg stations.ConnectorConfig) *stations.Connector {
	t.Helper()
	cfg.Name = "test-" + strings.ToLower(rand.Text()[:8])
	cfg.Topics = sys.Topics
	c, err := stations.NewConnector(variable(t, "CTALIVE_CONNECT"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := c.Delete(ctx); err != nil {
			t.Errorf("delete: %v", err)
		}
		for { // its state goes a moment after
			if _, err := c.Status(ctx); errors.Is(err, stations.ErrNoConnector) {
				return
			}
			if ctx.Err() != nil {
				t.Error("a deleted connector is still there")
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	return c
}

// background runs a worker until the test ends, before what was started earlier does.
func background(t *testing.T, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
