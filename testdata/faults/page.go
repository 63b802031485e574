package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// glance is how often the page is looked at.
const glance = 500 * time.Millisecond

// page follows what the page shows.
type page struct {
	url    string
	stalls *stalls
	counts map[int]int64 // of run's goroutine, and after its end of anybody
	faults []string
}

// run looks at the page until ctx ends.
func (p *page) run(ctx context.Context) {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		counts, err := p.look(ctx)
		if err != nil {
			continue // a page that starts
		}
		now := time.Now()
		for station, n := range counts {
			switch before := p.counts[station]; {
			case n > before:
				p.stalls.progress(station, now)
			case n < before:
				p.faults = append(p.faults, fmt.Sprintf("station %d: the page's count falls from %d to %d", station, before, n))
			}
			p.counts[station] = n
		}
	}
}

// look returns the entries of each station that the page shows.
func (p *page) look(ctx context.Context) (map[int]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/v1/stations", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body struct {
		Stations []struct {
			ID      int   `json:"id"`
			Entries int64 `json:"entries"`
		} `json:"stations"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return nil, err
	}
	counts := make(map[int]int64, len(body.Stations))
	for _, s := range body.Stations {
		counts[s.ID] = s.Entries
	}
	return counts, nil
}
