package stations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/servicetest"
	"github.com/seed-921eec07/ctalive/internal/logtest"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// postgresServer is a PostgreSQL server for one test.
type postgresServer struct {
	url *url.URL // with the database postgres, of a user who may create others
	cmd *exec.Cmd
	dir string
}

// startPostgres returns the server that CTALIVE_POSTGRES names, or starts one of
// its own from Debian's binaries. Without either the test is skipped, or fails
// where CTALIVE_POSTGRES_REQUIRED is set.
func startPostgres(t *testing.T) *postgresServer {
	t.Helper()
	if given := os.Getenv("CTALIVE_POSTGRES"); given != "" {
		u, err := postgresURL(given)
		if err != nil {
			t.Fatal(err)
		}
		return &postgresServer{url: u}
	}
	s, err := newPostgres(t)
	if err != nil {
		if os.Getenv("CTALIVE_POSTGRES_REQUIRED") != "" {
			t.Fatal(err)
		}
		t.Skip("no PostgreSQL: ", err)
	}
	return s
}

func newPostgres(t *testing.T) (*postgresServer, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return nil, errors.New("its binaries are not in /usr/lib/postgresql (Debian: apt-get install postgresql)")
	}
	bin := filepath.Dir(found[len(found)-1])
	// Not t.TempDir: the server's user can't enter it.
	dir, err := os.MkdirTemp("", "ctalive-postgres-")
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("chicago"), 0o644); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "cta_admin", "--pwfile="+password,
		"-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")
	uid, err := asServerUser(initdb)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, uid, -1); err != nil {
		return nil, err
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	_, port, err := net.SplitHostPort(servicetest.ClosedAddress(t))
	if err != nil {
		return nil, err
	}
	s := &postgresServer{dir: data, url: &url.URL{
		Scheme: "postgres", User: url.UserPassword("cta_admin", "chicago"),
		Host: "127.0.0.1:" + port, Path: "/postgres",
	}}
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-h", "127.0.0.1", "-k", dir,
		"-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=20")
	if err := s.start(); err != nil {
		return nil, err
	}
	t.Cleanup(s.stop)
	return s, nil
}

func (s *postgresServer) start() error {
	cmd := exec.Command(s.cmd.Path, s.cmd.Args[1:]...)
	if _, err := asServerUser(cmd); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.url.String())
		if err == nil {
			return conn.Close(ctx)
		}
		if retry.Pause(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		}
	}
}

// stop ends the server at once, as a crash does: nothing here is worth a check point.
func (s *postgresServer) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	_ = s.cmd.Wait()
}

var databases atomic.Int64

// database returns the address of a database that isn't there yet.
func (s *postgresServer) database(t *testing.T) string {
	u := *s.url
	name := fmt.Sprintf("cta_%d_%d", os.Getpid(), databases.Add(1))
	u.Path = "/" + name
	t.Cleanup(func() {
		if s.cmd == nil { // somebody else's server
			s.exec(t, s.url.String(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		}
	})
	return u.String()
}

func (s *postgresServer) exec(t *testing.T, address, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (s *postgresServer) create(t *testing.T, address string, net *cta.Network) TableChange {
	t.Helper()
	done, err := CreateTable(t.Context(), address, net)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// One server serves all of these, each with a database of its own.
func TestPostgres(t *testing.T) {
	server := startPostgres(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *postgresServer)
	}{
		{"the table can be created and loaded again and again", testCreateTable},
		{"the course's table gets the columns it lacks", testCourseTable},
		{"a source writes the embedded rows byte for byte", testSourceBytes},
		{"a source finds new rows and goes on after a restart", testSourceRestart},
		{"every type is written as Connect writes it", testColumnTypes},
		{"an odd value costs itself alone", testOddValues},
		{"failures name the cause and hide the password", testPostgresFailures},
		{"a source outlives its server", testSourceOutlivesServer}, // last: it restarts it
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, server) })
	}
}

