package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/internal/retry"
	"github.com/seed-921eec07/ctalive/internal/topicname"
)

const (
	// topicsPerRequest bounds one request to create topics, so that the controller
	// finishes well within its time-out.
	topicsPerRequest = 200
	topicsTimeout    = 30 * time.Second
	brokersTimeout   = 10 * time.Second // for all brokers to know new topics
	createTimeout    = 15 * time.Second // of one request, as sent to the controller
)

// TopicSpec describes a topic. The client's [Config] sets its replication factor.
type TopicSpec struct {
	Name       string
	Partitions int32
	Settings   map[string]string // topic settings, such as "cleanup.policy"
}

// EventTopic returns a topic that holds events for a week.
func EventTopic(name string, partitions int32) TopicSpec {
	return TopicSpec{Name: name, Partitions: partitions, Settings: map[string]string{
		"cleanup.policy":         "delete",
		"retention.ms":           ms(7 * 24 * time.Hour),
		"message.timestamp.type": "CreateTime", // the dashboard derives its clock from the producer's
	}}
}

// TableTopic returns a compacted topic: the latest value of each key.
func TableTopic(name string, partitions int32) TopicSpec {
	return TopicSpec{Name: name, Partitions: partitions, Settings: map[string]string{
		"cleanup.policy": "compact",
		// The active segment is never compacted, and readers of a table read all of it.
		// By default it grows to 1 GB or a week: millions of records at a thousand a
		// second. 4 MB are some forty thousand, read in a fifth of a second.
		"segment.bytes": fmt.Sprint(4 << 20),
		"segment.ms":    ms(time.Hour),
		// Compact when a tenth is superseded, not half.
		"min.cleanable.dirty.ratio": "0.1",
		// A reader that needs longer than this for the table may miss deletions.
		"delete.retention.ms":    ms(24 * time.Hour),
		"message.timestamp.type": "CreateTime",
	}}
}

func ms(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

func (s TopicSpec) validate() error {
	var faults []error
	if !topicname.Legal(s.Name) {
		faults = append(faults, fmt.Errorf("topic name is %q, want 1 to 249 letters, digits, dots, dashes or underscores", s.Name))
	}
	if s.Partitions < 1 {
		faults = append(faults, fmt.Errorf("topic %s: Partitions is %d, want 1 or more", s.Name, s.Partitions))
	}
	return errors.Join(faults...)
}

// EnsureTopics creates the missing topics, in batches. It returns when every partition
// has a leader and all brokers know that. A topic that exists is not changed; differences
// from its TopicSpec are logged as warnings. The error names every topic that could not
// be created, and why.
func (c *Client) EnsureTopics(ctx context.Context, topics ...TopicSpec) error {
	var faults []error
	want := make(map[string]TopicSpec, len(topics))
	for _, t := range topics {
		faults = append(faults, t.validate())
		want[t.Name] = t
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("kafka: settings: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Wait, fmt.Errorf("not done within %v", c.cfg.Wait))
	defer cancel()
	view, err := c.look(ctx, func(cluster.Trouble) {})
	if err != nil {
		return fmt.Errorf("kafka: create topics: %w", err)
	}
	var missing, existing []TopicSpec
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if view.Topics[name] != nil {
			existing = append(existing, want[name])
		} else {
			missing = append(missing, want[name])
		}
	}
	faults = nil
	for chunk := range slices.Chunk(missing, topicsPerRequest) {
		faults = append(faults, c.createTopics(ctx, chunk))
	}
	if err = errors.Join(faults...); err == nil {
		err = c.awaitLeaders(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("kafka: create topics: %w", err)
	}
	c.warnOfOneReplica(want)
	for chunk := range slices.Chunk(existing, topicsPerRequest) {
		c.warnOfDifferences(ctx, chunk)
	}
	return nil
}

// createTopics creates topics in one request. Topics that exist by now are no error.
func (c *Client) createTopics(ctx context.Context, specs []TopicSpec) error {
	for told := false; ; {
		req := sarama.NewCreateTopicsRequest(c.cl.Version(), c.details(specs), createTimeout, false)
		var resp *sarama.CreateTopicsResponse
		err := c.cl.Ask(ctx, cluster.Controller(), createTimeout+cluster.RequestTimeout, cluster.Send((*sarama.Broker).CreateTopics, req, cluster.Into(&resp)))
		if err != nil {
			if retry.Pause(ctx, 250*time.Millisecond) != nil {
				return c.serviceError(c.cl.Explain(err))
			}
			continue // a retry finds topics that this attempt created
		}
		var again []TopicSpec
		var faults []error
		for _, s := range specs {
			te := resp.TopicErrors[s.Name]
			if te == nil {
				te = &sarama.TopicError{Err: sarama.ErrUnknown} // missing from the answer
			}
			switch te.Err {
			case sarama.ErrNoError, sarama.ErrTopicAlreadyExists:
				continue
			case sarama.ErrInvalidReplicationFactor: // while a cluster starts, brokers are missing
				if !told {
					c.cfg.Log.Warn("waiting for brokers to create topics", "reason", te.Error(), "for", c.cfg.Wait)
				}
				told = true
				again = append(again, s)
			case sarama.ErrNotController, sarama.ErrRequestTimedOut:
				again = append(again, s)
			}
			faults = append(faults, fmt.Errorf("topic %s: %w", s.Name, te))
		}
		if len(again) < len(faults) || len(again) == 0 {
			return errors.Join(faults...)
		}
		if retry.Pause(ctx, 100*time.Millisecond) != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), errors.Join(faults...))
		}
		c.cl.Invalidate()
		specs = again
	}
}

