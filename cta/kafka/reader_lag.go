package kafka

import "github.com/IBM/sarama"

// readLag is how many records one reader has yet to handle. It is asked of the
// cluster, and not taken from what arrives: nothing does while a reader is stuck.
// It belongs to the scout.
type readLag struct {
	r  *reader
	of map[string]int64 // by topic, as the metric has it
}

// look measures the lag. A reader that stops at the end is too short for that; what
// can't be asked now will be the next time.
func (l *readLag) look() {
	if l.r.stopAtEnd {
		return
	}
	leaders := make(map[Partition]int32)
	l.r.mu.Lock()
	for p, cur := range l.r.cursors {
		leaders[p] = cur.leader
	}
	l.r.mu.Unlock()
	ends, err := offsets(l.r.sc, leaders, func(Partition) int64 { return sarama.OffsetNewest })
	if err != nil {
		return
	}
	behind := make(map[string]int64)
	l.r.mu.Lock()
	for p, end := range ends {
		if cur := l.r.cursors[p]; cur != nil {
			behind[p.Topic] += max(end-cur.handled, 0)
		}
	}
	l.r.mu.Unlock()
	l.tell(behind)
}

// tell gives the metric a reader's lag instead of its last one. Readers of one
// topic add up.
func (l *readLag) tell(behind map[string]int64) {
	gauge := l.r.client.stats.readLag
	for topic, n := range l.of {
		if _, ok := behind[topic]; !ok {
			gauge.WithLabelValues(topic).Sub(float64(n))
		}
	}
	for topic, n := range behind {
		gauge.WithLabelValues(topic).Add(float64(n - l.of[topic]))
	}
	l.of = behind
}
