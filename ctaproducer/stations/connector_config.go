package stations

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
)

// ConnectorKind is a product that reads a table for Kafka Connect.
type ConnectorKind string

// Every ConnectorKind, in the order in which a [Connector] prefers them.
const (
	// ConnectorAivenJDBC is the JDBC source of Aiven (Apache-2.0).
	ConnectorAivenJDBC ConnectorKind = "aiven"
	// ConnectorConfluentJDBC is the JDBC source of Confluent.
	ConnectorConfluentJDBC ConnectorKind = "confluent"
	// ConnectorDebezium is Debezium's source for PostgreSQL. It needs a database with
	// wal_level=logical and a user that may replicate. Unlike the other two, it also
	// reads changed and deleted rows. Its records have a key such as {"stop_id":30001},
	// and a deleted row becomes a tombstone.
	ConnectorDebezium ConnectorKind = "debezium"
)

var connectorKinds = []ConnectorKind{ConnectorAivenJDBC, ConnectorConfluentJDBC, ConnectorDebezium}

// ParseConnectorKind returns the kind that s names, or an error that lists them.
func ParseConnectorKind(s string) (ConnectorKind, error) {
	if k := ConnectorKind(s); slices.Contains(connectorKinds, k) {
		return k, nil
	}
	return "", fmt.Errorf("connector is %q, want one of %q", s, connectorKinds)
}

// class is the name of the kind's Java class, as a worker lists it.
func (k ConnectorKind) class() string {
	switch k {
	case ConnectorAivenJDBC:
		return "io.aiven.connect.jdbc.JdbcSourceConnector"
	case ConnectorConfluentJDBC:
		return "io.confluent.connect.jdbc.JdbcSourceConnector"
	case ConnectorDebezium:
		return "io.debezium.connector.postgresql.PostgresConnector"
	}
	return ""
}

// ConnectorConfig holds the settings of a [Connector]. Postgres is required.
type ConnectorConfig struct {
	// Postgres is the database as the worker reaches it, which may be another
	// address than this process uses: postgres://user:password@host:5432/cta.
	Postgres string
	// Name is the connector's name on the worker. The worker keeps a name's
	// position in the table, also after Delete. Default: "stations" with the default
	// prefix of Topics, and the topic's name with another.
	Name string
	// Kind is the product to use. Default: the first that the worker has installed, in
	// the order of the constants.
	Kind ConnectorKind
	// Topics names the topic to write, [cta.Topics.Stations].
	Topics cta.Topics
	// PollInterval is how often the JDBC sources look for new rows. From 100ms.
	// Default: 5s.
	PollInterval time.Duration
	// ReplicationFactor applies to the topic, if the worker has to create it. Default:
	// the broker's.
	ReplicationFactor int
	// Access authenticates this program at the worker. Default: the user and password in
	// its URL, if any.
	Access rest.Access
	// Timeout bounds one request. A worker itself gives up after 90s, and tries a
	// database that is away for half a minute before it refuses a configuration.
	// From 1ms to 5m. Default: 100s.
	Timeout time.Duration
	// Wait bounds the wait for a worker that is starting or rebalancing. Default: 60s.
	Wait time.Duration
	// Log receives each reason to wait once. Default: silent.
	Log *slog.Logger
	// Metrics receives the count of retries. Default: none.
	Metrics prometheus.Registerer
}

func (c ConnectorConfig) withDefaults() ConnectorConfig {
	if c.Name == "" && c.Topics.NamePrefix() == cta.DefaultPrefix {
		c.Name = "stations"
	}
	c.Name = cmp.Or(c.Name, c.Topics.Stations())
	c.PollInterval = cmp.Or(c.PollInterval, 5*time.Second)
	c.Timeout = cmp.Or(c.Timeout, 100*time.Second)
	c.Wait = cmp.Or(c.Wait, 60*time.Second)
	return c
}

var connectorName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func (c ConnectorConfig) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !connectorName.MatchString(c.Name) {
		fault("Name is %q, want letters, digits, dots, dashes and underscores", c.Name)
	}
	if c.Kind != "" && c.Kind.class() == "" {
		fault("Kind is %q, want one of %q", c.Kind, connectorKinds)
	}
	if c.PollInterval < 100*time.Millisecond {
		fault("PollInterval is %v, want 100ms or more", c.PollInterval)
	}
	if c.ReplicationFactor < 0 {
		fault("ReplicationFactor is %d, want 1 or more, or 0 for the broker's default", c.ReplicationFactor)
	}
	return errors.Join(faults...)
}

