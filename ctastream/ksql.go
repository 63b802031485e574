package ctastream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/restclient"
	"github.com/seed-921eec07/ctalive/internal/retry"
	"github.com/seed-921eec07/ctalive/schemas"
)

// ErrLayout is returned by [NewKSQL] for the layout [cta.LayoutPerStation]: a KSQL stream
// reads one topic, not hundreds.
var ErrLayout = errors.New("ksqlDB needs the shared layout: one topic of entries")

// ksqlType is a media type that every version accepts.
const ksqlType = "application/vnd.ksql.v1+json"

// KSQLConfig holds the optional settings of a [KSQL].
type KSQLConfig struct {
	// Topics names the topics to read and to write; its layout must be [cta.LayoutShared].
	Topics cta.Topics
	// Access holds the credentials for the server. Default: the user and password in
	// the URL, if any.
	Access rest.Access
	// Timeout bounds one request. From 1ms to 5m. Default: 30s.
	Timeout time.Duration
	// Wait bounds the wait for a server that is starting, or for a statement in
	// progress. Default: 60s.
	Wait time.Duration
	// Log receives each reason to wait once. Default: silent.
	Log *slog.Logger
}

// KSQL counts the entries on a ksqlDB or KSQL server, in place of a [TurnstileSummary].
// It creates stream TURNSTILE over the topic of entries, and table TURNSTILE_SUMMARY
// over that stream. With another prefix than the default, such as "b.", they are
// CTA_B_TURNSTILE and CTA_B_TURNSTILE_SUMMARY. The input must be a stream: in a table,
// entries with equal keys would replace one another and count once.
//
// The statements depend on the server's version:
//
//  1. KSQL 5.0 to 5.3: no EMIT CHANGES;
//  2. KSQL 5.4 and 5.5, ksqlDB 0.6 to 0.9: EMIT CHANGES; the key is the id, which
//     is in the value too;
//  3. ksqlDB 0.10 to 0.13 (Confluent Platform 6.0): the id is copied into the value
//     by AS_VALUE;
//  4. from ksqlDB 0.14 (6.1) on: keys are JSON, so that the key is text.
//
// A server counts at least once by default: after a crash its counts may be too high.
type KSQL struct {
	server   *restclient.Client
	registry *wire.Registry
	cfg      KSQLConfig
	stream   string // names on the server
	table    string
}

// KSQLStatus describes the count of entries on a server.
type KSQLStatus struct {
	Version string   // of the server
	Stream  string   // the topic that the stream reads; empty: there is no such stream
	Table   string   // the topic of the table; empty: there is no such table
	Queries []string // ids of the queries that write the table
}

// Counting reports whether stream, table and query exist.
func (s KSQLStatus) Counting() bool { return s.Stream != "" && s.Table != "" && len(s.Queries) > 0 }

// NewKSQL returns a client of the server at a URL. The error lists every wrong setting,
// and is [ErrLayout] unless the topics' layout is [cta.LayoutShared]. Nothing is contacted
// yet. Only Create needs the registry, which must be the server's.
func NewKSQL(serverURL string, reg *wire.Registry, cfg KSQLConfig) (*KSQL, error) {
	cfg.Wait = cmp.Or(cfg.Wait, time.Minute)
	k := &KSQL{registry: reg, cfg: cfg, stream: "TURNSTILE", table: "TURNSTILE_SUMMARY"}
	var err error
	k.server, err = restclient.New(restclient.Config{
		Service: "ksqlDB", URL: serverURL, Access: cfg.Access, Timeout: cmp.Or(cfg.Timeout, 30*time.Second), Wait: cfg.Wait, Log: cfg.Log,
		Accept: ksqlType + ", application/json", Type: ksqlType,
		Passes: later, Hint: ksqlHint,
	})
	faults := []error{err, cfg.Topics.Check()}
	if cfg.Topics.Layout != cta.LayoutShared {
		faults = append(faults, fmt.Errorf("%w (layout is %q: set it to %q, for the producers too)", ErrLayout, cmp.Or(cfg.Topics.Layout, cta.LayoutPerStation), cta.LayoutShared))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("ctastream: ksqlDB: %w", err)
	}
	if p := cfg.Topics.NamePrefix(); p != cta.DefaultPrefix {
		system := "CTA_" + notOfNames.ReplaceAllString(strings.ToUpper(p+"."), "_")
		k.stream, k.table = system+k.stream, system+k.table
	}
	return k, nil
}

// notOfNames matches characters that need quotes in names on a server.
var notOfNames = regexp.MustCompile(`[^A-Z0-9]+`)

