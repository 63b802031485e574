// Package record defines the types of package kafka that need no Kafka client: a record,
// its partition, and the settings of reading and of transforming. Package kafka has an
// alias of each. Import record alone to provide records from elsewhere.
package record

import (
	"fmt"
	"time"
)

// Record is a Kafka record.
type Record struct {
	Topic     string
	Partition int32 // set in records that were read
	Offset    int64 // set in records that were read
	Key       []byte
	Value     []byte // nil: a tombstone in a compacted topic
	Headers   []Header
	// Time is the record's own timestamp, wall clock. A record sent with the zero value
	// gets the time of sending.
	Time time.Time
	// PartitionBy selects the partition of a record sent, by Java's murmur2. When nil,
	// Key does; when both are nil, any partition may be used.
	PartitionBy []byte
}

// Header is a named value beside a record.
type Header struct {
	Key   string
	Value []byte
}

// Partition is one partition of a topic.
type Partition struct {
	Topic     string
	Partition int32
}

// String returns topic/partition.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }

// Match reports whether to read a topic, also one that appears later.
type Match func(topic string) bool

// ReadConfig holds the settings of Client.Read in package kafka. Match is required.
type ReadConfig struct {
	Match Match
	// Since returns the earliest timestamp to read of a topic that exists at the call.
	// Topics that appear later are read whole. Default: all, as of time zero.
	Since func(topic string) time.Time
	// CaughtUp, if not nil, is called once, on the goroutine that calls handle, when
	// every record that existed at the call has been handled.
	CaughtUp func()
	// Refresh is the interval of looking for topics. Default: 2s.
	Refresh time.Duration
	// StopAtEnd makes Read return nil once it has caught up.
	StopAtEnd bool
}
