// Package record holds what every part of package kafka speaks of: a record, and the
// partition that it is in.
package record

import (
	"fmt"
	"time"
)

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

// Partition is one partition of a topic.
type Partition struct {
	Topic     string
	Partition int32
}

// String returns topic/partition.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }
