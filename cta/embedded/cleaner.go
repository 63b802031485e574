package embedded

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// cleaner has kfake apply retention and compaction, so that a long run does not grow for
// ever. kfake's own timer is off, because its cleaning differs from Kafka's:
//
//   - It drops committed records in favor of later ones of an open transaction. If the
//     transaction is aborted, the key is lost. So kfake may compact only without open
//     transactions.
//   - It drops records of compacted topics by age, too. So these topics are set to keep
//     them.
//   - It keeps every marker of a producer with a remaining record: see restate.
//   - With a data directory, it rewrites a compacted partition in place: see spare.
type cleaner struct {
	cluster *kfake.Cluster
	client  *kgo.Client
	log     *slog.Logger
	every   time.Duration // between two looks
	spare   spare
	atLeast int64       // growth in bytes that makes compaction worth it
	stopped func() bool // whether the broker can't write any more
	atMost  int64       // bytes of events to keep; 0: as many as their retention lets

	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	closed  bool
	waiting bool         // for a moment without open transactions
	size    int64        // of all compacted topics after the last compaction
	own     kmsg.Request // the cleaner's own restatement, which compaction follows

	grown map[partition]int64 // ends of partitions at the last look, see shorten
}

const (
	// cleanEvery is the time between two looks by default: Kafka looks at retention every five
	// minutes and at compaction every 15 seconds. A simulation at full speed writes 10 MB a minute.
	cleanEvery = 15 * time.Second
	// compactAtLeast is far above what this project's tables hold, so that they are
	// compacted for their repetitions only.
	compactAtLeast = 8 << 20
	cleanTimeout   = 10 * time.Second
	// memoryAtMost is about four hours of the 'L', which has 700,000 events of 150 bytes
	// a day. kfake's index doubles that. Workers and page in the same process have read
	// these records long before, and a new process begins without any.
	memoryAtMost = 16 << 20
)

func startCleaner(cluster *kfake.Cluster, ln *guardListener, cfg Config, dir string) (*cleaner, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(ln.Addr().String()), kgo.ClientID("ctalive-embedded-cleaner"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &cleaner{
		cluster: cluster, client: client, log: cfg.Log, every: cmp.Or(cfg.CleanEvery, cleanEvery), spare: spare{dir}, stopped: ln.stopped.Load,
		atLeast: cmp.Or(cfg.CompactAfter, compactAtLeast), cancel: cancel, done: make(chan struct{}),
	}
	if dir == "" {
		c.atMost = memoryAtMost
	}
	go c.run(ctx)
	return c, nil
}

func (c *cleaner) run(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.clean(ctx); err != nil && ctx.Err() == nil {
				c.log.Warn("embedded broker: retention failed; retrying", "err", err)
			}
		}
	}
}

func (c *cleaner) close() {
	c.cancel()
	<-c.done
	c.client.Close()
	// A compaction at the end of a wait holds the lock. None begins after this.
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
}

// clean applies retention, and has compaction done if it is worth it.
func (c *cleaner) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cleanTimeout)
	defer cancel()
	resp, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	var tables, events []string
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		policy := c.setting(*t.Topic, "cleanup.policy")
		if !strings.Contains(policy, "compact") {
			events = append(events, *t.Topic)
			continue
		}
		tables = append(tables, *t.Topic)
		if policy == "compact" && c.setting(*t.Topic, "retention.ms") != "-1" {
			if err := c.keep(ctx, *t.Topic); err != nil {
				return err
			}
		}
	}
	c.cluster.ApplyRetention()
	if err := c.shorten(ctx, events); err != nil {
		return err
	}

	size, _ := c.state(tables)
	c.mu.Lock()
	due := !c.waiting && size-c.size >= c.atLeast
	c.mu.Unlock()
	if !due {
		return nil
	}
	err = c.restate(ctx, tables)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compactWhenQuiet(tables)
	return err
}

// compactWhenQuiet compacts ahead of the first request that finds no
// transaction open. kfake handles one request at a time, so none begins
// meanwhile; and while there are no requests, nothing grows. c.mu is held.
func (c *cleaner) compactWhenQuiet(tables []string) {
	if c.waiting {
		return
	}
	c.waiting = true
	c.cluster.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed || req == c.own {
			return nil, nil, false
		}
		if _, open := c.state(tables); open {
			return nil, nil, false
		}
		c.cluster.DropControl()
		c.waiting, c.own = false, nil
		if err := c.spare.keep(c.partitions(tables)); err != nil {
			c.log.Warn("embedded broker: compaction failed; retrying", "err", err)
			return nil, nil, false
		}
		before, _ := c.state(tables)
		c.cluster.Compact()
		if c.stopped() {
			return nil, nil, false // the next start goes back to the spare files
		}
		c.spare.drop(c.log)
		c.size, _ = c.state(tables)
		c.log.Info("embedded broker: tables compacted", "bytes_before", before, "bytes", c.size)
		return nil, nil, false
	})
}

func (c *cleaner) partitions(topics []string) map[string][]int32 {
	found := make(map[string][]int32)
	for _, t := range topics {
		for _, p := range c.cluster.PartitionInfos(t) {
			found[t] = append(found[t], p.Partition)
		}
	}
	return found
}

func (c *cleaner) state(topics []string) (size int64, open bool) {
	for _, t := range topics {
		for _, p := range c.cluster.PartitionInfos(t) {
			size += p.NumBytes
			open = open || p.LastStableOffset < p.HighWatermark
		}
	}
	return size, open
}

// setting returns a topic's own setting, empty if it has none.
func (c *cleaner) setting(topic, name string) string {
	info := c.cluster.TopicInfo(topic)
	if info == nil || info.Configs[name] == nil {
		return ""
	}
	return *info.Configs[name]
}

// keep sets a topic to keep records of any age, as a compacted one does.
func (c *cleaner) keep(ctx context.Context, topic string) error {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	conf := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	conf.Name, conf.Value, conf.Op = "retention.ms", kmsg.StringPtr("-1"), kmsg.IncrementalAlterConfigOpSet
	res.Configs = append(res.Configs, conf)
	req.Resources = append(req.Resources, res)
	_, err := req.RequestWith(ctx, c.client)
	return err
}
