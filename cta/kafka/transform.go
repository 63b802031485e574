package kafka

import (
	"context"

	"github.com/seed-921eec07/ctalive/cta/kafka/member"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

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

// What [Client.Transform] takes and tells: see package member.
type (
	// TransformConfig holds the settings of [Client.Transform].
	TransformConfig = member.Config
	// Transformer is the work done by [Client.Transform].
	Transformer = member.Transformer
	// Gained is a partition that a member is given.
	Gained = member.Gained
	// Progress is how far a member of a group is.
	Progress = member.Progress
)

// ErrFenced is returned by [Client.Transform] when another process has taken
// over this one's identity. Nothing is lost: start again.
var ErrFenced = member.ErrFenced

// Transform reads, transforms and publishes in transactions, as a member of a
// group, until ctx ends; then it commits what it has, leaves the group and
// returns nil. It returns [ErrFenced], or the error of t. The cluster going away
// is not an error: Transform goes on when it is back.
//
// A partition that the group has no position of is read from its oldest record.
// One transaction is under way at a time; the records that come meanwhile make up
// the next. So a quiet topic is committed record by record, and a busy one in
// transactions that grow with the load: up to 32,768 records, and 8 MB.
func (c *Client) Transform(ctx context.Context, cfg TransformConfig, t Transformer) error {
	return member.Run(ctx, c.cl, c.cfg.Log, c.cfg.Metrics, cfg, t)
}
