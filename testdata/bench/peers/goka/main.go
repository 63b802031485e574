// Goka counts the entries at each station with lovoo/goka: brokers, group, topic of
// entries, topic of counts.
//
// The entries' key is the time, so that counting by station wants a loop topic. Of a
// value it decodes the station's id alone. State is in memory; the topics of the loop
// and of the table have the partitions of the entries. All else is goka's default.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/codec"
	"github.com/lovoo/goka/storage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, []string{os.Args[1]}, goka.Group(os.Args[2]), goka.Stream(os.Args[3]), goka.Stream(os.Args[4])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, brokers []string, group goka.Group, entries, counts goka.Stream) error {
	conf := goka.DefaultConfig()
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest // entries wait
	goka.ReplaceGlobalConfig(conf)
	topics := goka.NewTopicManagerConfig()
	topics.Table.Replication, topics.Stream.Replication = 1, 1 // one broker
	p, err := goka.NewProcessor(brokers, goka.DefineGroup(group,
		goka.Input(entries, new(codec.Bytes), func(ctx goka.Context, value any) {
			station, _ := binary.Varint(value.([]byte)[5:]) // after the frame
			ctx.Loopback(strconv.FormatInt(station, 10), int64(1))
		}),
		goka.Loop(new(codec.Int64), func(ctx goka.Context, n any) {
			count, _ := ctx.Value().(int64)
			count += n.(int64)
			ctx.SetValue(count)
			ctx.Emit(counts, ctx.Key(), fmt.Appendf(nil, `{"STATION_ID":%s,"COUNT":%d}`, ctx.Key(), count))
		}),
		goka.Output(counts, new(codec.Bytes)),
		goka.Persist(new(codec.Int64)),
	), goka.WithStorageBuilder(storage.MemoryBuilder()), goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(conf, topics)))
	if err != nil {
		return err
	}
	return p.Run(ctx)
}
