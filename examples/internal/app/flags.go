package app

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/ctaproducer/alerts"
	"github.com/seed-921eec07/ctalive/ctaproducer/realtime"
	"github.com/seed-921eec07/ctalive/ctaproducer/stations"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker"
)

// Group is a set of flags that belong together.
type Group int

// The groups of flags.
const (
	Simulated Group = 1 << iota // -seed -speed -start -for -lines
	Page                        // -listen for a page
	Web                         // of the dashboard's page: -ready -metrics -allow-origin -max-client-streams -predictions
	Health                      // without a page: -ready, and -listen for metrics and health
	Worker                      // -input -output -group -instance-id -session-timeout
	Database                    // -postgres
	Connect                     // -connect -connector -name -status -delete
	KSQL                        // -engine -ksql -drop
	Tracked                     // -key -train-tracker -every -daily-budget -vehicles -trips -header -record -replay -speed -alerts
)

// The addresses at which the services usually are.
const (
	usualConnect = "http://127.0.0.1:8083"
	usualKSQL    = "http://127.0.0.1:8088"
	usualPage    = "127.0.0.1:8888"
)

// Settings holds the values of the flags, and the parts started by them.
type Settings struct {
	Services  string // auto, embedded or external
	Brokers   []string
	Registry  string                   // URL
	RESTProxy string                   // URL
	Connect   string                   // URL
	Connector stations.ConnectorConfig // its Kind and Name
	Status    bool                     // only look at the connector
	Delete    bool                     // delete the connector
	KSQL      string                   // URL
	Engine    string                   // go or ksqldb
	Drop      bool                     // what -engine ksqldb created
	Postgres  string                   // URL; empty: none
	Wait      time.Duration
	DataDir   string
	Topics    cta.Topics
	// AllowOrigin and MaxClientStreams are passed to ctaweb; empty and 0: its defaults.
	AllowOrigin      string
	MaxClientStreams int
	Predictions      live.Source // shown where the agency predicts too

	Seed    uint64
	Speed   float64 // simulated seconds a second; +Inf as fast as the machine can
	Start   time.Time
	For     time.Duration
	Network *cta.Network // cut down to -lines and -modes

	TrainTracker traintracker.Config // its Key, URL, Every and DailyBudget
	Realtime     realtime.Config     // its Vehicles, Trips, Header and Every; no feeds: the Train Tracker
	Record       string              // folder to record into; empty: none
	Alerts       alerts.Config       // its URL and Header; empty: none

	Input, Output, Group string
	InstanceID           string
	SessionTimeout       time.Duration

	Log     *slog.Logger
	Metrics *prometheus.Registry
	Stdout  io.Writer
	Stderr  io.Writer

	name                   string
	page, health           string         // addresses to listen at
	ask                    bool           // only whether the program at page or health is ready
	days                   [2]cta.Date    // first and last of the timetable; 0 without one
	ready                  []func() error // of /readyz
	prepared               atomic.Bool
	given                  map[string]bool // flags set on the command line or in the environment
	tls                    bool
	tlsCA, tlsCert, tlsKey string // PEM files
	tokenFile              string
	sasl                   kafka.SASL
	replication, minInSync int
	rack                   string
	close                  func() error // closes what Open opened
}

// Given reports whether a flag was set, on the command line or by its variable.
func (s *Settings) Given(flag string) bool { return s.given[flag] }

// Variable returns the environment variable behind a flag.
func Variable(flag string) string {
	return "CTALIVE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func (p Program) parse(network *cta.Network, args []string, getenv func(string) string, stdout, stderr io.Writer) (*Settings, error) {
	s := &Settings{name: p.Name, Network: network, Services: cmp.Or(p.Services, "auto"), given: map[string]bool{}, Stdout: stdout, Stderr: stderr,
		Log: newLog(stderr), Metrics: prometheus.NewRegistry(), close: func() error { return nil }}
	fs := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	late := s.define(fs, p.Flags)

	var faults []error
	fs.VisitAll(func(f *flag.Flag) {
		v := getenv(Variable(f.Name))
		if v == "" {
			return
		}
		if err := f.Value.Set(v); err != nil {
			faults = append(faults, fmt.Errorf("%s=%q: %w", Variable(f.Name), v, err))
		}
		s.given[f.Name] = true
	})
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			p.usage(fs, stdout)
		}
		return nil, err
	}
	if s.ask { // the settings are those of the program that is asked
		return s, nil
	}
	fs.Visit(func(f *flag.Flag) { s.given[f.Name] = true })
	if fs.NArg() > 0 {
		faults = append(faults, fmt.Errorf("unexpected argument %q", cta.Redacted(fs.Arg(0))))
	}
	faults = append(faults, late()...)
	if err := errors.Join(faults...); err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

