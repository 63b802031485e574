package kafka

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

// A producer whose broker is away takes records until its buffer is full, and its
// memory stays where it is then, however long it goes on trying.
func TestMemoryIsBoundedWhileTheBrokerIsAway(t *testing.T) {
	for _, tt := range []struct {
		name   string
		size   int     // bytes of a record
		atMost int     // records accepted
		heap   float64 // MB
	}{
		{"small records", 1 << 10, 16384, 64},
		{"large records", 900_000, maxBufferedBytes/900_000 + 1, 128},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster, c := newPair(t)
			ensure(t, c, EventTopic("t", 4))
			send(t, c, text("t", "the producer's way is known"))
			p := newProducer(t, c, ProducerConfig{})
			if err := p.Send(t.Context(), text("t", "first"), nil); err != nil {
				t.Fatal(err)
			}
			if err := p.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := heapMB()
			cluster.Close()

			accepted := 0
			fill := func(limit time.Duration) {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				for {
					err := p.Send(ctx, Record{Topic: "t", Value: bytes.Repeat([]byte{1}, tt.size)}, nil)
					if errors.Is(err, context.DeadlineExceeded) {
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					accepted++
				}
			}
			fill(time.Second)
			full, batches := heapMB()-before, accepted
			fill(time.Second / 2)
			later := heapMB() - before
			t.Logf("%d records of %d bytes wait, %.0f MB; %.0f MB after more attempts", batches, tt.size, full, later)
			if batches == 0 || accepted > tt.atMost {
				t.Errorf("%d records accepted, want 1 to %d", accepted, tt.atMost)
			}
			if full > tt.heap || later > tt.heap {
				t.Errorf("they take %.0f MB, later %.0f MB, want at most %.0f", full, later, tt.heap)
			}
			p.cancel() // what waits can't be delivered any more
		})
	}
}

// heapMB is what the heap holds.
func heapMB() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}