// Names returns the names of the stream and the table on the server.
func (k *KSQL) Names() (stream, table string) { return k.stream, k.table }

// Create creates the stream and the table if they are missing, and returns once the
// server counts. Entries are counted from the oldest in the topic. The topic must exist.
//
// First, Create registers the schemas of entries for the topic. Otherwise the server
// would register its own, incompatible with every producer's. If the registration fails,
// nothing is created. A stream or table of that name over another topic is an error: see
// Drop.
func (k *KSQL) Create(ctx context.Context) error {
	status, err := k.Status(ctx)
	if err != nil {
		return err
	}
	stream, table, err := k.statements(status.Version)
	if err == nil {
		err = k.blocked(status)
	}
	if err != nil {
		return k.fail(err)
	}
	if err := k.register(ctx); err != nil {
		return err
	}
	if status.Stream == "" {
		if err := k.ensure(ctx, stream, func(s KSQLStatus) bool { return s.Stream != "" }); err != nil {
			return err
		}
	}
	if status.Table == "" {
		return k.ensure(ctx, table, KSQLStatus.Counting)
	}
	return nil
}

// register registers the schemas of entries for their topic.
func (k *KSQL) register(ctx context.Context) error {
	if k.registry == nil {
		return errors.New("ctastream: ksqlDB: Create needs a registry: without our schemas there, the server registers its own, which refuse all producers")
	}
	entries, err := wire.AvroRecords[cta.Key, cta.TurnstileEntry](k.registry, schemas.TurnstileKey, schemas.TurnstileValue)
	if err == nil {
		err = entries.Register(ctx, k.input())
	}
	if errors.Is(err, wire.ErrIncompatible) {
		err = fmt.Errorf("%w; if a ksqlDB server registered the earlier one, drop its stream, and delete the subject", err)
	}
	if err != nil {
		return fmt.Errorf("ctastream: ksqlDB: nothing created: %w", err)
	}
	return nil
}

// blocked returns an existing object with one of our names that isn't ours. A table
// without a writer is the user's own over a topic of counts, or the rest of an
// interrupted Drop.
func (k *KSQL) blocked(s KSQLStatus) error {
	switch input, output := k.input(), k.cfg.Topics.TurnstileSummary(); {
	case s.Stream != "" && s.Stream != input:
		return inTheWay(fmt.Sprintf("stream %s reads topic %s, want %s", k.stream, s.Stream, input))
	case s.Table != "" && s.Table != output:
		return inTheWay(fmt.Sprintf("table %s is over topic %s, want %s", k.table, s.Table, output))
	case s.Table != "" && len(s.Queries) == 0:
		return inTheWay("table " + k.table + " is there, and no query writes to it")
	}
	return nil
}

// ensure executes a statement that creates something. If it exists already, that is
// success: another client was quicker. But something else may have the name.
func (k *KSQL) ensure(ctx context.Context, statement string, there func(KSQLStatus) bool) error {
	err := k.execute(ctx, statement)
	if err != nil && !exists(err) {
		return err
	}
	now, statusErr := k.Status(ctx)
	if statusErr != nil {
		return statusErr
	}
	if err := k.blocked(now); err != nil {
		return k.fail(err)
	}
	switch {
	case there(now):
		return nil
	case err != nil:
		return err
	}
	return k.fail(fmt.Errorf("the server accepted a statement without an effect: stream over %q, table over %q, queries %v", now.Stream, now.Table, now.Queries))
}

