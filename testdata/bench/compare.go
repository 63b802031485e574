package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// column is a figure of a run.
type column struct {
	head, format string
}

// compare measures peers in turn, so many runs of each, and prints the medians as a
// table of Markdown. The first column is also told as ours over the peer's.
func (b *system) compare(ctx context.Context, peers []peer, columns []column, measure func(context.Context, peer) ([]float64, error)) error {
	results := make(map[string][][]float64) // by peer; a run, a column
	for run := range b.runs {
		for i := range peers {
			// Each run begins with the next peer: the first one of a run pays for what
			// the one before has left, such as the broker's deletions.
			p := peers[(run+i)%len(peers)]
			figures, err := measure(ctx, p)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			results[p.name] = append(results[p.name], figures)
			fmt.Printf("%-12s %s   load %s\n", p.name, strings.Join(row(columns, figures), "  "), load())
		}
	}
	heads, ours := []string{"", "ours / its " + columns[0].head}, 0.0
	for _, c := range columns {
		heads = append(heads, c.head)
	}
	fmt.Printf("\nmedians of %d runs\n\n|%s |\n|%s\n", b.runs, strings.Join(heads, " | "), strings.Repeat(" --- |", len(heads)))
	for _, p := range peers {
		medians := make([]float64, len(columns))
		for c := range columns {
			var values []float64
			for _, figures := range results[p.name] {
				values = append(values, figures[c])
			}
			slices.Sort(values)
			medians[c] = values[len(values)/2]
		}
		if ours == 0 {
			ours = medians[0]
		}
		fmt.Printf("| %s | %.2f | %s |\n", p.label, ours/medians[0], strings.Join(row(columns, medians), " | "))
	}
	return nil
}

// row formats the figures of a run.
func row(columns []column, figures []float64) []string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = fmt.Sprintf(c.format, figures[i])
	}
	return cells
}
