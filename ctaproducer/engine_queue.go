package ctaproducer

import (
	"math"
	"time"
)

// A happening is something that will happen to one thing at one time.
type happening struct {
	at   time.Duration
	seq  uint64 // decides between happenings of the same time: first come, first served
	kind happeningKind

	// The thing that it happens to: one of these, as the kind says.
	train      *train
	platform   *platform
	dispatcher *dispatcher
	call       *call
	reading    *reading
	journey    *journey
}

type happeningKind uint8

const (
	hourBegins    happeningKind = iota
	readingDue                  // reading: the weather hardware reports
	slotDue                     // dispatcher: a train is intended to leave
	callDue                     // call: a train is wanted on a platform
	trainDue                    // train: it has come before its next platform
	journeyDue                  // journey: a trip of the timetable calls, or its call is over
	trainReady                  // train: its dwell, or its hold, is over
	trainRepaired               // train: its breakdown is over
	platformFree                // platform: the train that left it is clear
)

// queue is a binary heap of happenings, the earliest on top.
type queue struct {
	heap []happening
	seq  uint64
}

func (q *queue) top() time.Duration {
	if len(q.heap) == 0 {
		return math.MaxInt64
	}
	return q.heap[0].at
}

func (q *queue) before(i, j int) bool {
	a, b := &q.heap[i], &q.heap[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (q *queue) push(h happening) {
	q.seq++
	h.seq = q.seq
	q.heap = append(q.heap, h)
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.before(i, parent) {
			return
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

func (q *queue) pop() happening {
	h := q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = happening{}
	q.heap = q.heap[:last]
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < last && q.before(child, least) {
				least = child
			}
		}
		if least == i {
			return h
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}
