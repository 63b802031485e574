package stations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// TableChange counts the rows that CreateTable changed.
type TableChange struct {
	Inserted, Updated, Unchanged int
}

// CreateTable creates table public.stations in a PostgreSQL database, and fills it with
// a network's rows: one per stop, with a boolean column for each line. The address is
// such as postgres://user:password@host:5432/database. A missing database is created, if
// the user may.
//
// CreateTable can be repeated at any time, also while a connector reads. Rows are
// updated by their stop_id, columns of new lines are added, and nothing is removed, all
// in one transaction. If the database is unreachable or refuses, the error is a
// [*cta.ServiceError] without the password.
func CreateTable(ctx context.Context, postgres string, net *cta.Network) (TableChange, error) {
	db, err := newDatabase(postgres)
	table := tableOf(net)
	if err := errors.Join(err, table.validate()); err != nil {
		return TableChange{}, fmt.Errorf("stations: create table: %w", err)
	}
	conn, err := db.connectOrCreate(ctx)
	if err != nil {
		return TableChange{}, db.failUnless(ctx, err)
	}
	defer closeConn(conn)
	done, err := table.load(ctx, conn)
	if err != nil {
		return TableChange{}, db.failUnless(ctx, err)
	}
	return done, nil
}

// connectOrCreate connects, and creates the database when it is missing.
func (d *database) connectOrCreate(ctx context.Context) (*pgx.Conn, error) {
	conn, err := d.connect(ctx)
	if pgCode(err) != pgNoDatabase {
		return conn, err
	}
	// The database that every server has is the place to create another one.
	config := d.config.Copy()
	config.Database = "postgres"
	first, connErr := pgx.ConnectConfig(ctx, config)
	if connErr != nil {
		return nil, err
	}
	defer closeConn(first)
	_, err = first.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{d.config.Database}.Sanitize())
	if err != nil && pgCode(err) != pgDuplicateDB {
		return nil, err
	}
	return d.connect(ctx)
}

// failUnless is fail, but for the end of ctx.
func (d *database) failUnless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stations: PostgreSQL at %s: stopped: %w", d.addr, ctx.Err())
	}
	return d.fail(err)
}

// column is a column of table stations.
type column struct {
	name, kind string
	line       bool
}

// stopsTable is table stations as a network wants it.
type stopsTable struct {
	columns []column
	rows    [][]any
}

func tableOf(net *cta.Network) stopsTable {
	rows := tables.Rows(net)
	// The course's lengths, more where a network needs more. In characters.
	direction, name, descriptive := 1, 70, 200
	var t stopsTable
	for _, r := range rows {
		direction = max(direction, utf8.RuneCountInString(r.DirectionID))
		name = max(name, utf8.RuneCountInString(r.StopName), utf8.RuneCountInString(r.StationName))
		descriptive = max(descriptive, utf8.RuneCountInString(r.StationDescriptiveName))
		values := []any{r.StopID, r.DirectionID, r.StopName, r.StationName, r.StationDescriptiveName, r.StationID, r.Order}
		for _, l := range r.Lines {
			values = append(values, l.Set)
		}
		t.rows = append(t.rows, values)
	}
	varchar := func(n int) string { return fmt.Sprintf("varchar(%d) NOT NULL", n) }
	t.columns = []column{
		{name: "stop_id", kind: "integer PRIMARY KEY"},
		{name: "direction_id", kind: varchar(direction)},
		{name: "stop_name", kind: varchar(name)},
		{name: "station_name", kind: varchar(name)},
		{name: "station_descriptive_name", kind: varchar(descriptive)},
		{name: "station_id", kind: "integer NOT NULL"},
		{name: "order", kind: "integer"},
	}
	for _, line := range net.LineColumns() {
		t.columns = append(t.columns, column{name: line, kind: "boolean NOT NULL DEFAULT false", line: true})
	}
	return t
}

