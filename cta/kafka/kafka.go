package kafka

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config holds the settings of a [Client]. Brokers is required.
type Config struct {
	Brokers  []string    // host:port
	ClientID string      // default: "ctalive"
	TLS      *tls.Config // nil: plain text
	SASL     SASL
	// Wait bounds how long Connect waits for a broker to answer. Default: 30s.
	Wait time.Duration
	// Log receives connection trouble, retries and rebalances. Default: silent.
	Log *slog.Logger
	// Metrics receives the package's metrics. Default: none.
	Metrics prometheus.Registerer
}

// SASL is how a client identifies itself. The zero value: not at all.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User      string
	Password  string
}

// Client is a connection to one Kafka cluster, safe for concurrent use.
type Client struct{}

// Connect waits, up to cfg.Wait, until the cluster answers. The error is a
// [*cta.ServiceError] when it doesn't, or lists every wrong setting.
func Connect(ctx context.Context, cfg Config) (*Client, error) { panic("TODO") }

// Close closes the client. What was made from it must be closed before.
func (c *Client) Close() error { panic("TODO") }

// TopicSpec is a topic as it should be.
type TopicSpec struct {
	Name       string
	Partitions int32
	Config     map[string]string // topic settings, as "cleanup.policy"
}

// EventTopic returns a topic that holds events for a week.
func EventTopic(name string, partitions int32) TopicSpec { panic("TODO") }

// TableTopic returns a compacted topic: the latest value of each key.
func TableTopic(name string, partitions int32) TopicSpec { panic("TODO") }

// EnsureTopics creates the topics that are missing, in batches. A topic that
// exists is left as it is; if it differs from what is wanted, that is logged as
// a warning.
func (c *Client) EnsureTopics(ctx context.Context, topics ...TopicSpec) error { panic("TODO") }

// Topics returns the names of the topics that match, sorted.
func (c *Client) Topics(ctx context.Context, match Match) ([]string, error) { panic("TODO") }

// Match says whether a topic is meant. Topics that appear later are asked about too.
type Match func(topic string) bool

// Names returns a Match for just those topics.
func Names(topics ...string) Match { panic("TODO") }

// AnyOf returns a Match for topics that at least one of matches means.
func AnyOf(matches ...Match) Match { panic("TODO") }

// Record is a Kafka record.
type Record struct {
	Topic     string
	Partition int32 // of a record that was read
	Offset    int64 // of a record that was read
	Key       []byte
	Value     []byte // nil: a tombstone in a compacted topic
	Headers   []Header
	// Time is the record's own timestamp, wall clock. When zero, a record sent
	// gets the time of sending.
	Time time.Time
	// PartitionBy chooses the partition of a record sent, by Java's murmur2. When
	// nil, Key does; when both are nil the partition is any.
	PartitionBy []byte
}

// Header is a named value beside a record.
type Header struct {
	Key   string
	Value []byte
}

// Codec encodes values of one Go type as the keys or the values of a topic, and
// decodes them. It is safe for concurrent use. Its two families of
// implementations, Avro and JSON, are in package wire.
type Codec[T any] interface {
	Encode(ctx context.Context, topic string, v T) ([]byte, error)
	Decode(ctx context.Context, topic string, data []byte) (T, error)
}

// Format joins the codecs of a kind of record: those of its key and its value.
type Format[K, V any] struct {
	Key   Codec[K]
	Value Codec[V]
}

// Record encodes k and v as a record for a topic.
func (f Format[K, V]) Record(ctx context.Context, topic string, k K, v V) (Record, error) {
	panic("TODO")
}

// Decode decodes a record's key and value. The error says which of both failed.
func (f Format[K, V]) Decode(ctx context.Context, r Record) (K, V, error) { panic("TODO") }

// ProducerConfig holds the optional settings of a [Producer].
type ProducerConfig struct {
	// MaxBuffered bounds the records accepted and not yet acknowledged: Send
	// blocks when they are reached. Default: 16384.
	MaxBuffered int
}

// Producer sends records, idempotently and in order within a partition,
// acknowledged by all in-sync replicas.
type Producer struct{}

// NewProducer returns a producer. Close it.
func (c *Client) NewProducer(cfg ProducerConfig) (*Producer, error) { panic("TODO") }

// Send accepts r for delivery. It blocks while MaxBuffered records wait, until
// ctx ends. done, if not nil, is called once from another goroutine with the
// outcome; a failure that no done was told of is returned by the next Flush or Close.
func (p *Producer) Send(ctx context.Context, r Record, done func(error)) error { panic("TODO") }

// Flush waits until all records accepted before the call are delivered. It
// returns the failures since the last Flush.
func (p *Producer) Flush(ctx context.Context) error { panic("TODO") }

// Close delivers what was accepted, for up to 5 s, and returns the failures that
// nobody was told of.
func (p *Producer) Close() error { panic("TODO") }

// Start says where a reader begins.
type Start struct{ _ int }

// FromStart begins at the oldest record.
func FromStart() Start { panic("TODO") }

// FromEnd begins at the records that come after the call.
func FromEnd() Start { panic("TODO") }

// FromTime begins at the first record whose timestamp is t or later.
func FromTime(t time.Time) Start { panic("TODO") }

// ReaderConfig holds the settings of [Client.Read]. Match is required.
type ReaderConfig struct {
	Match Match
	// Start is where topics that exist at the call are begun; those that appear
	// later are read from their oldest record. Default: FromStart.
	Start func(topic string) Start
	// CaughtUp, if not nil, is called once, when every record that was there at
	// the call has been handled, from the goroutine that calls handle.
	CaughtUp func()
	// Refresh is how often topics are looked for. Default: 2s.
	Refresh time.Duration
	// StopAtEnd makes Read return nil once it has caught up.
	StopAtEnd bool
}

// Read reads committed records of all partitions of the matching topics, without
// a group, and passes them to handle, one at a time and in order within a
// partition. It returns nil when ctx ends, and handle's error when it returns one.
// The cluster going away is not an error: Read goes on when it is back.
func (c *Client) Read(ctx context.Context, cfg ReaderConfig, handle func(context.Context, Record) error) error {
	panic("TODO")
}