// define adds the flags of those groups to fs. late checks what can only be
// checked once all of them are read.
func (s *Settings) define(fs *flag.FlagSet, groups Group) (late func() []error) {
	var brokers, layout, start, network, lines, modes, connector, predictions, saslTokenFile, saslTokenCommand string
	fs.StringVar(&s.Services, "services", s.Services, "where the services run, `mode`: auto, embedded (in this process) or external. auto: external if an address is given or a broker answers at "+services.UsualBroker)
	fs.StringVar(&brokers, "brokers", services.UsualBroker, "`host:port,…` of the Kafka brokers; with embedded services, the address to listen on")
	fs.StringVar(&s.Registry, "registry", services.UsualRegistry, "`URL` of the Schema Registry; may contain user and password")
	fs.StringVar(&s.RESTProxy, "rest-proxy", services.UsualRESTProxy, "`URL` of the REST Proxy")
	fs.DurationVar(&s.Wait, "wait", 30*time.Second, "`duration` to wait at the start for a service")
	fs.StringVar(&s.DataDir, "data-dir", "", "`folder` for the embedded services' topics, offsets and schemas; empty: in memory")
	fs.BoolVar(&s.tls, "tls", false, "use TLS for the brokers")
	fs.StringVar(&s.tlsCA, "tls-ca", "", "PEM `file` of trusted authorities, instead of the system's, for brokers (implies -tls) and https services")
	fs.StringVar(&s.tlsCert, "tls-cert", "", "PEM `file` of the client certificate, for brokers (implies -tls) and https services; needs -tls-key")
	fs.StringVar(&s.tlsKey, "tls-key", "", "PEM `file` of the client certificate's private key")
	fs.StringVar(&s.tokenFile, "token-file", "", "`file` with a bearer token for the HTTP services; read at each request")
	fs.StringVar(&s.sasl.Mechanism, "sasl", "", "SASL `mechanism`: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; empty: none")
	fs.StringVar(&s.sasl.User, "sasl-user", "", "SASL user `name`")
	fs.StringVar(&s.sasl.Password, "sasl-password", "", "SASL `password`; prefer the variable CTALIVE_SASL_PASSWORD")
	fs.StringVar(&saslTokenFile, "sasl-token-file", "", "for OAUTHBEARER: `file` with the token, read for each connection")
	fs.StringVar(&saslTokenCommand, "sasl-token-command", "", "for OAUTHBEARER: shell `command` that prints a token, run for each connection")
	fs.StringVar(&s.rack, "rack", "", "rack `name` of this program, as in broker.rack: read from the nearest replica; empty: from the leader")
	fs.IntVar(&s.replication, "replication-factor", 0, "`number` of replicas of created topics; 0: the cluster's default")
	fs.IntVar(&s.minInSync, "min-insync-replicas", 0, "`number` for min.insync.replicas of created topics; 0: the cluster's default")
	fs.StringVar(&s.Topics.Prefix, "prefix", cta.DefaultPrefix, "`text` with which topic and group names begin")
	fs.StringVar(&layout, "layout", string(cta.LayoutPerStation), "`layout` of topics: per-station (one per station and kind) or shared (one per kind)")
	if groups&Page != 0 {
		fs.StringVar(&s.page, "listen", usualPage, "serve the page at `host:port`")
	}
	if groups&Web != 0 {
		fs.StringVar(&s.health, "metrics", "", "serve /metrics, /healthz and /readyz at `host:port`, and no /metrics beside the page")
		fs.StringVar(&s.AllowOrigin, "allow-origin", "", "`origin` whose scripts may read the API and the stream, such as https://example.org; *: any; empty: none")
		fs.IntVar(&s.MaxClientStreams, "max-client-streams", 0, "`number` of event streams per client address; behind a reverse proxy set 10000; 0: 5000")
		fs.StringVar(&predictions, "predictions", string(live.SourceOurs), "`source` of the predictions shown where the agency has some: ours, agency, or better (the more accurate over the last hour)")
	}
	if groups&Health != 0 {
		fs.StringVar(&s.health, "listen", "", "serve /metrics, /healthz and /readyz at `host:port`; empty: do not serve them")
	}
	if groups&(Web|Health) != 0 {
		fs.BoolVar(&s.ask, "ready", false, "ask the running program at -listen whether it is ready, and exit: with 0 if so, else with 1 and the reason; other flags do not matter")
	}
	if groups&Database != 0 {
		fs.StringVar(&s.Postgres, "postgres", "", "`URL` of the PostgreSQL with the stations table, such as postgres://cta_admin:chicago@127.0.0.1:5432/cta; empty: the network's own stations")
	}
	if groups&Connect != 0 {
		fs.StringVar(&s.Connect, "connect", usualConnect, "`URL` of Kafka Connect; may contain user and password")
		fs.StringVar(&connector, "connector", "auto", "connector `product`: aiven, confluent or debezium; auto: the first installed")
		fs.StringVar(&s.Connector.Name, "name", "", "the connector's `name` on the worker; empty: stations, or with another -prefix the topic's name")
		fs.BoolVar(&s.Status, "status", false, "print the connector's state and first records; create nothing")
		fs.BoolVar(&s.Delete, "delete", false, "delete the connector instead of creating it")
	}
	if groups&KSQL != 0 {
		fs.StringVar(&s.Engine, "engine", "go", "`name` of the counter: go (this process) or ksqldb (the server at -ksql; needs -layout shared)")
		fs.StringVar(&s.KSQL, "ksql", usualKSQL, "`URL` of ksqlDB")
		fs.BoolVar(&s.Drop, "drop", false, "with -engine ksqldb: delete the query, table and stream")
	}
	if groups&Worker != 0 {
		fs.StringVar(&s.Input, "input", "", "`topic` to read instead of the usual ones")
		fs.StringVar(&s.Output, "output", "", "`topic` to write instead of the usual one")
		fs.StringVar(&s.Group, "group", "", "`name` of the consumer group; the processes of a group share the partitions")
		fs.StringVar(&s.InstanceID, "instance-id", "", "stable `name` of this worker in its group: it keeps its partitions over a restart within -session-timeout; empty: none")
		fs.DurationVar(&s.SessionTimeout, "session-timeout", 10*time.Second, "`duration` of silence after which a worker's partitions move to others; brokers accept 6s to 30m")
	}
	if groups&Simulated != 0 {
		s.Speed = 20
		fs.Uint64Var(&s.Seed, "seed", 1, "the same `number` gives the same events")
		fs.Var((*speed)(&s.Speed), "speed", "`number` of simulated seconds per second, or max")
		fs.StringVar(&start, "start", "", "simulated `time` of the start, such as 2026-10-07T07:30, in the network's zone; empty: a weekday rush hour, or the end of stored data")
		fs.DurationVar(&s.For, "for", 0, "simulated `duration` after which to stop, such as 24h; 0: never")
	}
	if groups&Tracked != 0 {
		fs.StringVar(&s.TrainTracker.Key, "key", "", "`key` of the CTA's Train Tracker, free at "+traintracker.KeyURL+"; prefer the variable CTALIVE_KEY")
		fs.StringVar(&s.TrainTracker.URL, "train-tracker", traintracker.DefaultURL, "`URL` of the Train Tracker's ttpositions")
		fs.DurationVar(&s.TrainTracker.Every, "every", 15*time.Second, "`duration` between calls, from 5s to 10m")
		fs.IntVar(&s.TrainTracker.DailyBudget, "daily-budget", 50_000, "`number` of calls per day; calls become less frequent if the budget would not last")
		fs.StringVar(&s.Realtime.Vehicles, "vehicles", "", "`URL` or file of vehicle positions (GTFS-Realtime), instead of the Train Tracker; needs -network")
		fs.StringVar(&s.Realtime.Trips, "trips", "", "`URL` or file of trip updates (GTFS-Realtime), instead of the Train Tracker; needs -network")
		fs.Var((*header)(&s.Realtime.Header), "header", "`'Name: value'` of a header for the agency's feeds; may be repeated; prefer the variable CTALIVE_HEADER")
		fs.StringVar(&s.Record, "record", "", "`folder` in which to record the answers, compressed; empty: do not record")
		fs.StringVar(&s.TrainTracker.Replay, "replay", "", "`folder` of a recording to read answers from; an agency's needs -network")
		s.Speed = 1
		fs.Var((*speed)(&s.Speed), "speed", "with -replay: `number` of seconds of the recording per second, or max")
		fs.StringVar(&s.Alerts.URL, "alerts", alerts.DefaultURL, "`URL` or file of the agency's alerts, the CTA's or GTFS-Realtime; empty: none")
	}
	fs.StringVar(&network, "network", "", "`file` or folder of the network: a GTFS feed, or hand-written CSV files (see cta/data/FORMAT.md); empty: the program's own")
	fs.StringVar(&lines, "lines", "", "`line,…` to keep, by id or short name, such as red,blue; empty: all")
	fs.StringVar(&modes, "modes", "", "`mode,…` to keep: rail, metro, tram, bus, ferry; empty: all")

	return func() (faults []error) {
		var err error
		fault := func(flag, format string, a ...any) {
			faults = append(faults, fmt.Errorf("-%s: %s", flag, fmt.Sprintf(format, a...)))
		}
		if !slices.Contains([]services.Where{services.WhereAuto, services.WhereEmbedded, services.WhereExternal}, services.Where(s.Services)) {
			fault("services", "found %q, want auto, embedded or external", s.Services)
		}
		s.Brokers = strings.FieldsFunc(brokers, func(r rune) bool { return r == ',' || r == ' ' })
		if len(s.Brokers) == 0 {
			fault("brokers", "found none, want host:port,…")
		}
		for _, b := range s.Brokers {
			if _, _, err := net.SplitHostPort(b); err != nil {
				fault("brokers", "found %q, want host:port", cta.Redacted(b))
			}
		}
		checkURL := func(flag, raw string, schemes ...string) {
			u, err := url.Parse(raw)
			if raw == "" || err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme) {
				return
			}
			hint := ""
			if strings.Contains(raw, "@") { // a password may hold a part of the syntax
				hint = " (other characters of user and password percent-encoded)"
			}
			fault(flag, "found %q, want %s://host:port%s", cta.Redacted(raw), schemes[0], hint)
		}
		checkURL("registry", s.Registry, "http", "https")
		checkURL("rest-proxy", s.RESTProxy, "http", "https")
		checkURL("connect", s.Connect, "http", "https")
		checkURL("ksql", s.KSQL, "http", "https")
		if s.Engine != "" && s.Engine != "go" && s.Engine != "ksqldb" {
			fault("engine", "found %q, want go or ksqldb", s.Engine)
		}
		checkURL("postgres", s.Postgres, "postgres", "postgresql")
		if groups&Connect != 0 && connector != "auto" {
			if s.Connector.Kind, err = stations.ParseConnectorKind(connector); err != nil {
				fault("connector", "found %q, want auto, aiven, confluent or debezium", connector)
			}
		}
		if s.Status && s.Delete {
			fault("status", "not together with -delete")
		}
		if s.Topics.Layout, err = cta.ParseLayout(layout); err != nil {
			fault("layout", "%v", err)
		}
		if err := s.Topics.Check(); err != nil {
			fault("prefix", "%v", err)
		}
		addresses := map[string]string{"listen": s.health}
		if groups&Page != 0 {
			addresses = map[string]string{"listen": s.page, "metrics": s.health}
		}
		for flag, addr := range addresses {
			if _, _, err := net.SplitHostPort(addr); addr != "" && err != nil {
				fault(flag, "found %q, want host:port, as %s", addr, usualPage)
			}
		}
		if groups&Web != 0 {
			if s.Predictions, err = live.ParseSource(predictions); err != nil {
				fault("predictions", "found %q, want ours, agency or better", predictions)
			}
		}
		faults = append(faults, s.narrow(network, lines, modes)...)
		if start != "" {
			if s.Start, err = parseTime(start, s.Network.Location); err != nil {
				fault("start", "found %q, want a time as 2026-10-07T07:30", start)
			}
		}
		at := s.Start
		if groups&Tracked != 0 && s.TrainTracker.Replay == "" {
			at = time.Now()
		}
		if day := cta.DateOf(at.In(s.Network.Location)); !at.IsZero() && s.days[1] > 0 && (day < s.days[0] || day > s.days[1]) {
			fmt.Fprintf(s.Stderr, "no service on %v: the timetable of -network is of %v to %v\n", day, s.days[0], s.days[1])
		}
		if s.Wait <= 0 {
			fault("wait", "found %v, want more than 0", s.Wait)
		}
		if groups&Tracked != 0 {
			s.Realtime.Every, s.TrainTracker.Speed, s.Realtime.Speed = s.TrainTracker.Every, s.Speed, s.Speed
			replay := s.TrainTracker.Replay
			if replay != "" && network != "" {
				s.Realtime.Replay = replay
			}
			if replay == "" && s.Given("speed") {
				fault("speed", "wants -replay")
			}
			if s.Realtime.Header[""] != nil {
				fault("header", "found one without a name, want 'Name: value'")
			}
			switch agency := s.Realtime.Vehicles != "" || s.Realtime.Trips != ""; {
			case replay != "" && (agency || s.Record != ""):
				fault("replay", "not together with -vehicles, -trips and -record")
			case replay != "":
				if !s.Given("alerts") { // the recording's, not those of now
					s.Alerts.URL, s.Alerts.Replay, s.Alerts.Speed = "", replay, s.Speed
				}
			case agency && s.TrainTracker.Key != "":
				fault("key", "not together with -vehicles and -trips")
			case agency && network == "":
				fault("network", "found none, want the GTFS feed with the timetable of the agency whose trains -vehicles and -trips have")
			case agency:
				s.Alerts.Header = s.Realtime.Header
				if !s.Given("alerts") {
					s.Alerts.URL = "" // the default is the CTA's
				}
			case s.TrainTracker.Key == "":
				fault("key", "found none, want the Train Tracker key that the CTA sends: get one, free of charge, at %s. "+
					"Trains of any agency come with -network, -vehicles and -trips from its GTFS and GTFS-Realtime feeds, which need no key of the CTA: https://mobilitydatabase.org lists them", traintracker.KeyURL)
			case len(s.Realtime.Header) > 0:
				fault("header", "wants -vehicles or -trips")
			}
			for flag, source := range map[string]string{"vehicles": s.Realtime.Vehicles, "trips": s.Realtime.Trips, "alerts": s.Alerts.URL} {
				if strings.Contains(source, "://") { // else a file
					checkURL(flag, source, "https", "http")
				}
			}
			checkURL("train-tracker", s.TrainTracker.URL, "https", "http")
			if e := s.TrainTracker.Every; e < 5*time.Second || e > 10*time.Minute {
				fault("every", "found %v, want 5s to 10m", e)
			}
			if s.TrainTracker.DailyBudget < 1 {
				fault("daily-budget", "found %d, want 1 or more", s.TrainTracker.DailyBudget)
			}
		}
		if groups&Worker != 0 && s.SessionTimeout <= 0 {
			fault("session-timeout", "found %v, want more than 0", s.SessionTimeout)
		}
		if s.For < 0 {
			fault("for", "found %v, want 0 or more", s.For)
		}
		switch {
		case saslTokenFile != "" && saslTokenCommand != "":
			fault("sasl-token-file", "not together with -sasl-token-command")
		case s.sasl.Mechanism == "OAUTHBEARER" && saslTokenFile == "" && saslTokenCommand == "":
			fault("sasl", "OAUTHBEARER wants -sasl-token-file or -sasl-token-command")
		case saslTokenFile != "":
			s.sasl.Tokens = tokenFile(saslTokenFile)
		case saslTokenCommand != "":
			s.sasl.Tokens = tokenCommand(saslTokenCommand)
		}
		if s.replication < 0 || s.minInSync < 0 {
			fault("replication-factor", "want 0 or more, of -min-insync-replicas too")
		}
		if (s.tlsCert == "") != (s.tlsKey == "") {
			fault("tls-cert", "want both -tls-cert and -tls-key, or neither")
		}
		s.tls = s.tls || s.tlsCA != "" || s.tlsCert != ""
		for flag, file := range map[string]string{"tls-ca": s.tlsCA, "tls-cert": s.tlsCert, "tls-key": s.tlsKey, "token-file": s.tokenFile, "sasl-token-file": saslTokenFile} {
			if _, err := os.Stat(file); file != "" && err != nil {
				fault(flag, "%v", err)
			}
		}
		return faults
	}
}

