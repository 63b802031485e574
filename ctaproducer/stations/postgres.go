package stations

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/restclient"
)

// stationsTable is the table of stops, in schema public.
const stationsTable = "stations"

// postgresURL parses the address of a database. In the result, user and password precede
// the host. The errors contain no password.
func postgresURL(text string) (*url.URL, error) {
	const want = "want postgres://user:password@host:5432/database"
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("Postgres is empty, " + want)
	case err != nil, u.User == nil && strings.Contains(u.EscapedPath(), "@"): // a slash in the password
		// The cause repeats the text, password included.
		return nil, fmt.Errorf("Postgres is %q, which can't be read, %s (other characters of user and password percent-encoded)",
			cta.Redacted(text), want)
	case u.Scheme != "postgres" && u.Scheme != "postgresql", u.Hostname() == "", strings.Trim(u.Path, "/") == "":
		return nil, fmt.Errorf("Postgres is %q, %s", cta.Redacted(text), want)
	}
	query := u.Query()
	user, password := u.User.Username(), query.Get("password")
	if set, ok := u.User.Password(); ok {
		password = set
	}
	if query.Has("user") || query.Has("password") {
		u.User = url.UserPassword(cmp.Or(user, query.Get("user")), password)
		query.Del("user")
		query.Del("password")
		u.RawQuery = query.Encode()
	}
	return u, nil
}

// postgresSecrets are the passwords in the address of a database.
func postgresSecrets(u *url.URL) []string {
	password, _ := u.User.Password()
	return []string{password, u.Query().Get("sslpassword")}
}

type database struct {
	config  *pgx.ConnConfig
	addr    string // as errors show it
	secrets restclient.Secrets
}

func newDatabase(text string) (*database, error) {
	u, err := postgresURL(text)
	if err != nil {
		return nil, err
	}
	d := &database{addr: cta.Redacted("postgres://" + u.Host + u.EscapedPath())}
	for _, secret := range postgresSecrets(u) {
		d.secrets.Hide(secret)
	}
	if d.config, err = pgx.ParseConfig(u.String()); err != nil {
		return nil, fmt.Errorf("Postgres is %q: %s", cta.Redacted(text), restclient.OneLine(d.secrets.Scrub(errorText(err))))
	}
	d.secrets.Hide(d.config.Password)
	d.config.ConnectTimeout = 10 * time.Second
	d.config.RuntimeParams["application_name"] = cmp.Or(d.config.RuntimeParams["application_name"], "ctalive")
	// Values are read as text: these fix its form, whatever the server's settings.
	d.config.RuntimeParams["datestyle"] = "ISO, YMD"
	d.config.RuntimeParams["timezone"] = "UTC"
	d.config.RuntimeParams["extra_float_digits"] = "1"
	d.config.RuntimeParams["client_encoding"] = "UTF8"
	return d, nil
}

// errorText is the innermost text of a pgx configuration error, without the
// connection string that the outer ones repeat.
func errorText(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// fail adds the address and the remedy to an error of the database.
func (d *database) fail(err error) *cta.ServiceError {
	return &cta.ServiceError{
		Service: "PostgreSQL", Addr: d.addr, Hint: d.hint(err),
		Err: &causeError{text: restclient.OneLine(d.secrets.Scrub(postgresText(err))), err: err},
	}
}

// causeError is an error under a text of our own.
type causeError struct {
	text string
	err  error
}

func (e *causeError) Error() string { return e.text }
func (e *causeError) Unwrap() error { return e.err }

// postgresText returns the cause without pgx's own words around it.
func postgresText(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		text := fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
		if pg.Detail != "" {
			text += ": " + pg.Detail
		}
		return text
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Error()
	}
	return err.Error()
}

// Codes of PostgreSQL's errors (its manual, appendix A).
const (
	pgNoDatabase    = "3D000"
	pgNoTable       = "42P01"
	pgNoColumn      = "42703"
	pgNotAllowed    = "42501"
	pgWrongPassword = "28P01"
	pgWrongUser     = "28000"
	pgDuplicateDB   = "42P04"
	pgNoUnique      = "42P10"
)

// errNoStops reports a table stations without the column that identifies its rows.
var errNoStops = errors.New("table " + stationsTable + " has no column stop_id of an integer type")

func pgCode(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

func (d *database) hint(err error) string {
	name, user := d.config.Database, d.config.User
	switch code := pgCode(err); {
	case code == pgNoDatabase:
		return "create database " + name + " and its table with stations.CreateTable"
	case code == pgNoTable:
		return "load the table first, with stations.CreateTable"
	case code == pgNoColumn, errors.Is(err, errNoStops):
		return "table " + stationsTable + " is not the stops' table: rename it and let stations.CreateTable make a new one"
	case code == pgNoUnique:
		return "make stop_id the primary key of table " + stationsTable
	case code == pgNotAllowed:
		return "make " + user + " the owner of database " + name + " and of its table " + stationsTable
	case code == pgWrongPassword, code == pgWrongUser:
		return "check the user and password in Postgres, and the server's pg_hba.conf"
	case strings.HasPrefix(code, "53"):
		return "raise the server's limit, as max_connections"
	case strings.HasPrefix(code, "57P"):
		return "the server is starting or stopping: try again"
	case code != "":
		return "see the server's log"
	case restclient.Unreachable(err):
		return "start it, or check the address in Postgres"
	}
	return "check the address in Postgres, and that the server is up"
}

// lasting reports whether waiting won't mend an error.
func lasting(err error) bool {
	switch pgCode(err) {
	case pgNoColumn, pgNotAllowed, pgWrongPassword, pgWrongUser:
		return true
	}
	return errors.Is(err, errNoStops)
}

// connect opens a connection; its error is not yet made readable.
func (d *database) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, d.config.Copy())
}

// closeConn closes a connection within a second, whatever ctx is.
func closeConn(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx) // nothing was left undone on it
}