// validate refuses lines whose ids PostgreSQL can't have as columns.
func (t stopsTable) validate() error {
	var faults []error
	seen := make(map[string]bool)
	for _, c := range t.columns {
		switch {
		case len(c.name) > 63, c.name == "", strings.ContainsRune(c.name, 0):
			faults = append(faults, fmt.Errorf("line %q can't be a column, want 1 to 63 bytes", c.name))
		case seen[c.name]:
			faults = append(faults, fmt.Errorf("line %q has the name of another column", c.name))
		}
		seen[c.name] = true
	}
	return errors.Join(faults...)
}

var stationsIdentifier = pgx.Identifier{"public", stationsTable}

const incomingTable = "ctalive_incoming_stations"

// loadTimeout bounds the load of a table of some hundred rows, waiting for locks included.
const loadTimeout = time.Minute

// load creates and fills the table in one transaction.
func (t stopsTable) load(ctx context.Context, conn *pgx.Conn) (done TableChange, err error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	var names []string
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// One loader at a time, so that two don't race for the creation.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('ctalive stations'))"); err != nil {
			return err
		}
		if err := t.create(ctx, tx); err != nil {
			return err
		}
		incoming := "CREATE TEMP TABLE " + incomingTable + " (LIKE " + stationsIdentifier.Sanitize() + ") ON COMMIT DROP"
		if _, err := tx.Exec(ctx, incoming); err != nil {
			return err
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{incomingTable}, names, pgx.CopyFromRows(t.rows)); err != nil {
			return err
		}
		done, err = t.merge(ctx, tx)
		return err
	})
	return done, err
}

// create creates the table, or adds the columns of lines that it lacks.
func (t stopsTable) create(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name = $1`, stationsTable)
	if err != nil {
		return err
	}
	existing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	var parts []string
	for _, c := range t.columns {
		definition := pgx.Identifier{c.name}.Sanitize() + " " + c.kind
		switch {
		case len(existing) == 0:
			parts = append(parts, definition)
		case c.line && !slices.Contains(existing, c.name):
			parts = append(parts, "ADD COLUMN "+definition)
		}
	}
	var statement string
	switch {
	case len(parts) == 0:
		return nil
	case len(existing) == 0:
		statement = "CREATE TABLE " + stationsIdentifier.Sanitize() + " (" + strings.Join(parts, ", ") + ")"
	default:
		statement = "ALTER TABLE " + stationsIdentifier.Sanitize() + " " + strings.Join(parts, ", ")
	}
	_, err = tx.Exec(ctx, statement)
	return err
}

// merge brings the copied rows into the table. Rows that are the same are not
// written, so that whoever follows the table's changes sees none.
func (t stopsTable) merge(ctx context.Context, tx pgx.Tx) (TableChange, error) {
	var names, sets, olds, news []string
	for _, c := range t.columns {
		name := pgx.Identifier{c.name}.Sanitize()
		names = append(names, name)
		olds = append(olds, "s."+name)
		news = append(news, "EXCLUDED."+name)
		if c.name != "stop_id" {
			sets = append(sets, name+" = EXCLUDED."+name)
		}
	}
	columns := strings.Join(names, ", ")
	// A row that was just inserted has no deleting transaction, xmax.
	rows, err := tx.Query(ctx, "INSERT INTO "+stationsIdentifier.Sanitize()+" AS s ("+columns+")"+
		" SELECT "+columns+" FROM "+incomingTable+" ORDER BY stop_id"+
		" ON CONFLICT (stop_id) DO UPDATE SET "+strings.Join(sets, ", ")+
		" WHERE ("+strings.Join(olds, ", ")+") IS DISTINCT FROM ("+strings.Join(news, ", ")+")"+
		" RETURNING xmax = 0")
	if err != nil {
		return TableChange{}, err
	}
	inserted, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	if err != nil {
		return TableChange{}, err
	}
	done := TableChange{Unchanged: len(t.rows) - len(inserted)}
	for _, new := range inserted {
		if new {
			done.Inserted++
		} else {
			done.Updated++
		}
	}
	return done, nil
}