// Options reads the values of -lines and -modes: lists with commas or spaces.
func Options(lines, modes string) (o gtfs.Options, err error) {
	list := func(text string) []string {
		return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	}
	o.Lines = list(lines)
	for _, m := range list(modes) {
		mode := cta.Mode(strings.ToLower(m))
		if !slices.Contains(cta.Modes, mode) {
			return o, fmt.Errorf("-modes: found %q, want some of rail, metro, tram, bus, ferry", m)
		}
		o.Modes = append(o.Modes, mode)
	}
	return o, nil
}

// narrow loads the network of the flags, and reduces it to their lines and modes.
func (s *Settings) narrow(network, lines, modes string) []error {
	o, err := Options(lines, modes)
	if err != nil {
		return []error{err}
	}
	if network == "" {
		only, err := gtfs.Narrow(s.Network, o)
		if err != nil {
			flag := "-lines"
			if len(o.Modes) > 0 {
				flag = "-modes"
			}
			return []error{fmt.Errorf("%s: %w", flag, err)}
		}
		s.Network = only
	} else {
		net, report, err := gtfs.Load(network, o)
		if err != nil {
			return []error{fmt.Errorf("-network: %w", err)}
		}
		s.Network = net
		if report != nil {
			fmt.Fprintln(s.Stderr, report)
			s.days = [2]cta.Date{report.From, report.To}
		}
	}
	// A topic for each station and kind: a broker has its limits.
	if n := len(s.Network.Stations); n > manyStations && !s.Given("layout") && s.Topics.Layout == cta.LayoutPerStation {
		s.Topics.Layout = cta.LayoutShared
		fmt.Fprintf(s.Stderr, "%d stations: arrivals and entries share a topic each (-layout shared)\n", n)
	}
	return nil
}

