package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta/tables"
)

// drains measures every peer that reads the entries.
func (b *system) drains(ctx context.Context) error {
	begun := time.Now()
	if err := b.fill(ctx, b.waiting(1), b.entries); err != nil {
		return err
	}
	fmt.Printf("\n%d entries wait in %d partitions (written at %.0f records/s)\n", b.entries, b.partitions,
		float64(b.entries)/time.Since(begun).Seconds())
	for _, p := range b.of(counts, reads) {
		if p.share > 1 {
			if err := b.fill(ctx, b.waiting(p.share), b.entries/p.share); err != nil {
				return err
			}
		}
	}
	return b.compare(ctx, b.of(counts, reads), []column{
		{"records/s", "%.0f"}, {"from the process's start", "%.0f"}, {"memory", "%.0f MB"}, {"CPU", "%.1f s"},
	}, b.drain)
}

// waiting is the topic of the share-th part of the entries.
func (b *system) waiting(share int) string { return fmt.Sprintf("%swaiting%d", b.tag, share) }

// drain runs a peer until it has read or counted all entries.
func (b *system) drain(ctx context.Context, p peer) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	run, output, err := b.start(p, b.waiting(p.share))
	if err != nil {
		return nil, err
	}
	want := b.entries / p.share
	begun := time.Now()
	var done progress
	if p.does == counts {
		done, err = b.counted(ctx, run, output, want)
	} else {
		done, err = run.announced(ctx)
	}
	u := run.end()
	if err == nil && done.n < want {
		err = fmt.Errorf("%d of %d entries", done.n, want)
	}
	if err != nil {
		return nil, run.fault(err)
	}
	return []float64{
		float64(done.n-done.firstN) / done.last.Sub(done.first).Seconds(), float64(done.n) / done.last.Sub(begun).Seconds(), u.peak, u.cpu,
	}, nil
}

// progress is how far a peer has come, and when it was first and last seen to.
type progress struct {
	n, firstN   int
	first, last time.Time
}

func (p *progress) reach(n int, at time.Time) {
	if p.first.IsZero() {
		p.firstN, p.first = n, at
	}
	p.n, p.last = n, at
}

// counted follows the counts that a process commits until all entries are in them.
func (b *system) counted(ctx context.Context, run *process, output string, want int) (p progress, err error) {
	ctx, cancel := run.guard(ctx)
	defer cancel()
	counts := make(map[int]int64)
	var sum int64
	err = b.follow(ctx, output, func(c tables.TurnstileCount) bool {
		sum += c.Count - counts[c.StationID]
		counts[c.StationID] = c.Count
		p.reach(int(sum), time.Now())
		return sum < int64(want)
	})
	return p, err
}

// announced waits until a process has ended, and reads when it began and ended
// reading: lines of "n time", the time in nanoseconds.
func (p *process) announced(ctx context.Context) (done progress, err error) {
	select {
	case <-p.gone:
	case <-ctx.Done():
		return done, ctx.Err()
	}
	file, err := os.Open(p.log)
	if err != nil {
		return done, err
	}
	defer file.Close()
	for in := bufio.NewScanner(file); in.Scan(); {
		n, at, _ := strings.Cut(in.Text(), " ")
		records, err1 := strconv.Atoi(n)
		ns, err2 := strconv.ParseInt(at, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return done, err
		}
		done.reach(records, time.Unix(0, ns))
	}
	return done, p.err
}
