package main

import (
	"slices"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Lines open while things break: half of them at first have no station of their
// own in the topics. Whenever one opens, the producer is started anew with it, and
// creates the topics of its stations, which the workers have to find.

// openLines returns the lines that are open, those of -lines or all, less the ones
// that open later.
func (h *run) openLines() []string {
	lines := h.allLines()
	return lines[:len(lines)-h.unopened]
}

func (h *run) allLines() (ids []string) {
	for _, l := range h.network.Lines {
		ids = append(ids, l.ID)
	}
	return ids
}

// holdBack has half of the lines open later. In the shared layout a new station
// has no topic of its own.
func (h *run) holdBack() {
	if h.s.chosen("line-opens") && h.s.topics().Layout == cta.LayoutPerStation {
		h.unopened = len(h.network.Lines) / 2
	}
}

// openLine opens n more lines, if there are any.
func (h *run) openLine(n int) bool {
	h.mu.Lock()
	n = min(n, h.unopened)
	h.unopened -= n
	h.mu.Unlock()
	if n == 0 {
		return false
	}
	h.producer.kill()
	_ = h.producer.start() // tried again by mend
	return true
}

func (h *run) openNetwork() *cta.Network {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unopened == 0 {
		return h.network
	}
	open, err := h.network.Only(h.openLines()...)
	if err != nil {
		return h.network // the lines are its own
	}
	return open
}

// openTopics returns the topics of entries of the stations that are open.
func (h *run) openTopics() []string { return h.topicsOf(h.openNetwork()) }

// entryTopics returns the topics of all entries, also those that open later.
func (h *run) entryTopics() []string { return h.topicsOf(h.network) }

func (h *run) topicsOf(network *cta.Network) (topics []string) {
	for _, s := range network.Stations {
		topics = append(topics, h.s.topics().Turnstiles(s))
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// acknowledged notes when the first entries of stations were acknowledged. h.mu is held.
func (h *run) acknowledged(acked map[int]int64, now time.Time) {
	for station, n := range acked {
		if _, known := h.firstAck[station]; !known && n > 0 {
			h.firstAck[station] = now
		}
	}
}

// found returns how long it took, for the stations that opened late, from their
// first acknowledged entry to their first published count.
func (h *run) found() (took []time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.network.Stations {
		acked, counted := h.firstAck[s.ID], h.stalls.firstCount(s.ID)
		if !h.openFirst[s.ID] && !acked.IsZero() && !counted.IsZero() {
			took = append(took, max(counted.Sub(acked), 0))
		}
	}
	slices.Sort(took)
	return took
}

// chosen reports whether faults of a kind are wanted.
func (s *settings) chosen(kind string) bool {
	return s.only == "" || strings.Contains(","+s.only+",", ","+kind+",")
}