// manyStations is from how many stations on topics are shared.
const manyStations = 400

func parseTime(s string, loc *time.Location) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, nil
		}
	}
	return time.Parse(time.RFC3339, s)
}

// speed is the value of -speed.
type speed float64

func (s *speed) String() string {
	if s == nil {
		return ""
	}
	if math.IsInf(float64(*s), 1) {
		return "max"
	}
	return strconv.FormatFloat(float64(*s), 'g', -1, 64)
}

func (s *speed) Set(v string) error {
	if v == "max" {
		*s = speed(math.Inf(1))
		return nil
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f > 0) || math.IsInf(f, 0) {
		return errors.New("want a number above 0, or max")
	}
	*s = speed(f)
	return nil
}

// header is the value of -header.
type header http.Header

func (h *header) String() string { return "" }

func (h *header) Set(v string) error {
	name, value, ok := strings.Cut(v, ":")
	if !ok {
		name = "" // a fault, but package flag would print a key
	}
	if *h == nil {
		*h = header{}
	}
	http.Header(*h).Add(strings.TrimSpace(name), strings.TrimSpace(value))
	return nil
}

// usage prints what -h shows.
func (p Program) usage(fs *flag.FlagSet, w io.Writer) {
	fmt.Fprintf(w, "%s\n\nUsage: go run ./examples/%s [flags]\n\n", p.About, p.Name)
	fmt.Fprintf(w, "Each flag has an environment variable: %s for -rest-proxy.\n\n", Variable("rest-proxy"))
	fs.SetOutput(w)
	fs.PrintDefaults()
}