// settings returns the connector's configuration of a kind, for Kafka Connect. It
// contains the database's password.
func (c ConnectorConfig) settings(kind ConnectorKind, db *url.URL) map[string]string {
	s := map[string]string{
		"name":            c.Name,
		"connector.class": kind.class(),
		"tasks.max":       "1",
		// Bare JSON, not the envelope that carries a schema in each record.
		"key.converter":                  "org.apache.kafka.connect.json.JsonConverter",
		"key.converter.schemas.enable":   "false",
		"value.converter":                "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable": "false",
		// Without these a worker on a broker that doesn't create topics is RUNNING and
		// writes nothing. Workers before Kafka 2.6 don't know them and don't mind.
		"topic.creation.default.partitions":         "1",
		"topic.creation.default.replication.factor": strconv.Itoa(cmp.Or(c.ReplicationFactor, -1)), // -1: the broker's default
		"topic.creation.default.cleanup.policy":     "delete",
	}
	if kind == ConnectorDebezium {
		c.debeziumSettings(s, db)
	} else {
		c.jdbcSettings(s, db)
	}
	return s
}

func (c ConnectorConfig) jdbcSettings(s map[string]string, db *url.URL) {
	password, _ := db.User.Password()
	jdbc := "jdbc:postgresql://" + db.Host + db.EscapedPath()
	if db.RawQuery != "" {
		jdbc += "?" + db.RawQuery
	}
	s["connection.url"] = jdbc
	s["connection.user"] = db.User.Username()
	s["connection.password"] = password
	// Two schemas with a table of that name would make the connector fail.
	s["schema.pattern"] = "public"
	s["table.whitelist"] = stationsTable
	s["mode"] = "incrementing"
	s["incrementing.column.name"] = "stop_id"
	s["topic.prefix"] = c.Topics.NamePrefix()
	s["poll.interval.ms"] = strconv.FormatInt(c.PollInterval.Milliseconds(), 10)
	s["batch.max.rows"] = "500"
}

func (c ConnectorConfig) debeziumSettings(s map[string]string, db *url.URL) {
	password, _ := db.User.Password()
	s["database.hostname"] = db.Hostname()
	s["database.port"] = cmp.Or(db.Port(), "5432")
	s["database.user"] = db.User.Username()
	s["database.password"] = password
	s["database.dbname"] = strings.TrimPrefix(db.Path, "/")
	if mode := db.Query().Get("sslmode"); mode != "" {
		s["database.sslmode"] = mode
	}
	s["plugin.name"] = "pgoutput"
	s["snapshot.mode"] = "initial"
	s["table.include.list"] = "public." + stationsTable
	// Debezium's own name of the database; its topics are <name>.<schema>.<table>.
	server := cmp.Or(strings.Trim(c.Topics.NamePrefix(), "._-"), "cta")
	s["topic.prefix"] = server
	slot := debeziumSlot(c.Name)
	s["slot.name"] = slot
	s["publication.name"] = slot
	s["publication.autocreate.mode"] = "filtered"
	s["tombstones.on.delete"] = "true"
	// The row instead of Debezium's envelope, and the topic of the JDBC sources. With
	// the mode "tombstone" JsonConverter would write a deletion as the text null.
	s["transforms"] = "row,topic"
	s["transforms.row.type"] = "io.debezium.transforms.ExtractNewRecordState"
	s["transforms.row.delete.tombstone.handling.mode"] = "delete-to-tombstone"
	s["transforms.topic.type"] = "org.apache.kafka.connect.transforms.RegexRouter"
	s["transforms.topic.regex"] = `.*\.public\.` + stationsTable
	s["transforms.topic.replacement"] = c.Topics.Stations()
}

// debeziumSlot is the name of the replication slot and of the publication of a
// connector: PostgreSQL wants lower case and underscores, 63 at most.
func debeziumSlot(name string) string {
	slot := []byte("ctalive_" + strings.ToLower(name))
	for i, c := range slot {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			slot[i] = '_'
		}
	}
	return string(slot[:min(len(slot), 63)])
}