func testCreateTable(t *testing.T, server *postgresServer) {
	address := server.database(t)
	net := cta.Chicago()
	if d := cmp.Diff(TableChange{Inserted: 300}, server.create(t, address, net)); d != "" {
		t.Errorf("first (-want +got):\n%s", d)
	}
	if d := cmp.Diff(TableChange{Unchanged: 300}, server.create(t, address, net)); d != "" {
		t.Errorf("again (-want +got):\n%s", d)
	}
	server.exec(t, address, "UPDATE stations SET stop_name = 'Nowhere' WHERE stop_id IN (30001, 30002)")
	server.exec(t, address, "DELETE FROM stations WHERE stop_id = 30003")
	server.exec(t, address, "INSERT INTO stations SELECT 99999, direction_id, stop_name, station_name, station_descriptive_name, station_id FROM stations WHERE stop_id = 30004")
	if d := cmp.Diff(TableChange{Inserted: 1, Updated: 2, Unchanged: 297}, server.create(t, address, net)); d != "" {
		t.Errorf("after changes (-want +got):\n%s", d)
	}
}

func testCourseTable(t *testing.T, server *postgresServer) {
	address := server.database(t)
	only, err := cta.Chicago().Only("blue", "red")
	if err != nil {
		t.Fatal(err)
	}
	server.create(t, address, only)
	server.exec(t, address, "ALTER TABLE stations DROP COLUMN red")
	all := cta.Chicago()
	done := server.create(t, address, all)
	if done.Inserted+done.Updated+done.Unchanged != 300 {
		t.Errorf("%+v, want 300 rows", done)
	}
	if again := server.create(t, address, all); again.Unchanged != 300 {
		t.Errorf("again %+v, want 300 unchanged", again)
	}
}

// runSource runs a source until the topic holds n rows, and returns those.
func runSource(t *testing.T, sys *ctatest.System, address string, n int) []string {
	t.Helper()
	stop := startSource(t, sys, address, nil)
	rows := awaitRows(t, sys, n)
	stop()
	return rows
}

