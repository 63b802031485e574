package restproxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
		h.log.Warn("REST Proxy: no metadata", "err", err)
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
