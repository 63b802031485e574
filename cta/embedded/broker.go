package embedded

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/seed-921eec07/ctalive/internal/topicname"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// broker is kfake with the few answers in which it differs from Kafka put right.
type broker struct {
	cluster *kfake.Cluster
	ln      *guardListener
	cleaner *cleaner
	dir     string             // empty when it's in memory
	refused *kfake.FaultHandle // of the request in hand, see refuse
}

// Sizes in bytes at which a log's segment is full, on disk and in memory. What
// retention or compaction drops goes by whole segments, so they are small here.
const (
	diskSegment   = 16 << 20
	memorySegment = 32 << 10
)

// versions returns the request versions of the newest Kafka that kfake supports, except
// two that crash Java clients: CreateTopics from version 5 (settings without a source)
// and DescribeTopicPartitions (null instead of a list; Metadata has the same content).
func versions() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(kmsg.CreateTopics.Int16(), 4)
	v.SetMaxKeyVersion(kmsg.DescribeTopicPartitions.Int16(), -1)
	return v
}

func startBroker(ln net.Listener, dir string, cfg Config) (*broker, error) {
	b := &broker{ln: newGuardListener(ln), dir: dir}
	segment := memorySegment
	if dir != "" {
		segment = diskSegment
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("ctalive-embedded"),
		kfake.MaxVersions(versions()),
		kfake.DefaultNumPartitions(1), // Kafka's num.partitions
		kfake.ListenFn(func(string, string) (net.Listener, error) { return b.ln, nil }),
		kfake.WithLogger(brokerLog{cfg.Log, b.stop}),
		kfake.BrokerConfigs(map[string]string{
			"log.segment.bytes":      strconv.Itoa(segment),
			"log.cleaner.backoff.ms": "3153600000000", // a century: see cleaner
		}),
	}
	if dir != "" {
		opts = append(opts, kfake.DataDir(dir))
		err := spare{dir}.restore()
		if err == nil {
			err = restoreLogs(dir)
		}
		if err != nil {
			return nil, fmt.Errorf("embedded: Kafka broker: data directory: %w", err)
		}
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("embedded: Kafka broker: %w", err)
	}
	b.cluster = cluster
	b.refused = cluster.Fault()
	for _, key := range []kmsg.Key{kmsg.CreateTopics, kmsg.AlterConfigs, kmsg.IncrementalAlterConfigs} {
		b.control(key, b.refuse)
	}
	b.control(kmsg.Metadata, b.createWanted)
	if dir != "" {
		c := &commitments{cluster: cluster, dir: dir, pending: make(map[int64]map[int16][]committedOffset), written: -1}
		b.control(kmsg.TxnOffsetCommit, c.staged)
		for key, write := range map[kmsg.Key]func(kmsg.Request) error{
			kmsg.AddPartitionsToTxn: c.begins, kmsg.AddOffsetsToTxn: c.begins, kmsg.EndTxn: c.ends,
		} {
			b.control(key, func(req kmsg.Request) kmsg.Response {
				if b.ln.stopped.Load() { // what is written down isn't done yet
					return req.ResponseKind()
				}
				if err := write(req); err != nil {
					b.stop()
					cfg.Log.Error("embedded broker: "+diskFault, "err", err)
					return req.ResponseKind() // which nobody gets
				}
				return nil
			})
		}
	}
	b.control(kmsg.OffsetFetch, b.fetchUnknownGroup)
	if b.cleaner, err = startCleaner(cluster, b.ln, cfg, dir); err != nil {
		cluster.Close()
		return nil, fmt.Errorf("embedded: Kafka broker: %w", err)
	}
	return b, nil
}

// controlRenewal is the number of requests after which a control is renewed. kfake keeps
// the last request of every connection that a control has seen: an old control would
// hold every connection.
const controlRenewal = 1000

// control has fn look at every request of a kind. fn returns nil for a request
// that kfake is to answer itself.
func (b *broker) control(key kmsg.Key, fn func(kmsg.Request) kmsg.Response) {
	var n atomic.Int64
	b.cluster.ControlKey(key.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if n.Add(1) == controlRenewal {
			b.cluster.DropControl()
			b.control(key, fn)
		} else {
			b.cluster.KeepControl()
		}
		resp := fn(req)
		return resp, nil, resp != nil
	})
}