// startSource starts a source; the function it returns stops it.
func startSource(t *testing.T, sys *ctatest.System, address string, log *slog.Logger) (stop func()) {
	t.Helper()
	source, err := NewSource(sys.Kafka, cta.Chicago(), SourceConfig{
		Topics: sys.Topics, Postgres: address, PollInterval: 100 * time.Millisecond, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- source.Run(ctx) }()
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("source: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func awaitRows(t *testing.T, sys *ctatest.System, n int) []string {
	t.Helper()
	var rows []string
	for _, r := range sys.AwaitRecords(sys.Topics.Stations(), n) {
		if r.Key != nil {
			t.Errorf("key %q, want null", r.Key)
		}
		rows = append(rows, string(r.Value))
	}
	return rows
}

// embeddedRows are the rows as Connect writes them.
func embeddedRows() []string {
	var rows []string
	for _, r := range tables.Rows(cta.Chicago()) {
		rows = append(rows, string(r.AppendJSON(nil)))
	}
	return rows
}

func testSourceBytes(t *testing.T, server *postgresServer) {
	address := server.database(t)
	server.create(t, address, cta.Chicago())
	if d := cmp.Diff(embeddedRows(), runSource(t, ctatest.Start(t), address, 300)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

func testSourceRestart(t *testing.T, server *postgresServer) {
	address := server.database(t)
	server.create(t, address, cta.Chicago())
	insert := func(id int) {
		server.exec(t, address, "INSERT INTO stations VALUES ($1, 'N', 'Stop \"1\"', 'Station', 'Station (Blue)', 49999, NULL)", id)
	}
	row := func(id int) string {
		return fmt.Sprintf(`{"stop_id":%d,"direction_id":"N","stop_name":"Stop \"1\"","station_name":"Station","station_descriptive_name":"Station (Blue)","station_id":49999,"order":null,"red":false,"blue":false,"brown":false,"green":false,"orange":false,"pink":false,"purple":false,"yellow":false}`, id)
	}
	var lines []string
	for _, l := range cta.Chicago().LineColumns() {
		lines = append(lines, fmt.Sprintf("%q:false", l))
	}
	_, tail, _ := strings.Cut(row(0), `"order":null,`)
	want := func(id int) string {
		return strings.Replace(row(id), tail, strings.Join(lines, ",")+"}", 1)
	}
	sys := ctatest.Start(t)
	stop := startSource(t, sys, address, nil)
	awaitRows(t, sys, 300)
	insert(90001) // while it runs
	awaitRows(t, sys, 301)
	stop()
	insert(90002) // while it doesn't
	stop = startSource(t, sys, address, nil)
	awaitRows(t, sys, 302)
	insert(90003)
	rows := awaitRows(t, sys, 303)
	stop()
	if len(rows) != 303 {
		t.Fatalf("%d rows, want 303: some came twice", len(rows))
	}
	if d := cmp.Diff([]string{want(90001), want(90002), want(90003)}, rows[300:]); d != "" {
		t.Errorf("new rows (-want +got):\n%s", d)
	}
}

func testColumnTypes(t *testing.T, server *postgresServer) {
	address := server.database(t)
	if _, err := CreateTable(t.Context(), address, cta.Chicago()); err != nil { // for the database
		t.Fatal(err)
	}
	server.exec(t, address, `DROP TABLE stations`)
	server.exec(t, address, `CREATE TABLE stations (stop_id bigint PRIMARY KEY, "Größe ""x""" smallint,
		b boolean, f4 real, f8 double precision, big double precision, v varchar(20), c char(4), txt text,
		d date, ts timestamp, tz timestamptz, before date, none text)`)
	server.exec(t, address, `INSERT INTO stations VALUES (9007199254740993, -7, true, 40.5, 3, 1.5e10,
		'a<b>&''c', 'ab', E'tab\tquote" back\\ nl\n bell\x07 é € 🚇',
		'1970-01-03', '1970-01-01 00:00:01.5', '1970-01-01 01:00:00+01', '1600-02-29', NULL)`)
	want := `{"stop_id":9007199254740993,"Größe \"x\"":-7,"b":true,"f4":40.5,"f8":3.0,"big":1.5E10,` +
		`"v":"a<b>&'c","c":"ab  ","txt":"tab\tquote\" back\\ nl\n bell\u0007 é € \uD83D\uDE87",` +
		`"d":2,"ts":1500,"tz":0,"before":-135081,"none":null}`
	got := runSource(t, ctatest.Start(t), address, 1)
	if d := cmp.Diff([]string{want}, got); d != "" {
		t.Errorf("row (-want +got):\n%s", d)
	}
}

// Values that JSON can't hold are null, columns of other types are left out: all
// else is sent, and the log says what isn't.
func testOddValues(t *testing.T, server *postgresServer) {
	address := server.database(t)
	net, err := cta.Chicago().Only("blue")
	if err != nil {
		t.Fatal(err)
	}
	server.create(t, address, net)
	server.exec(t, address, `ALTER TABLE stations ADD valid_to timestamp DEFAULT 'infinity', ADD opened date DEFAULT '0044-03-15 BC',
		ADD closed date DEFAULT '12000-01-01', ADD depth real DEFAULT 'NaN', ADD length float8 DEFAULT '-Infinity', ADD checked timestamptz DEFAULT '-infinity',
		ADD height numeric(6,2) DEFAULT 'NaN', ADD o oid DEFAULT 1, ADD at time DEFAULT '12:00', ADD price money DEFAULT 1, ADD flags bit(4) DEFAULT '1010',
		ADD one bit(1) DEFAULT '1', ADD doc xml, ADD u uuid, ADD j jsonb, ADD raw bytea, ADD n numeric, ADD spot point, ADD letter "char" DEFAULT 'x'`)
	server.exec(t, address, `CREATE TYPE kind AS ENUM ('deep')`)
	server.exec(t, address, `ALTER TABLE stations ADD k kind DEFAULT 'deep', ADD last smallint DEFAULT 5`)
	var want []string
	for _, r := range tables.Rows(net) {
		row := strings.TrimSuffix(string(r.AppendJSON(nil)), "}")
		want = append(want, row+`,"valid_to":null,"opened":null,"closed":3663382,"depth":null,"length":null,"checked":null,"last":5}`)
	}
	sys := ctatest.Start(t)
	var logged logtest.Buffer
	stop := startSource(t, sys, address, slog.New(slog.NewTextHandler(&logged, nil)))
	got := awaitRows(t, sys, len(want))
	server.exec(t, address, "INSERT INTO stations SELECT 90001, direction_id, stop_name, station_name, station_descriptive_name, station_id FROM stations LIMIT 1")
	awaitRows(t, sys, len(want)+1)
	stop()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	text := logged.String()
	for _, column := range []string{"height", "o", "at", "price", "flags", "one", "doc", "u", "j", "raw", "n", "spot", "letter", "k"} {
		if n := strings.Count(text, `is left out: its type is not an integer, a float, a text, a boolean, a date or a timestamp" column=`+column+"\n"); n != 1 {
			t.Errorf("%d lines say that %s is left out, want one", n, column)
		}
	}
	for column, value := range map[string]string{"valid_to": "infinity", "opened": `"0044-03-15 BC"`, "depth": "NaN", "length": "-Infinity", "checked": "-infinity"} {
		for _, stop := range []int{tables.Rows(net)[0].StopID, 90001} {
			if n := strings.Count(text, fmt.Sprintf("sent null\" stop_id=%d column=%s value=%s ", stop, column, value)); n != 1 {
				t.Errorf("%d lines tell of %s of stop %d, want one", n, column, stop)
			}
		}
	}
	if strings.Contains(text, "closed") || strings.Contains(text, "server") || strings.Contains(text, "cannot send station rows; retrying") {
		t.Errorf("the log blames what is right:\n%s", text)
	}
}

func testPostgresFailures(t *testing.T, server *postgresServer) {
	address := server.database(t)
	server.create(t, address, cta.Chicago())
	without := func(u string) string { return strings.ReplaceAll(u, "cta_admin:chicago@", "") }
	wrong := strings.Replace(address, ":chicago@", ":hunter2@", 1)
	empty := server.database(t)
	server.create(t, empty, cta.Chicago())
	server.exec(t, empty, "DROP TABLE stations")
	missing := server.database(t)
	name := missing[strings.LastIndex(missing, "/")+1:]
	closed := servicetest.ClosedAddress(t)
	nobody := "postgres://cta_admin:chicago@" + closed + "/cta"
	textual := server.database(t)
	server.create(t, textual, cta.Chicago())
	server.exec(t, textual, "ALTER TABLE stations ALTER stop_id TYPE text")
	fractional := server.database(t)
	server.create(t, fractional, cta.Chicago())
	server.exec(t, fractional, "ALTER TABLE stations ALTER stop_id TYPE numeric USING stop_id + 0.5")
	sys := ctatest.Start(t)
	run := func(address string) error {
		source, err := NewSource(sys.Kafka, cta.Chicago(), SourceConfig{
			Topics: sys.Topics, Postgres: address, Wait: time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		return source.Run(t.Context())
	}
	load := func(address string) error {
		_, err := CreateTable(t.Context(), address, cta.Chicago())
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"load with a wrong password", load(wrong), "PostgreSQL at " + without(address) + `: password authentication failed for user "cta_admin" (SQLSTATE 28P01) (check the user and password in Postgres, and the server's pg_hba.conf)`},
		{"read with a wrong password", run(wrong), "PostgreSQL at " + without(address) + `: password authentication failed for user "cta_admin" (SQLSTATE 28P01) (check the user and password in Postgres, and the server's pg_hba.conf)`},
		{"read a missing table", run(empty), "PostgreSQL at " + without(empty) + `: relation "public.stations" does not exist (SQLSTATE 42P01) (load the table first, with stations.CreateTable)`},
		{"read a table of other ids", run(fractional), "PostgreSQL at " + without(fractional) + `: table stations has no column stop_id of an integer type (table stations is not the stops' table: rename it and let stations.CreateTable make a new one)`},
		{"read a table of textual ids", run(textual), "PostgreSQL at " + without(textual) + `: table stations has no column stop_id of an integer type (table stations is not the stops' table: rename it and let stations.CreateTable make a new one)`},
		{"read a missing database", run(missing), "PostgreSQL at " + without(missing) + `: database "` + name + `" does not exist (SQLSTATE 3D000) (create database ` + name + ` and its table with stations.CreateTable)`},
		{"load where nobody listens", load(nobody), "PostgreSQL at " + without(nobody) + ": dial tcp " + closed + ": connect: connection refused (start it, or check the address in Postgres)"},
	} {
		if d := cmp.Diff(c.want, servicetest.ErrorText(c.err, "")); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		if service := (*cta.ServiceError)(nil); !errors.As(c.err, &service) {
			t.Errorf("%s: %v is no ServiceError", c.name, c.err)
		}
	}
}

func testSourceOutlivesServer(t *testing.T, server *postgresServer) {
	if server.cmd == nil {
		t.Skip("the server of CTALIVE_POSTGRES is not ours to stop")
	}
	address := server.database(t)
	server.create(t, address, cta.Chicago())
	sys := ctatest.Start(t)
	var logged logtest.Buffer
	startSource(t, sys, address, slog.New(slog.NewTextHandler(&logged, nil)))
	awaitRows(t, sys, 300)
	server.stop()
	sys.Await("the log to say that the server is away", func(context.Context) (string, bool, error) {
		return logged.String(), strings.Contains(logged.String(), "cannot send station rows; retrying"), nil
	})
	if err := server.start(); err != nil {
		t.Fatal(err)
	}
	server.exec(t, address, "INSERT INTO stations VALUES (90001, 'N', 'Stop', 'Station', 'Station (Blue)', 49999, 0)")
	if rows := awaitRows(t, sys, 301); len(rows) != 301 {
		t.Errorf("%d rows, want 301", len(rows))
	}
	if text := strings.ReplaceAll(logged.String(), "org.chicago", ""); strings.Contains(text, "chicago") {
		t.Errorf("password in the log:\n%s", text)
	}
}

func TestSourceWithoutDatabase(t *testing.T) {
	sys := ctatest.Start(t)
	for run := range 2 { // the second finds nothing left to do
		source, err := NewSource(sys.Kafka, cta.Chicago(), SourceConfig{Topics: sys.Topics})
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(embeddedRows(), awaitRows(t, sys, 300)); d != "" {
			t.Errorf("run %d: rows (-want +got):\n%s", run, d)
		}
	}
}

// smalltown returns the network of the documentation, with another name for its station Market.
func smalltown(t *testing.T, market string) *cta.Network {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"network", "lines", "stations", "line_stations", "stops", "service"} {
		text, err := os.ReadFile("../../cta/testdata/smalltown/" + name + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		if name == "stations" || name == "line_stations" {
			text = bytes.ReplaceAll(text, []byte(",Market,"), []byte(","+market+","))
		}
		files[name+".csv"] = &fstest.MapFile{Data: text}
	}
	net, err := cta.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// A row that the topic refuses for its size is left out; those after it are sent.
func TestSourceLeavesOutALargeRow(t *testing.T) {
	sys := ctatest.Start(t)
	topic := kafka.EventTopic(sys.Topics.Stations(), 1)
	topic.Settings["max.message.bytes"] = "400" // of a compressed batch
	if err := sys.Kafka.EnsureTopics(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	letters := rand.New(rand.NewPCG(1, 1))
	name := make([]byte, 200)
	for i := range name {
		name[i] = byte('a' + letters.IntN(26))
	}
	net := smalltown(t, string(name))
	log := new(bytes.Buffer)
	source, err := NewSource(sys.Kafka, net, SourceConfig{Topics: sys.Topics, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	large := net.Station(2).Stops
	want := len(tables.Rows(net)) - len(large)
	if rows := awaitRows(t, sys, want); len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	for _, stop := range large {
		if want := fmt.Sprintf("left out\" stop_id=%d", stop.ID); !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, log)
		}
	}
}

// An agency's next publication has other names, new stops, and some no longer. Rows that
// changed are sent again, once.
func TestSourceOfTheNextFeed(t *testing.T) {
	sys := ctatest.Start(t)
	before, after := smalltown(t, "Market"), smalltown(t, "Market Square")
	tram, err := after.Only("T1")
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, c := range []struct {
		name string
		net  *cta.Network
		more int
	}{
		{"the first feed", before, len(tables.Rows(before))},
		{"the same again", before, 0},
		{"a station has another name", after, len(before.Station(2).Stops)},
		{"the same again", after, 0},
		{"the old feed comes back", before, len(before.Station(2).Stops)},
		{"a line is gone, and its column with it", tram, len(tables.Rows(tram))},
	} {
		source, err := NewSource(sys.Kafka, c.net, SourceConfig{Topics: sys.Topics})
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want += c.more
		if rows := awaitRows(t, sys, want); len(rows) != want {
			t.Errorf("%s: %d rows, want %d", c.name, len(rows), want)
		}
	}
}

func TestSourceSettings(t *testing.T) {
	_, err := NewSource(nil, cta.Chicago(), SourceConfig{
		Postgres: "postgres://cta_admin:hunter2@db:port/cta", PollInterval: 1, Wait: -1,
	})
	want := `stations: source: Postgres is "postgres://***@db***", which can't be read, want postgres://user:password@host:5432/database (other characters of user and password percent-encoded)
PollInterval is 1ns, want 100ms or more
Wait is -1ns, want a positive duration`
	if d := cmp.Diff(want, servicetest.ErrorText(err, "")); d != "" {
		t.Errorf("error (-want +got):\n%s", d)
	}
}
