package kafka

import (
	"context"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/member"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// Aliases of package record, which links no Kafka client.
type (
	Record    = record.Record    // a Kafka record
	Header    = record.Header    // a named value beside a record
	Partition = record.Partition // one partition of a topic

	Match      = record.Match      // a choice of topics
	ReadConfig = record.ReadConfig // the settings of [Client.Read]

	TransformConfig = record.TransformConfig // the settings of [Client.Transform]
	Transformer     = record.Transformer     // the work done by [Client.Transform]
	Assigned        = record.Assigned        // a partition that a member receives
	Progress        = record.Progress        // a member's progress in its partitions
)

// ErrFenced is returned by [Client.Transform] when another process has taken
// over this one's identity. Nothing is lost: start again.
var ErrFenced = member.ErrFenced

// Transform reads, transforms and publishes in transactions, as a member of a group,
// until ctx ends. Then Transform commits its work, leaves the group and returns nil,
// within 5 s whatever of the cluster hangs; t and the [TokenSource] must end with their
// contexts. A static member does not leave: see [TransformConfig]. Otherwise Transform
// returns [ErrFenced], or the error of t. While the cluster is away, Transform waits and
// retries.
//
// A partition without a position in the group is read from its oldest record. One
// transaction runs at a time; the records that arrive meanwhile form the next. So a quiet
// topic is committed record by record. Under load, transactions grow to some 130,000 records
// or 16 MB.
func (c *Client) Transform(ctx context.Context, cfg TransformConfig, t Transformer) error {
	return member.Run(ctx, c.cl, c.cfg.Log, c.cfg.Metrics, cfg, t)
}
