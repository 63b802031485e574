package kafka

import "github.com/seed-921eec07/ctalive/cta/kafka/record"

// What is read and sent. The types are in a package of their own, as the parts of this
// one share them.
type (
	// Record is a Kafka record.
	Record = record.Record
	// Header is a named value beside a record.
	Header = record.Header
	// Partition is one partition of a topic.
	Partition = record.Partition
)
