package live

import (
	"fmt"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
)

// Source is the origin of a prediction.
type Source string

// Every Source.
const (
	SourceOurs   Source = "ours"
	SourceAgency Source = "agency"
	// SourceBetter is the more accurate of both at the prediction's horizon, by
	// [Score.Better]: a setting of [Tracker.Prefer].
	SourceBetter Source = "better"
)

// ParseSource returns the source named s, or an error that lists the names.
func ParseSource(s string) (Source, error) {
	switch of := Source(s); of {
	case SourceOurs, SourceAgency, SourceBetter:
		return of, nil
	}
	return "", fmt.Errorf("source of predictions is %q, want %s, %s or %s", s, SourceOurs, SourceAgency, SourceBetter)
}

// Rules for an agency's predictions.
const (
	// staleAfter is the age at which they no longer count. Sources repeat them every two
	// minutes.
	staleAfter = 5 * minute
	// sameRound is how far one may lie from ours, else it is of another round.
	sameRound = 30 * minute
	// enough is the number of predictions, in the last hour, from which on a horizon can
	// change whose are better.
	enough = 50
)

// promise holds the predictions of a train by its agency.
type promise struct {
	made  int64
	stops []promisedStop
}

type promisedStop struct {
	node int32
	at   int64
}

// ApplyPrediction replaces an agency's predictions of a train. It returns nil, or why the
// predictions change nothing:
//
//   - [ErrInvalid], with the fault
//   - [ErrUnknown]: the network does not have the stops
//   - [ErrKnown]: no newer than the known ones, or the withdrawal of unknown ones
//   - [ErrFull]
func (t *Tracker) ApplyPrediction(p cta.Prediction) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	stops := make([]promisedStop, 0, len(p.Stops))
	for _, s := range p.Stops {
		if n, ok := t.graph.at[platform{p.Line, s.StationID, s.Direction}]; ok {
			stops = append(stops, promisedStop{n, s.At})
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old, known := t.promises[p.TrainID]
	switch {
	case known && old.made >= p.Made, !known && len(p.Stops) == 0:
		return ErrKnown
	case !known && len(stops) == 0:
		return ErrUnknown
	case !known && len(t.promises) >= maxTrains:
		return ErrFull
	}
	if len(stops) == 0 {
		delete(t.promises, p.TrainID)
	} else {
		t.promises[strings.Clone(p.TrainID)] = promise{p.Made, stops}
	}
	t.version++
	return nil
}

// RemovePrediction drops an agency's predictions of a train. It returns false without any.
func (t *Tracker) RemovePrediction(train string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.promises[train]; !known {
		return false
	}
	delete(t.promises, train)
	t.version++
	return true
}

// Prefer sets whose predictions [Arrival.Expected] shows where the agency has one. The
// default is [SourceOurs].
func (t *Tracker) Prefer(s Source) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scratch.prefer = s
	t.version++
}

// withdraw drops an agency's predictions of a train that has gone.
func (t *Tracker) withdraw(id string, at int64) {
	if p, ok := t.promises[id]; ok && p.made <= at {
		delete(t.promises, id)
	}
}

// promised returns the agency's predictions of a vehicle that count, nil without any.
func (s *scratch) promised(v *vehicle) []promisedStop {
	id := ""
	switch {
	case len(s.promises) == 0:
		return nil
	case v.number == 0:
		id = s.order[v.train].id
	case v.timed.run >= 0:
		id = s.runs[v.timed.run].id
	}
	p := s.promises[id]
	if s.now-p.made > staleAfter || p.made > s.now+slack {
		return nil
	}
	return p.stops
}

// compare adds the agency's predictions to the forecasts, and chooses those to show.
func (s *scratch) compare(scores *[horizons]Score) {
	for i := range s.vehicles {
		v := &s.vehicles[i]
		stops := s.promised(v)
		for j := v.forecasts[0]; j < v.forecasts[1]; j++ {
			f := &s.forecasts[j]
			f.shown = f.at
			if stops == nil {
				continue
			}
			off := sameRound + 1
			for _, p := range stops {
				if d := max(p.at-f.at, f.at-p.at); p.node == f.node && p.at > s.now && d < off {
					f.agency, off = p.at, d
				}
			}
			h := horizon(f.at - s.now)
			f.agencys = f.agency > 0 && (s.prefer == SourceAgency || s.prefer == SourceBetter && h >= 0 && scores[h].Better == SourceAgency)
			ride := int64(0) // since the stop before, at least
			if f.after >= 0 {
				ride = f.at - s.forecasts[f.after].at
			}
			if f.agencys {
				f.shown, ride = f.agency, min(ride, quickest)
			}
			if f.after >= 0 { // the two may differ, but a train's stops are in order
				f.shown = max(f.shown, s.forecasts[f.after].shown+ride)
			}
		}
	}
}
