package record

import (
	"context"
	"time"
)

// TransformConfig holds the settings of a member of a consumer group: of
// Client.Transform in package kafka. Group and Match are required.
type TransformConfig struct {
	Group string // consumer group; its members share the partitions
	Match Match  // topics to read, including those that appear later
	// InstanceID, if set, makes this a static member. It must be unique in the group.
	// The member keeps its partitions over a restart within the session time-out. If the
	// member ends for good, they stay idle for that time.
	InstanceID string
	// Refresh is the interval of looking for topics. Default: 2s.
	Refresh time.Duration
	// SessionTimeout is how long a member may be silent before its partitions move to
	// other members. A shorter one detects a dead process sooner; brokers accept from 6s
	// to 30m by default. Default: 10s.
	SessionTimeout time.Duration
	// Progress, if not nil, receives the member's progress every Refresh, even when no
	// records arrive. A leader that hangs delays it by up to 2 s. It must be quick.
	// Default: none.
	Progress func(Progress)
}

// Progress is a member's progress in its partitions: see [TransformConfig].
type Progress struct {
	Partitions int   // of this member
	Behind     int64 // uncommitted records in them, including transaction markers not read yet
	// CaughtUp reports that the member works, and has committed all records that its
	// partitions held at the last look. A member without partitions or topics has caught
	// up.
	CaughtUp bool
	Err      error // why the progress is unknown; else nil
}

// Assigned is a partition that a member receives.
type Assigned struct {
	Partition
	TopicID    string // assigned by the cluster when the topic was created; empty before Kafka 2.8
	Partitions int32  // of the topic
	End        int64  // the offset of the partition's next record when the group's position was read
}

// Transformer is the work of a member. Its methods, and the functions that Assign
// returns, are called one at a time. Only Needs and Assign may run in parallel with the
// others.
type Transformer interface {
	// Needs returns the partitions that Assign reads for an assigned partition. While
	// one of them has no leader, only the assigned partition waits. Needs may be called
	// at any time.
	Needs(Assigned) []Partition
	// Assign reads the state of assigned partitions before their first record. Their
	// positions are known and they have a leader: everything published for them is
	// readable.
	//
	// Assign may take long: neither the group nor the member's other partitions wait. So
	// Assign must not touch what Transform and Revoke use: the returned install sets the
	// state. install is called at once, then Revoke for assigned partitions that have
	// moved elsewhere meanwhile. When the member is lost, ctx ends and the result is
	// dropped. Assign is called again after the error that a partition has no leader.
	Assign(ctx context.Context, assigned []Assigned) (install func(), err error)
	// Revoke is called after the last record of partitions that move elsewhere.
	Revoke(lost []Partition)
	// Transform returns the records to publish for a batch of records read. These
	// records and the batch's positions are committed together, or not at all. If not at
	// all, Revoke and Assign are called for every partition before its records are
	// passed again. The next batch may come before the last one is committed. A batch
	// holds up to 8,192 records, and 8 MB or one record. The batch is valid only during
	// the call; the bytes of its records stay valid.
	Transform(ctx context.Context, batch []Record) ([]Record, error)
}
