package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The control is a group of another client, franz-go's, that does the same kind of work
// beside the workers: it reads the entries, and publishes in transactions, for each
// station, how far it is. Its stalls are measured as theirs are, and each of its members is
// killed, paused and ended with the worker of the same number.

const (
	controlTopic = "control"
	groupsTopic  = 6 // partitions of the topic of groups, and of that of transactions
	workersGroup = "faults"
)

// controlGroup is the name of the control's group: one that has the workers'
// coordinator, so that what befalls one befalls the other.
var controlGroup = func() string {
	for n := 0; ; n++ {
		if name := "control-" + strconv.Itoa(n); javaHash(name)%groupsTopic == javaHash(workersGroup)%groupsTopic {
			return name
		}
	}
}()

// javaHash is String.hashCode without its sign, by which brokers choose the partition
// of a group.
func javaHash(s string) int32 {
	var h int32
	for _, c := range []byte(s) {
		h = 31*h + int32(c)
	}
	return h & 0x7fffffff
}

// runControl is a member of the control.
func runControl(ctx context.Context, s *settings) error {
	h := &run{s: s}
	var err error
	if h.network, err = s.network(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := controlMember(ctx, s, h.entryTopics(), s.name); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return nil
}

// controlMember works until something fails that franz-go doesn't mend by itself.
func controlMember(ctx context.Context, s *settings, topics []string, id string) error {
	member, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(s.seeds()...), kgo.ConsumerGroup(controlGroup), kgo.ConsumeTopics(topics...),
		kgo.TransactionalID(id), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(s.session), kgo.DefaultProduceTopic(controlTopic),
		kgo.FetchMaxWait(s.session/2))
	if err != nil {
		return err
	}
	defer member.Close()
	for ctx.Err() == nil {
		fetches := member.PollRecords(ctx, 10_000)
		if fetches.NumRecords() == 0 {
			continue
		}
		far := make(map[int]int64)
		for r := range fetches.RecordsAll() {
			if station, _, err := parseEntry(r.Key, r.Value); err == nil { // else it is one that nobody can read
				far[station] = r.Offset
			}
		}
		if err := member.Begin(); err != nil {
			return err
		}
		failed := kgo.AbortingFirstErrPromise(member.Client())
		for station, offset := range far {
			member.Produce(ctx, &kgo.Record{Key: []byte(strconv.Itoa(station)), Value: binary.AppendVarint(nil, offset)}, failed.Promise())
		}
		if _, err := member.End(ctx, failed.Err() == nil); err != nil {
			return err
		}
	}
	return nil
}
