package stations

import (
	"cmp"
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// rowsPerQuery bounds the rows read and sent at a time.
	rowsPerQuery = 500
	queryTimeout = 30 * time.Second
)

// tableRow is a row of table stations and its JSON.
type tableRow struct {
	stopID int64
	json   []byte
	odd    []oddValue // written as null
}

// tableReader reads table stations by ascending stop_id.
type tableReader struct {
	db       *database
	log      *slog.Logger
	conn     *pgx.Conn       // nil: not connected
	position int64           // stop_id of the last row that is done with
	left     map[string]bool // columns that are left out, as the log has said
}

func (t *tableReader) close() {
	if t.conn != nil {
		closeConn(t.conn)
		t.conn = nil
	}
}

// next returns the next rows after the position, if any. After an error, the next call
// connects again.
func (t *tableReader) next(ctx context.Context) ([]tableRow, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if t.conn == nil {
		conn, err := t.db.connect(ctx)
		if err != nil {
			return nil, err
		}
		t.conn = conn
	}
	rows, err := t.query(ctx)
	if err != nil {
		t.close()
	}
	return rows, err
}

func (t *tableReader) query(ctx context.Context) ([]tableRow, error) {
	// All columns, as the JDBC source: the table may have got more since the last
	// time. This mode gets values as text, and keeps no prepared statement, which a
	// new column would make fail.
	result, err := t.conn.Query(ctx, "SELECT * FROM "+stationsIdentifier.Sanitize()+
		" WHERE stop_id > $1 ORDER BY stop_id LIMIT "+strconv.Itoa(rowsPerQuery),
		pgx.QueryExecModeExec, t.position)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	fields := result.FieldDescriptions()
	stop, err := stopColumn(fields)
	if err != nil {
		result.Close()
		return nil, cmp.Or(result.Err(), err) // what the server has refused has no columns
	}
	writers := make([]appendValue, len(fields))
	for i, f := range fields {
		if writers[i] = valueWriter(f); writers[i] == nil && !t.left[f.Name] {
			t.left[f.Name] = true
			t.log.Warn("column of table "+stationsTable+" is left out: its type is not "+writtenTypes, "column", f.Name)
		}
	}
	var rows []tableRow
	for result.Next() {
		values := result.RawValues()
		id, err := strconv.ParseInt(string(values[stop]), 10, 64)
		if err != nil {
			return nil, errNoStops
		}
		json, odd := appendRow(nil, fields, writers, values)
		rows = append(rows, tableRow{stopID: id, json: json, odd: odd})
	}
	return rows, result.Err()
}
