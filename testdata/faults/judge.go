package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// verdict is what the run has shown.
type verdict struct {
	entries    int64
	acked      int64
	counts     int
	claims     int64          // published counts that were held against the entries they count
	bad        int            // records that nobody can read
	letters    map[string]int // dead letters, by reason
	mismatches []string
}

// ledger holds what is published against the entries, as they are read.
type ledger struct {
	claims map[source][]claim       // of each source, by position
	counts map[source]map[int]int64 // entries so far, by station
	last   map[int]map[int]int64    // the last number, by station and incarnation
	faults []string
	gaps   []gap
	bad    map[origin]int
	judged int64
}

// gap is entries that aren't there although later ones of the same producer are.
type gap struct {
	station, incarnation int
	from, to             int64
}

// lost returns the gaps in what was acknowledged. Others are of entries of which
// the producer has said that it failed: it ends then.
func (l *ledger) lost(acked map[int]map[int]int64) (faults []string) {
	for _, g := range l.gaps {
		if acked[g.incarnation][g.station] >= g.from {
			faults = append(faults, fmt.Sprintf("station %d: entries %d to %d of producer %d were acknowledged and are missing", g.station, g.from, g.to, g.incarnation))
		}
	}
	return faults
}

func newLedger(claims map[source][]claim) *ledger {
	for _, c := range claims {
		slices.SortStableFunc(c, func(a, b claim) int { return cmp.Compare(a.upTo, b.upTo) })
	}
	return &ledger{bad: make(map[origin]int), claims: claims, counts: make(map[source]map[int]int64), last: make(map[int]map[int]int64)}
}

// entry takes the next entry of a partition.
func (l *ledger) entry(s source, offset int64, key, value []byte) error {
	if string(key) == poisonKey {
		l.bad[origin{s, offset}]++
		return nil
	}
	station, ms, err := parseEntry(key, value)
	if err != nil {
		return fmt.Errorf("%s/%d at offset %d: %w", s.topic, s.partition, offset, err)
	}
	l.judge(s, offset)
	if l.counts[s] == nil {
		l.counts[s] = make(map[int]int64)
	}
	l.counts[s][station]++
	incarnation, number := entryID(ms)
	if l.last[station] == nil {
		l.last[station] = make(map[int]int64)
	}
	last := l.last[station][incarnation]
	switch {
	case number <= last:
		l.fault("station %d: entry %d of producer %d is there again after %d, at offset %d", station, number, incarnation, last, offset)
	case number > last+1:
		l.gaps = append(l.gaps, gap{station, incarnation, last + 1, number - 1})
	}
	l.last[station][incarnation] = max(last, number)
	return nil
}

// judge settles the claims on what comes before an offset.
func (l *ledger) judge(s source, offset int64) {
	claims := l.claims[s]
	for len(claims) > 0 && claims[0].upTo <= offset {
		c := claims[0]
		claims = claims[1:]
		l.judged++
		if n := l.counts[s][c.station]; n != c.count {
			l.fault("station %d: count %d was published for the entries below offset %d of %s/%d, which are %d", c.station, c.count, c.upTo, s.topic, s.partition, n)
		}
	}
	l.claims[s] = claims
}

func (l *ledger) fault(format string, a ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, a...))
}

// totals returns the entries by station.
func (l *ledger) totals() map[int]int64 {
	totals := make(map[int]int64)
	for _, stations := range l.counts {
		for station, n := range stations {
			totals[station] += n
		}
	}
	return totals
}

// judge reads everything again from the start, and compares.
func (h *run) judge(ctx context.Context) (*verdict, error) {
	h.say("judging")
	h.watcher.mu.Lock()
	v := &verdict{mismatches: slices.Clone(h.watcher.faults)}
	l := newLedger(h.watcher.claims)
	h.watcher.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	err := readAll(ctx, h.options(), h.entryTopics(), func(r *kgo.Record) error {
		v.entries++
		return l.entry(source{r.Topic, r.Partition}, r.Offset, r.Key, r.Value)
	})
	if err != nil {
		return nil, err
	}
	for s := range maps.Clone(l.claims) {
		l.judge(s, 1<<62)
	}
	v.claims = l.judged
	v.mismatches = append(v.mismatches, l.faults...)
	v.entries -= int64(len(l.bad))
	v.bad = len(l.bad)
	letters, reasons, err := h.deadLetters(ctx)
	if err != nil {
		return nil, err
	}
	v.letters = reasons
	v.mismatches = append(v.mismatches, judgeLetters(l.bad, letters)...)

	h.mu.Lock()
	v.mismatches = append(v.mismatches, l.lost(h.acked)...)
	for incarnation, stations := range h.acked {
		for station, n := range stations {
			v.acked += n
			if got := l.last[station][incarnation]; got < n {
				v.mismatches = append(v.mismatches, fmt.Sprintf("station %d: %d entries of producer %d were acknowledged, %d are there", station, n, incarnation, got))
			}
		}
	}
	h.mu.Unlock()

	counts, err := lastCounts(ctx, h.options(), h.s.topics())
	if err != nil {
		return nil, err
	}
	v.counts = len(counts)
	totals := l.totals()
	var wrong []string // what it comes to is told first
	for _, s := range h.network.Stations {
		if counts[s.ID] != totals[s.ID] {
			wrong = append(wrong, fmt.Sprintf("station %d: %d entries, published count %d (%+d)", s.ID, totals[s.ID], counts[s.ID], counts[s.ID]-totals[s.ID]))
		}
	}
	v.mismatches = append(wrong, v.mismatches...)
	if v.claims == 0 && !h.s.careless {
		v.mismatches = append(v.mismatches, "no published count was held against its entries")
	}
	if h.page != nil {
		v.mismatches = append(v.mismatches, h.page.faults...)
		for _, s := range h.network.Stations {
			if shown := h.page.counts[s.ID]; shown != counts[s.ID] {
				v.mismatches = append(v.mismatches, fmt.Sprintf("station %d: the page shows %d, published count %d", s.ID, shown, counts[s.ID]))
			}
		}
	}
	v.mismatches = append(v.mismatches, h.faults...)
	for _, p := range h.processes() {
		v.mismatches = append(v.mismatches, p.panics()...)
		if p == h.producer { // it may: when a delivery fails
			h.notes = append(h.notes, p.ends...)
		} else {
			v.mismatches = append(v.mismatches, p.ends...)
		}
	}
	return v, nil
}