// createWanted creates the topics that a client requests with leave to create them, as
// brokers do by default. kfake itself would neither check the name nor store the topic.
func (b *broker) createWanted(kreq kmsg.Request) kmsg.Response {
	req := kreq.(*kmsg.MetadataRequest)
	if !req.AllowAutoTopicCreation && req.Version >= 4 {
		return nil
	}
	for _, t := range req.Topics {
		if t.Topic == nil || *t.Topic == "" {
			continue
		}
		if !topicname.Legal(*t.Topic) {
			b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: *t.Topic, Err: kerr.InvalidTopicException})
			continue
		}
		if b.cluster.TopicInfo(*t.Topic) == nil {
			// A failure shows as the unknown topic that kfake then answers.
			_ = b.cluster.CreateTopic(*t.Topic, -1, nil)
		}
	}
	return nil
}

// fetchUnknownGroup answers a client that asks for the positions of groups that
// don't exist: there are none, which to Kafka is no error, but to kfake is. A
// request about several groups of which some exist is left to kfake.
func (b *broker) fetchUnknownGroup(kreq kmsg.Request) kmsg.Response {
	req := kreq.(*kmsg.OffsetFetchRequest)
	resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	if req.Version <= 7 {
		if req.Group == "" || b.cluster.GroupInfo(req.Group) != nil {
			return nil
		}
		for _, t := range req.Topics {
			rt := kmsg.NewOffsetFetchResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetFetchResponseTopicPartition()
				rp.Partition, rp.Offset, rp.LeaderEpoch = p, -1, -1
				rp.Metadata = kmsg.StringPtr("")
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	}
	for _, g := range req.Groups {
		if g.Group == "" || b.cluster.GroupInfo(g.Group) != nil {
			return nil
		}
		rg := kmsg.NewOffsetFetchResponseGroup()
		rg.Group = g.Group
		for _, t := range g.Topics {
			rt := kmsg.NewOffsetFetchResponseGroupTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
				rp.Partition, rp.Offset, rp.LeaderEpoch = p, -1, -1
				rp.Metadata = kmsg.StringPtr("")
				rt.Partitions = append(rt.Partitions, rp)
			}
			rg.Topics = append(rg.Topics, rt)
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return resp
}

// stop ends all answers and keeps the logs as they are. kfake would still append to them:
// the end of a transaction without its markers, and its memory at shutdown.
func (b *broker) stop() {
	if b.ln.stop() && b.dir != "" {
		setLogsAside(b.dir)
	}
}

// close stops the broker and waits until its connections are gone.
func (b *broker) close() {
	b.cleaner.close() // kfake must not be asked for anything once it is closed
	b.cluster.Close()
	b.ln.wait()
	if b.dir == "" || !b.ln.stopped.Load() {
		return
	}
	// kfake has written its memory down, which is ahead of the logs: the next start
	// is to read these alone.
	files, _ := filepath.Glob(filepath.Join(b.dir, "partitions", "*", "snapshot.json")) // the pattern is right
	for _, f := range append(files, filepath.Join(b.dir, "session_state.json"), sequencesPath(b.dir)) {
		_ = os.Remove(f) // it may not be there
	}
}

// brokerLog passes kfake's log on. Its warnings and informational lines are about
// single requests, so they count as debugging here.
type brokerLog struct {
	log  *slog.Logger
	stop func()
}

const diskFault = "it stops, because its data directory can't be written: nothing that was acknowledged is lost; make room and start it again"

// Logf passes a line to the log. After a failed write, kfake would continue with more in
// memory than on disk. Kafka's brokers halt then, and so does this one: it answers no
// further request.
func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	for _, failed := range []string{"persist ", "rebuildSegments ", "endTx: failed to persist"} {
		if strings.HasPrefix(format, failed) {
			l.stop()
			l.log.Error("embedded broker: "+diskFault, "err", fmt.Sprintf(format, args...))
			return
		}
	}
	switch level {
	case kfake.LogLevelError:
		l.log.Error("embedded broker: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Debug("embedded broker: " + fmt.Sprintf(format, args...))
	}
}
