package stations

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/restclient"
)

// Connector is a connector on a Kafka Connect cluster. It copies the rows of
// PostgreSQL's table stations to topic [cta.Topics.Stations], by a JDBC source in
// incrementing mode on stop_id, or by Debezium.
//
// The methods wait for a worker that is starting or rebalancing, and can be repeated:
// creating twice updates, deleting twice is no error. Errors are [*cta.ServiceError],
// with a [*rest.Error] as cause if the worker answered. Errors contain no password, even
// if the worker's own text does. A Connector is safe for concurrent use.
type Connector struct {
	worker *restclient.Client
	cfg    ConnectorConfig
	db     *url.URL
}

// ErrNoConnector is returned by [Connector.Status] when the worker has no connector of
// that name, also for a moment after Create.
var ErrNoConnector = errors.New("no such connector")

// NewConnector returns a connector on the Kafka Connect worker at an address as
// http://127.0.0.1:8083. The error lists every wrong setting. Nothing is
// contacted before a method is called.
func NewConnector(connectURL string, cfg ConnectorConfig) (*Connector, error) {
	cfg = cfg.withDefaults()
	db, dbErr := postgresURL(cfg.Postgres)
	c := &Connector{cfg: cfg, db: db}
	retries := metric.Counter(cfg.Metrics, "ctalive_connector_retries_total",
		"Requests to Kafka Connect that were tried again.").WithLabelValues()
	var err error
	c.worker, err = restclient.New(restclient.Config{
		Service: "Kafka Connect", URL: connectURL, Access: cfg.Access, Timeout: cfg.Timeout, Wait: cfg.Wait, Log: cfg.Log,
		Accept: "application/json", Type: "application/json",
		Passes: c.passes, Hint: c.hint, Retried: retries.Inc,
	})
	if err := errors.Join(err, dbErr, cfg.validate()); err != nil {
		return nil, fmt.Errorf("stations: connector: %w", err)
	}
	for _, secret := range postgresSecrets(db) {
		c.worker.Hide(secret)
	}
	c.worker.Keep(cfg.Topics.NamePrefix())
	return c, nil
}

// Name returns the connector's name on the worker.
func (c *Connector) Name() string { return c.cfg.Name }

// plugin is a connector that a worker has installed.
type plugin struct {
	Class string `json:"class"`
	Type  string `json:"type"` // source or sink
}

// plugins returns the plugins that the worker has installed, by class.
func (c *Connector) plugins(ctx context.Context) ([]plugin, error) {
	var plugins []plugin
	if _, err := c.worker.Call(ctx, http.MethodGet, "/connector-plugins", nil, &plugins); err != nil {
		return nil, c.fail(ctx, err)
	}
	slices.SortFunc(plugins, func(a, b plugin) int { return strings.Compare(a.Class, b.Class) })
	return plugins, nil
}

// Kind returns the product in use: the configured one, or the first that the worker has
// installed.
func (c *Connector) Kind(ctx context.Context) (ConnectorKind, error) {
	plugins, err := c.plugins(ctx)
	if err != nil {
		return "", err
	}
	installed := func(k ConnectorKind) bool {
		return slices.ContainsFunc(plugins, func(p plugin) bool { return p.Class == k.class() })
	}
	if c.cfg.Kind != "" {
		if installed(c.cfg.Kind) {
			return c.cfg.Kind, nil
		}
		return "", c.worker.FailWith(fmt.Errorf("%s isn't installed", c.cfg.Kind.class()),
			"put its jar on the worker's plugin.path and restart it, or use one that is there: "+sourceClasses(plugins))
	}
	for _, k := range connectorKinds {
		if installed(k) {
			return k, nil
		}
	}
	return "", c.worker.FailWith(errors.New("no source for PostgreSQL is installed"),
		"put Aiven's or Confluent's JDBC source, or Debezium's for PostgreSQL, on the worker's plugin.path and restart it; it has "+sourceClasses(plugins))
}

func sourceClasses(plugins []plugin) string {
	var classes []string
	for _, p := range plugins {
		if p.Type == "source" {
			classes = append(classes, p.Class)
		}
	}
	if classes == nil {
		return "none"
	}
	return strings.Join(classes, ", ")
}

// Create creates the connector, or updates an existing one of that name and restarts
// its failed parts; created is false for an update. The worker checks the settings first; some
// connectors check the database's password too. Create doesn't prove delivery: see
// [Connector.AwaitDelivery].
func (c *Connector) Create(ctx context.Context) (created bool, err error) {
	kind, err := c.Kind(ctx)
	if err != nil {
		return false, err
	}
	// PUT, not POST: its 409 always means a rebalance, never that the name exists.
	status, err := c.worker.Call(ctx, http.MethodPut, c.path()+"/config", c.cfg.settings(kind, c.db), nil)
	if err != nil {
		return false, c.fail(ctx, err)
	}
	if status == http.StatusCreated {
		return true, nil
	}
	return false, c.restartFailed(ctx)
}

