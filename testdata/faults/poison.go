package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// poisonKey is the key of every record that the harness means to be unreadable.
const poisonKey = "poison"

// poisons are values that nobody can read as an entry. The last one names a schema
// that the registry doesn't have, which has to be asked to know that.
var poisons = [][]byte{nil, {}, {0, 0}, []byte("no Avro"), {0, 0x7f, 0xff, 0xff, 0xff, 2, 4, 6}}

// poison writes a few unreadable records to topics of entries. What becomes of them
// is found out in the end: those that got there are read with the entries.
func (h *run) poison(seed uint64) bool {
	rng := rand.New(rand.NewPCG(seed, 0))
	topics := h.openTopics()
	for range 1 + rng.IntN(10) {
		topic := topics[rng.IntN(len(topics))]
		h.poisoner.Produce(context.Background(), &kgo.Record{
			Topic: topic, Key: []byte(poisonKey), Value: poisons[rng.IntN(len(poisons))],
		}, nil)
	}
	return true
}

func (h *run) newPoisoner() (*kgo.Client, error) {
	return kgo.NewClient(append(h.options(), kgo.RecordDeliveryTimeout(2*time.Minute), kgo.UnknownTopicRetries(20))...)
}

// origin is where a dead letter comes from.
type origin struct {
	source
	offset int64
}

// parseLetter reads from its headers where a dead letter comes from, and why.
func parseLetter(r *kgo.Record) (o origin, reason string, err error) {
	headers := make(map[string]string)
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	n, err1 := strconv.ParseInt(headers["partition"], 10, 32)
	offset, err2 := strconv.ParseInt(headers["offset"], 10, 64)
	if e := cmp.Or(err1, err2); e != nil || headers["topic"] == "" || headers["reason"] == "" {
		return o, "", fmt.Errorf("dead letter at offset %d has headers %v, want topic, partition, offset and reason (%v)", r.Offset, headers, e)
	}
	return origin{source{headers["topic"], int32(n)}, offset}, headers["reason"], nil
}

// judgeLetters holds the dead letters against the bad records: one of each.
func judgeLetters(bad, letters map[origin]int) (faults []string) {
	for o := range bad {
		if n := letters[o]; n != 1 {
			faults = append(faults, fmt.Sprintf("unreadable record at offset %d of %s/%d has %d dead letters", o.offset, o.topic, o.partition, n))
		}
	}
	for o := range letters {
		if bad[o] == 0 {
			faults = append(faults, fmt.Sprintf("dead letter of offset %d of %s/%d, which isn't unreadable", o.offset, o.topic, o.partition))
		}
	}
	slices.Sort(faults)
	return faults
}

// deadLetters reads all dead letters, and counts them by origin and by reason.
func (h *run) deadLetters(ctx context.Context) (letters map[origin]int, reasons map[string]int, err error) {
	letters, reasons = make(map[origin]int), make(map[string]int)
	err = readAll(ctx, h.options(), []string{h.s.topics().DeadLetter()}, func(r *kgo.Record) error {
		o, reason, err := parseLetter(r)
		if err != nil {
			return err
		}
		letters[o]++
		reasons[reason]++
		return nil
	})
	return letters, reasons, err
}

// tally prints counts by name.
func tally(counts map[string]int) string {
	var text string
	for i, name := range slices.Sorted(maps.Keys(counts)) {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %d", name, counts[name])
	}
	return cmp.Or(text, "none")
}
