package restproxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// codeNoTopic is the code of a topic that doesn't exist.
const codeNoTopic = 40401

func errNoTopic() *fault { return refuse(http.StatusNotFound, codeNoTopic, "Topic not found.") }

func errNoPartition() *fault { return refuse(http.StatusNotFound, 40402, "Partition not found.") }

// metadataTimeout bounds a look at the cluster.
const metadataTimeout = 10 * time.Second

// ask asks the cluster about topics, without having them created; about all
// when none is named.
func (h *Handler) ask(ctx context.Context, topics ...string) (*kmsg.MetadataResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(t)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, h.client)
	if err != nil {
		h.log.Warn("REST Proxy: cannot read the topics from the broker", "err", err)
		return nil, refuse(http.StatusServiceUnavailable, 50302, "Broker not available")
	}
	return resp, nil
}

// metadata asks about one topic.
func (h *Handler) metadata(ctx context.Context, topic string) (kmsg.MetadataResponseTopic, error) {
	resp, err := h.ask(ctx, topic)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	for _, t := range resp.Topics {
		if t.Topic == nil || *t.Topic != topic {
			continue
		}
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case err == nil:
			slices.SortFunc(t.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int {
				return int(a.Partition) - int(b.Partition)
			})
			return t, nil
		case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.InvalidTopicException):
			return t, errNoTopic()
		default:
			return t, fmt.Errorf("topic %s: %w", topic, err)
		}
	}
	return kmsg.MetadataResponseTopic{}, errNoTopic()
}

func (h *Handler) topics(r *http.Request) (any, error) {
	resp, err := h.ask(r.Context())
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, t := range resp.Topics {
		if t.Topic != nil && !t.IsInternal {
			names = append(names, *t.Topic)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (h *Handler) brokers(r *http.Request) (any, error) {
	resp, err := h.ask(r.Context())
	if err != nil {
		return nil, err
	}
	ids := []int32{}
	for _, b := range resp.Brokers {
		ids = append(ids, b.NodeID)
	}
	slices.Sort(ids)
	return map[string][]int32{"brokers": ids}, nil
}

// partitionInfo is a partition as the API shows it.
type partitionInfo struct {
	Partition int32         `json:"partition"`
	Leader    int32         `json:"leader"`
	Replicas  []replicaInfo `json:"replicas"`
}

type replicaInfo struct {
	Broker int32 `json:"broker"`
	Leader bool  `json:"leader"`
	InSync bool  `json:"in_sync"`
}

func infos(t kmsg.MetadataResponseTopic) []partitionInfo {
	all := make([]partitionInfo, len(t.Partitions))
	for i, p := range t.Partitions {
		all[i] = partitionInfo{Partition: p.Partition, Leader: p.Leader, Replicas: []replicaInfo{}}
		for _, b := range p.Replicas {
			all[i].Replicas = append(all[i].Replicas, replicaInfo{b, b == p.Leader, slices.Contains(p.ISR, b)})
		}
	}
	return all
}

func (h *Handler) partitions(r *http.Request) (any, error) {
	t, err := h.metadata(r.Context(), r.PathValue("topic"))
	if err != nil {
		return nil, err
	}
	return infos(t), nil
}

func (h *Handler) partition(r *http.Request) (any, error) {
	n, err := strconv.Atoi(r.PathValue("partition"))
	if err != nil {
		return nil, httpFault(http.StatusNotFound)
	}
	t, err := h.metadata(r.Context(), r.PathValue("topic"))
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= len(t.Partitions) {
		return nil, errNoPartition()
	}
	return infos(t)[n], nil
}

// topicInfo is a topic as the API shows it.
type topicInfo struct {
	Name       string            `json:"name"`
	Configs    map[string]string `json:"configs"`
	Partitions []partitionInfo   `json:"partitions"`
}

func (h *Handler) topic(r *http.Request) (any, error) {
	name := r.PathValue("topic")
	t, err := h.metadata(r.Context(), name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), metadataTimeout)
	defer cancel()
	req := kmsg.NewPtrDescribeConfigsRequest()
	rr := kmsg.NewDescribeConfigsRequestResource()
	rr.ResourceType, rr.ResourceName = kmsg.ConfigResourceTypeTopic, name
	req.Resources = append(req.Resources, rr)
	resp, err := req.RequestWith(ctx, h.client)
	if err != nil {
		return nil, fmt.Errorf("settings of topic %s: %w", name, err)
	}
	info := topicInfo{Name: name, Configs: map[string]string{}, Partitions: infos(t)}
	for _, res := range resp.Resources {
		if err := kerr.ErrorForCode(res.ErrorCode); err != nil {
			return nil, fmt.Errorf("settings of topic %s: %w", name, err)
		}
		for _, c := range res.Configs {
			if c.Value != nil {
				info.Configs[c.Name] = *c.Value
			}
		}
	}
	return info, nil
}