// report prints what was done and found. It returns an error if anything wasn't right.
func (h *run) report(w io.Writer, v *verdict) error {
	byKind, control, page := h.stalls.byKind(), h.control.byKind(), map[string]stall{}
	if h.page != nil {
		page = h.page.stalls.byKind()
	}
	total := 0
	fmt.Fprintf(w, "broker %s, %d workers, layout %s, seed %d, broken for %v\n\n", h.s.broker, h.s.workers, h.s.layout, h.s.seed, h.broken.Round(time.Second))
	fmt.Fprintf(w, "%-16s %6s   %s", "fault", "times", "longest stall of a station after it: shortest, mean, longest")
	if h.s.broker == "cluster" {
		fmt.Fprintf(w, "; of the control: the same; of the page: longest")
	}
	fmt.Fprintln(w)
	for _, name := range slices.Sorted(maps.Keys(byKind)) {
		k := byKind[name]
		total += k.faults
		fmt.Fprintf(w, "%-16s %6d   %v", name, k.faults, k)
		if h.s.broker == "cluster" {
			fmt.Fprintf(w, "; %v; %v", control[name], page[name].longest.Round(time.Millisecond))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%-16s %6d\n\n", "all", total)
	if h.s.copies == 1 && h.s.broker == "cluster" {
		fmt.Fprintf(w, "times that partitions had no leader while the others were looked at: %d\n", h.leaderless)
	}
	_, read := h.watcher.total()
	fmt.Fprintf(w, "entries %d (acknowledged for certain %d), producers %d\n", v.entries, v.acked, h.producer.starts)
	fmt.Fprintf(w, "counts published %d, restated by the broker %d, repeated %d, below the one before %d, held against their entries %d, stations %d\n",
		read, h.watcher.restated, h.watcher.repeated, h.watcher.fell, v.claims, v.counts)
	fmt.Fprintf(w, "unreadable records %d, dead letters: %s\n", v.bad, tally(v.letters))
	if took := h.found(); len(took) > 0 {
		fmt.Fprintf(w, "stations that opened during the run %d, from the first entry to the first count: shortest %v, median %v, longest %v\n", len(took),
			took[0].Round(time.Millisecond), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	}
	if len(h.refusals) > 0 {
		fmt.Fprintf(w, "requests answered with errors: %s\n", tally(h.refusals))
	}
	fmt.Fprintf(w, "every station counted again %v after the last fault (the broker answered after %v), all entries counted %v after the last one\n",
		h.recovered.Round(time.Millisecond), h.answered.Round(time.Millisecond), h.caughtUp.Round(time.Millisecond))
	if h.s.broker == "embedded" {
		fmt.Fprintf(w, "compactions of the counts' topic %d\n", h.nodes[0].logged("tables compacted"))
	}
	if h.atFault > 0 {
		fmt.Fprintf(w, "transactions that the broker itself forgot to end, ended by hand: %d\n", h.atFault)
	}
	if len(h.notes) > 0 {
		fmt.Fprintf(w, "\nnotes: %d\n", len(h.notes))
		show(w, h.notes)
	}
	fmt.Fprintf(w, "\nmismatches: %d\n", len(v.mismatches))
	if len(v.mismatches) == 0 {
		return nil
	}
	show(w, v.mismatches)
	h.keepLogs()
	return errors.New("counts and entries do not match")
}

func show(w io.Writer, lines []string) {
	for _, line := range lines[:min(len(lines), most)] {
		fmt.Fprintf(w, "  %s\n", line)
	}
	if n := len(lines) - most; n > 0 {
		fmt.Fprintf(w, "  and %d more\n", n)
	}
}
