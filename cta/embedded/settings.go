package embedded

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/internal/topicname"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicSettings are the topic settings that Kafka 4.3 knows, with their valid values.
var topicSettings = map[string]func(string) bool{
	"cleanup.policy":                          listOf("delete", "compact"),
	"compression.gzip.level":                  whole(-1, 9),
	"compression.lz4.level":                   whole(1, 17),
	"compression.type":                        oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
	"compression.zstd.level":                  whole(-131072, 22),
	"delete.retention.ms":                     whole(0, math.MaxInt64),
	"file.delete.delay.ms":                    whole(0, math.MaxInt64),
	"flush.messages":                          whole(1, math.MaxInt64),
	"flush.ms":                                whole(0, math.MaxInt64),
	"follower.replication.throttled.replicas": anyText,
	"index.interval.bytes":                    whole(0, math.MaxInt32),
	"leader.replication.throttled.replicas":   anyText,
	"local.retention.bytes":                   whole(-2, math.MaxInt64),
	"local.retention.ms":                      whole(-2, math.MaxInt64),
	"max.compaction.lag.ms":                   whole(1, math.MaxInt64),
	"max.message.bytes":                       whole(0, math.MaxInt32),
	"message.timestamp.after.max.ms":          whole(0, math.MaxInt64),
	"message.timestamp.before.max.ms":         whole(0, math.MaxInt64),
	"message.timestamp.type":                  oneOf("CreateTime", "LogAppendTime"),
	"min.cleanable.dirty.ratio":               ratio,
	"min.compaction.lag.ms":                   whole(0, math.MaxInt64),
	"min.insync.replicas":                     whole(1, math.MaxInt32),
	"preallocate":                             boolean,
	"remote.log.copy.disable":                 boolean,
	"remote.log.delete.on.disable":            boolean,
	"remote.storage.enable":                   boolean,
	"retention.bytes":                         whole(math.MinInt64, math.MaxInt64),
	"retention.ms":                            whole(-1, math.MaxInt64),
	"segment.bytes":                           whole(14, math.MaxInt32),
	"segment.index.bytes":                     whole(4, math.MaxInt32),
	"segment.jitter.ms":                       whole(0, math.MaxInt64),
	"segment.ms":                              whole(1, math.MaxInt64),
	"unclean.leader.election.enable":          boolean,
}

// listSettings are the topic settings that are lists, to which values can be added.
var listSettings = []string{"cleanup.policy", "follower.replication.throttled.replicas", "leader.replication.throttled.replicas"}

func anyText(string) bool { return true }

func whole(least, most int64) func(string) bool {
	return func(text string) bool {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		return err == nil && n >= least && n <= most
	}
}

func oneOf(words ...string) func(string) bool {
	return func(text string) bool { return slices.Contains(words, text) }
}

func listOf(words ...string) func(string) bool {
	return func(text string) bool {
		for item := range strings.SplitSeq(text, ",") {
			if !slices.Contains(words, strings.TrimSpace(item)) {
				return false
			}
		}
		return true
	}
}

func boolean(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	return text == "true" || text == "false"
}

func ratio(text string) bool {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err == nil && f >= 0 && f <= 1
}

// validSetting reports whether a topic's setting can be set to a value.
func validSetting(name string, value *string) bool {
	valid, known := topicSettings[name]
	return known && value != nil && valid(*value)
}

// refuse makes kfake refuse what Kafka refuses. kfake itself accepts every topic name, and
// every setting with any value.
func (b *broker) refuse(kreq kmsg.Request) kmsg.Response {
	b.refused.Remove() // of the last request, where kfake didn't come to them
	var faults []kfake.Fault
	key := kmsg.Key(kreq.Key())
	switch req := kreq.(type) {
	case *kmsg.CreateTopicsRequest:
		for _, t := range req.Topics {
			switch {
			case !topicname.Legal(t.Topic):
				faults = append(faults, kfake.Fault{Keys: []kmsg.Key{key}, Topic: t.Topic, Err: kerr.InvalidTopicException})
			case slices.ContainsFunc(t.Configs, func(c kmsg.CreateTopicsRequestTopicConfig) bool { return !validSetting(c.Name, c.Value) }):
				faults = append(faults, kfake.Fault{Keys: []kmsg.Key{key}, Topic: t.Topic, Err: kerr.InvalidConfig})
			}
		}
	case *kmsg.AlterConfigsRequest:
		for _, r := range req.Resources {
			if r.ResourceType == kmsg.ConfigResourceTypeTopic &&
				slices.ContainsFunc(r.Configs, func(c kmsg.AlterConfigsRequestResourceConfig) bool { return !validSetting(c.Name, c.Value) }) {
				faults = append(faults, kfake.Fault{Keys: []kmsg.Key{key}, Resource: r.ResourceName, Err: kerr.InvalidConfig})
			}
		}
	case *kmsg.IncrementalAlterConfigsRequest:
		for _, r := range req.Resources {
			if r.ResourceType == kmsg.ConfigResourceTypeTopic && slices.ContainsFunc(r.Configs, invalidChange) {
				faults = append(faults, kfake.Fault{Keys: []kmsg.Key{key}, Resource: r.ResourceName, Err: kerr.InvalidConfig})
			}
		}
	}
	b.refused = b.cluster.Fault(faults...)
	return nil
}

func invalidChange(c kmsg.IncrementalAlterConfigsRequestResourceConfig) bool {
	switch c.Op {
	case kmsg.IncrementalAlterConfigOpDelete:
		_, known := topicSettings[c.Name]
		return !known
	case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
		return !slices.Contains(listSettings, c.Name) || !validSetting(c.Name, c.Value)
	}
	return !validSetting(c.Name, c.Value)
}