// Drop ends the queries and removes table and stream. A missing one is no error. The
// topics stay.
func (k *KSQL) Drop(ctx context.Context) error {
	status, err := k.Status(ctx)
	if err != nil {
		return err
	}
	var statements []string
	for _, id := range status.Queries {
		statements = append(statements, "TERMINATE "+id+";")
	}
	if status.Table != "" {
		statements = append(statements, "DROP TABLE "+k.table+";")
	}
	if status.Stream != "" {
		statements = append(statements, "DROP STREAM "+k.stream+";")
	}
	for _, s := range statements {
		err := k.execute(ctx, s)
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// Status reads the server's state.
func (k *KSQL) Status(ctx context.Context) (s KSQLStatus, err error) {
	var info struct {
		KsqlServerInfo struct {
			Version string `json:"version"`
		}
	}
	if err := k.call(ctx, http.MethodGet, "/info", nil, &info); err != nil {
		return s, err
	}
	s.Version = info.KsqlServerInfo.Version
	entities, err := k.post(ctx, "LIST STREAMS; LIST TABLES; SHOW QUERIES;")
	if err != nil {
		return s, err
	}
	for _, e := range entities { // streams, tables, queries
		s.Stream = cmp.Or(s.Stream, topicNamed(k.stream, e.Streams))
		s.Table = cmp.Or(s.Table, topicNamed(k.table, e.Tables))
		for _, q := range e.Queries {
			if q.writes(k.table, cmp.Or(s.Table, k.cfg.Topics.TurnstileSummary())) {
				s.Queries = append(s.Queries, string(q.ID))
			}
		}
	}
	return s, nil
}

func (k *KSQL) input() string { return k.cfg.Topics.Turnstiles(&cta.Station{}) }

// statements returns the two statements in the dialect of a version of the server.
func (k *KSQL) statements(version string) (stream, table string, err error) {
	var major, minor int
	if n, _ := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &major, &minor); n < 2 {
		return "", "", fmt.Errorf("found version %q, want one as 7.4.0 or 0.29.0", version)
	}
	if major >= 5 { // of the platform; the numbers of ksqlDB from 5.5 on
		switch {
		case major == 5 && minor <= 3:
			minor = 5
		case major == 5:
			minor = minor + 2 // 5.4 is 0.6, 5.5 is 0.7
		case major == 6 && minor == 0:
			minor = 10
		case major == 6 && minor == 1:
			minor = 14
		default:
			minor = 17
		}
	} else if major > 0 {
		minor = 17
	}
	var keyNone, keyJSON, emit string
	columns := "STATION_ID, COUNT(*) AS COUNT"
	if minor >= 6 {
		emit = " EMIT CHANGES"
	}
	if minor >= 10 {
		columns = "STATION_ID AS STATION_KEY, AS_VALUE(STATION_ID) AS STATION_ID, COUNT(*) AS COUNT"
	}
	if minor >= 14 {
		keyNone, keyJSON = "KEY_FORMAT='NONE', ", "KEY_FORMAT='JSON', "
	}
	stream = fmt.Sprintf("CREATE STREAM %s (STATION_ID INTEGER, STATION_NAME VARCHAR, LINE VARCHAR) WITH (KAFKA_TOPIC='%s', %sVALUE_FORMAT='AVRO');",
		k.stream, k.input(), keyNone)
	table = fmt.Sprintf("CREATE TABLE %s WITH (KAFKA_TOPIC='%s', %sVALUE_FORMAT='JSON') AS SELECT %s FROM %s GROUP BY STATION_ID%s;",
		k.table, k.cfg.Topics.TurnstileSummary(), keyJSON, columns, k.stream, emit)
	return stream, table, nil
}

// execute runs one statement and waits until the server has done it.
func (k *KSQL) execute(ctx context.Context, statement string) error {
	entities, err := k.post(ctx, statement)
	if err != nil {
		return err
	}
	for _, e := range entities {
		if err := k.await(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// await follows a command until it has ended. A server answers after five seconds at
// the latest, done or not.
func (k *KSQL) await(ctx context.Context, e ksqlEntity) error {
	if e.CommandStatus == nil {
		return nil
	}
	deadline := time.Now().Add(k.cfg.Wait)
	status := *e.CommandStatus
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		switch status.Status {
		case "SUCCESS", "RUNNING", "TERMINATED":
			return nil
		case "ERROR":
			return k.fail(&rest.Error{Status: http.StatusOK, Message: restclient.OneLine(k.server.Scrub(status.Message))})
		}
		if time.Now().After(deadline) {
			return k.fail(fmt.Errorf("command %s is %s after %v", e.CommandID, status.Status, k.cfg.Wait))
		}
		if err := retry.Pause(ctx, pause); err != nil {
			return err
		}
		path := "/status"
		for part := range strings.SplitSeq(e.CommandID, "/") {
			path += "/" + url.PathEscape(part)
		}
		if err := k.call(ctx, http.MethodGet, path, nil, &status); err != nil {
			return err
		}
	}
}

func (k *KSQL) post(ctx context.Context, statements string) (entities []ksqlEntity, err error) {
	body := map[string]any{
		"ksql": statements,
		// Without it a query begins with the entries that come after it.
		"streamsProperties": map[string]string{"ksql.streams.auto.offset.reset": "earliest"},
	}
	return entities, k.call(ctx, http.MethodPost, "/ksql", body, &entities)
}

func (k *KSQL) call(ctx context.Context, method, path string, body, answer any) error {
	if _, err := k.server.Call(ctx, method, path, body, answer); err != nil {
		return k.fail(err)
	}
	return nil
}

// fail names the service, its address and a remedy.
func (k *KSQL) fail(err error) error { return fmt.Errorf("ctastream: %w", k.server.Fail(err)) }
