package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta/tables"
)

// drained is one run of a peer over the entries that wait.
type drained struct {
	rate  float64       // records a second, from the first progress seen to the last
	whole float64       // the same from the start of the process
	first time.Duration // from the start of the process to the first progress
	usage
}

// drains measures every peer.
func (b *system) drains(ctx context.Context) error {
	topic := b.tag + "waiting"
	begun := time.Now()
	if err := b.fill(ctx, topic); err != nil {
		return err
	}
	fmt.Printf("\n%d entries wait in %d partitions (written at %.0f records/s)\n", b.settings.entries, b.partitions,
		float64(b.settings.entries)/time.Since(begun).Seconds())
	results := make(map[string][]drained)
	fmt.Printf("%-8s %12s %16s %8s %9s %8s   %s\n", "", "records/s", "from the start", "first", "peak RSS", "CPU", "load")
	for run := range b.runs {
		for _, p := range b.turn(run) {
			d, err := b.drain(ctx, p, topic)
			if err != nil {
				return fmt.Errorf("drain by %s: %w", p.name, err)
			}
			results[p.name] = append(results[p.name], d)
			d.print(p.name)
		}
	}
	fmt.Println("medians")
	ours := median(results["ours"], func(d drained) float64 { return d.rate })
	for _, p := range b.peers {
		all := results[p.name]
		m := drained{
			rate:  median(all, func(d drained) float64 { return d.rate }),
			whole: median(all, func(d drained) float64 { return d.whole }),
			first: median(all, func(d drained) time.Duration { return d.first }),
			usage: usage{median(all, func(d drained) int64 { return d.peak }), median(all, func(d drained) time.Duration { return d.cpu })},
		}
		m.print(p.name)
		if p.name != "ours" {
			fmt.Printf("         ours / %s: %.2f\n", p.name, ours/m.rate)
		}
	}
	return nil
}

func (d drained) print(name string) {
	fmt.Printf("%-8s %12.0f %16.0f %7.2fs %6.0f MB %7.2fs   %s\n", name, d.rate, d.whole, d.first.Seconds(), float64(d.peak)/1024, d.cpu.Seconds(), load())
}

// drain runs a peer until it has read or counted all entries.
func (b *system) drain(ctx context.Context, p peer, topic string) (drained, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	run, output, err := b.start(p, topic)
	if err != nil {
		return drained{}, err
	}
	begun := time.Now()
	var done progress
	if p.counts {
		done, err = b.counted(ctx, run, output)
	} else {
		done, err = run.announced(ctx)
	}
	u := run.end()
	if err == nil && done.n < b.settings.entries {
		err = fmt.Errorf("%d of %d entries", done.n, b.settings.entries)
	}
	if err != nil {
		return drained{}, run.fault(err)
	}
	return drained{
		rate:  float64(done.n-done.firstN) / done.last.Sub(done.first).Seconds(),
		whole: float64(done.n) / done.last.Sub(begun).Seconds(),
		first: done.first.Sub(begun),
		usage: u,
	}, nil
}

// progress is how far a peer has come, and when it was first and last seen to.
type progress struct {
	n, firstN   int
	first, last time.Time
}

func (p *progress) reach(n int, at time.Time) {
	if p.n == 0 {
		p.firstN, p.first = n, at
	}
	p.n, p.last = n, at
}

// counted follows the counts that a process commits until all entries are in them.
func (b *system) counted(ctx context.Context, run *process, output string) (p progress, err error) {
	ctx, cancel := run.guard(ctx)
	defer cancel()
	counts := make(map[int]int64)
	var sum int64
	err = b.follow(ctx, output, func(c tables.TurnstileCount) bool {
		sum += c.Count - counts[c.StationID]
		counts[c.StationID] = c.Count
		p.reach(int(sum), time.Now())
		return sum < int64(b.settings.entries)
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

// median returns the middle one of what value gives.
func median[T any, V cmp.Ordered](all []T, value func(T) V) V {
	values := make([]V, len(all))
	for i, v := range all {
		values[i] = value(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
