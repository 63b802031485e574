package kafka

import (
	"context"
	"errors"
	"time"
)

// ErrFenced is returned by [Client.Transform] when another process has taken
// over this one's identity. Nothing is lost: start again.
var ErrFenced = errors.New("kafka: fenced by a newer member")

// Partition is one partition of a topic.
type Partition struct {
	Topic     string
	Partition int32
}

// TransformConfig holds the settings of [Client.Transform]. Group and Match are
// required.
type TransformConfig struct {
	Group string // consumer group; its members share the partitions
	Match Match  // topics to read; those that appear later are picked up
	// InstanceID, if set, makes this a static member: a restart within the session
	// time-out keeps its partitions. It must be unique in the group.
	InstanceID string
	// Refresh is how often topics are looked for. Default: 2s.
	Refresh time.Duration
}

// Transformer is the work done by [Client.Transform]. Its methods are called one at
// a time.
type Transformer interface {
	// Assign is called before the first record of partitions that were given to
	// this member, to restore their state.
	Assign(ctx context.Context, gained []Partition) error
	// Revoke is called after the last record of partitions that go elsewhere.
	Revoke(lost []Partition)
	// Transform returns the records to publish for a batch of records read. What
	// it returns and the batch's positions are committed together, or not at all;
	// then Revoke and Assign follow for every partition before any of its records
	// comes again.
	Transform(ctx context.Context, batch []Record) ([]Record, error)
}

// Transform reads, transforms and publishes in transactions, as a member of a
// group, until ctx ends; then it commits what it has, leaves the group and
// returns nil. It returns [ErrFenced], or the error of t.
func (c *Client) Transform(ctx context.Context, cfg TransformConfig, t Transformer) error {
	panic("TODO")
}
