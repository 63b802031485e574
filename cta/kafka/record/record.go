// Package record defines the types that all parts of package kafka share: a record, and
// its partition.
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