// restartFailed starts again what has failed. No worker does that by itself, not
// even when it is given the same settings once more.
func (c *Connector) restartFailed(ctx context.Context) error {
	s, err := c.Status(ctx)
	switch {
	case errors.Is(err, ErrNoConnector):
		return nil // just updated: its state follows
	case err != nil:
		return err
	case !s.failed():
		return nil
	}
	status, err := c.worker.Call(ctx, http.MethodPost, c.path()+"/restart?includeTasks=true&onlyFailed=true", nil, nil)
	for _, t := range s.Tasks {
		// Workers before Kafka 3.0 answer 204, and have left the tasks as they were.
		if err == nil && status == http.StatusNoContent && t.State == stateFailed {
			_, err = c.worker.Call(ctx, http.MethodPost, fmt.Sprintf("%s/tasks/%d/restart", c.path(), t.ID), nil, nil)
		}
	}
	if err != nil && !c.unknown(err) {
		return c.fail(ctx, err)
	}
	return nil
}

// Delete deletes the connector; a missing one is no error. The worker keeps the
// connector's position in the table, and a later connector of the same name continues
// there. Debezium's replication slot stays in the database too, and makes the database
// keep its log. If the connector won't come back, drop the slot by SELECT
// pg_drop_replication_slot with the name that [Connector.Slot] returns.
func (c *Connector) Delete(ctx context.Context) error {
	_, err := c.worker.Call(ctx, http.MethodDelete, c.path(), nil, nil)
	if err == nil || c.unknown(err) {
		return nil
	}
	return c.fail(ctx, err)
}

// Slot returns the name of the replication slot that Debezium creates in the database.
// The JDBC sources create none.
func (c *Connector) Slot() string { return debeziumSlot(c.cfg.Name) }

// unknown reports whether the worker has no such connector. Only then does the message
// contain the name; a 404 of another service does not.
func (c *Connector) unknown(err error) bool {
	var e *rest.Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound && strings.Contains(e.Message, c.cfg.Name)
}

func (c *Connector) path() string { return "/connectors/" + url.PathEscape(c.cfg.Name) }

// passes reports whether a refused request may work the next time. A worker that
// has just started answers 404 and 500 for some seconds. A 409 is a rebalance:
// nothing here creates by POST.
func (c *Connector) passes(e *rest.Error) bool {
	return restclient.ByStatus(e) || e.Status == http.StatusConflict || e.Status == http.StatusNotFound && !c.unknown(e)
}

// fail makes an error of a call the caller's.
func (c *Connector) fail(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stations: connector %s: %w", c.cfg.Name, err)
	}
	return c.worker.Fail(fmt.Errorf("connector %s: %w", c.cfg.Name, err))
}

// Faults of settings differ only by words of the worker's message: all have status 400.
var connectHints = []struct{ word, hint string }{
	{"password authentication failed", "check the user and password in Postgres, and the server's pg_hba.conf"},
	{"Failed to find any class", "put the connector's jar on the worker's plugin.path and restart it"},
	{"wal_level", "set wal_level=logical in the database and restart it"},
	{"must be superuser or replication role", "let the database's user replicate: ALTER ROLE … REPLICATION"},
	{"recommended tables", "check that the worker reaches the database at {db}, and that user and password are right"},
	{"Connection refused", "check that the worker reaches the database at {db}; from inside a container 127.0.0.1 is the container"},
	{"refused. Check that the hostname", "check that the worker reaches the database at {db}; from inside a container 127.0.0.1 is the container"},
	{"could not be established", "check that the worker reaches the database at {db}, and that user and password are right"},
	{"connection attempt failed", "check that the worker reaches the database at {db}; from inside a container 127.0.0.1 is the container"},
	{"UnknownHost", "use a name of the database that the worker can resolve, instead of {db}"},
	{"not assigned a table nor a query", "check that the database has table public.stations, and that its user may read it; stations.CreateTable loads it"},
	{"No table filters found", "check that the database has table public.stations; stations.CreateTable loads it"},
	{"does not exist", "create what is missing; stations.CreateTable loads the table"},
}

func (c *Connector) hint(err error) string {
	text := err.Error()
	for _, h := range connectHints {
		if strings.Contains(text, h.word) {
			return strings.ReplaceAll(h.hint, "{db}", c.db.Host)
		}
	}
	var e *rest.Error
	switch {
	case restclient.Unreachable(err):
		return "start the worker, or check its URL; stations.Source reads the table without one"
	case errors.Is(err, context.DeadlineExceeded):
		return "see the worker's log: it waits for its brokers, or for the database"
	case !errors.As(err, &e):
		return ""
	}
	switch e.Status {
	case http.StatusBadRequest:
		return "correct the setting that is named"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "give user and password in the worker's URL"
	case http.StatusConflict:
		return "the workers are rebalancing: wait until they have settled, and look for one that restarts again and again"
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		return "see the worker's log; check that it reaches its brokers"
	}
	return "this is not the root of a Kafka Connect worker: check address and path, as http://127.0.0.1:8083"
}