func (c *Client) details(specs []TopicSpec) map[string]*sarama.TopicDetail {
	replication := int16(cmp.Or(c.cfg.ReplicationFactor, -1)) // -1: the broker's default, since Kafka 2.4 (KIP-464)
	d := make(map[string]*sarama.TopicDetail, len(specs))
	for _, s := range specs {
		entries := make(map[string]*string, len(s.Settings))
		for k, v := range s.Settings {
			entries[k] = &v
		}
		if c.cfg.MinInSyncReplicas > 0 {
			n := strconv.Itoa(c.cfg.MinInSyncReplicas)
			entries["min.insync.replicas"] = &n
		}
		d[s.Name] = &sarama.TopicDetail{NumPartitions: s.Partitions, ReplicationFactor: replication, ConfigEntries: entries}
	}
	return d
}

// awaitLeaders waits until the metadata, which trails creation, shows the topics,
// so that the next writer need not wait. A topic that the metadata showed before, although it
// was deleted, is created again.
func (c *Client) awaitLeaders(ctx context.Context, want map[string]TopicSpec) error {
	created := time.Now()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		view, err := c.cl.Refresh(ctx)
		lacks := lacking(view, want)
		if lacks == "" {
			c.awaitBrokers(ctx, view, want)
			return nil
		}
		if err == nil && view.Topics[lacks] == nil && time.Since(created) > time.Second {
			if err := c.createTopics(ctx, []TopicSpec{want[lacks]}); err != nil {
				return err
			}
			created = time.Now()
		}
		if retry.Pause(ctx, wait) != nil {
			return fmt.Errorf("%w: topic %s has no leader yet: %w", context.Cause(ctx), lacks, cmp.Or(err, ctx.Err()))
		}
	}
}

// lacking returns a topic that the view shows as not writable, or "".
func lacking(view *cluster.View, want map[string]TopicSpec) string {
	for name := range want {
		if view == nil || view.Topics[name] == nil || len(view.Topics[name].Leaders) == 0 || slices.Min(view.Topics[name].Leaders) < 0 {
			return name
		}
	}
	return ""
}

// awaitBrokers waits a while until each broker that answers knows the topics: other
// clients may ask another broker.
func (c *Client) awaitBrokers(ctx context.Context, view *cluster.View, want map[string]TopicSpec) {
	ctx, cancel := context.WithTimeout(ctx, brokersTimeout)
	defer cancel()
	for id := range view.Brokers {
		for {
			known, err := c.cl.Metadata(ctx, cluster.Broker(id), nil)
			if err != nil || lacking(known, want) == "" || retry.Pause(ctx, 20*time.Millisecond) != nil {
				break
			}
		}
	}
}

// warnOfOneReplica warns of topics with one replica in a cluster of several brokers:
// a lost broker loses their events.
func (c *Client) warnOfOneReplica(want map[string]TopicSpec) {
	view := c.cl.View()
	brokers := len(view.Brokers)
	if brokers < 2 {
		return
	}
	var alone []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if t := view.Topics[name]; t != nil && t.Replicas == 1 {
			alone = append(alone, name)
		}
	}
	if len(alone) > 0 {
		c.cfg.Log.Warn("topics have one replica on a cluster of several brokers: records are unavailable while their broker is down, and lost with its disk",
			"topics", len(alone), "first", alone[0], "brokers", brokers,
			"hint", "set default.replication.factor of the cluster, or Config.ReplicationFactor, before the topics are created")
	}
}

// warnOfDifferences compares existing topics with their specs.
func (c *Client) warnOfDifferences(ctx context.Context, specs []TopicSpec) {
	resources := make([]*sarama.ConfigResource, 0, len(specs))
	byName := make(map[string]TopicSpec, len(specs))
	for _, s := range specs {
		byName[s.Name] = s
		if t := c.cl.View().Topics[s.Name]; t != nil && int32(len(t.Leaders)) != s.Partitions {
			c.cfg.Log.Warn("topic exists with another number of partitions",
				"topic", s.Name, "partitions", len(t.Leaders), "wanted", s.Partitions)
		}
		if len(s.Settings) > 0 {
			resources = append(resources, &sarama.ConfigResource{
				Type: sarama.TopicResource, Name: s.Name, ConfigNames: slices.Sorted(maps.Keys(s.Settings)),
			})
		}
	}
	if len(resources) == 0 {
		return
	}
	var resp *sarama.DescribeConfigsResponse
	req := &sarama.DescribeConfigsRequest{Version: 2, Resources: resources}
	err := c.cl.Ask(ctx, cluster.Any(), cluster.RequestTimeout, cluster.Send((*sarama.Broker).DescribeConfigs, req, cluster.Into(&resp)))
	if err != nil {
		c.cfg.Log.Warn("topics exist; their settings could not be compared", "reason", c.cl.Explain(err).Text)
		return
	}
	for _, r := range resp.Resources {
		if r.ErrorCode != 0 {
			c.cfg.Log.Warn("topic exists; its settings could not be compared", "topic", r.Name, "err", sarama.KError(r.ErrorCode))
			continue
		}
		for _, e := range r.Configs {
			if want, ok := byName[r.Name].Settings[e.Name]; ok && want != e.Value {
				c.cfg.Log.Warn("topic exists with another setting", "topic", r.Name, "setting", e.Name, "is", e.Value, "wanted", want)
			}
		}
	}
}

// Topics returns the names of the topics that match, sorted.
func (c *Client) Topics(ctx context.Context, match Match) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, topicsTimeout, fmt.Errorf("no answer within %v", topicsTimeout))
	defer cancel()
	view, err := c.look(ctx, func(cluster.Trouble) {})
	if err != nil {
		return nil, fmt.Errorf("kafka: list topics: %w", err)
	}
	names := slices.Sorted(maps.Keys(view.Topics))
	return slices.DeleteFunc(names, func(name string) bool { return !match(name) }), nil
}
