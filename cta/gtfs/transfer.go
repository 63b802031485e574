package gtfs

import (
	"cmp"
	"strconv"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

const transfersFile = "transfers.txt"

// readTransfers reads the changes on foot between two stations. Of several between their
// platforms, the shortest one counts; there is no way if all are impossible.
func (f *feed) readTransfers() {
	const longest = 24 * 3600 // s
	single := 0
	f.each(transfersFile, nil, func(w row) {
		kind := w.optional("transfer_type", 5, 0)
		if kind > 3 || w.Cell("from_route_id")+w.Cell("to_route_id")+w.Cell("from_trip_id")+w.Cell("to_trip_id") != "" {
			single++
			return
		}
		from, to := f.transferStop(w, "from_stop_id"), f.transferStop(w, "to_stop_id")
		if from == nil || to == nil || from == to {
			return
		}
		t := cta.Transfer{Impossible: kind == 3}
		if !t.Impossible {
			t.Time = time.Duration(w.optional("min_transfer_time", longest, 0)) * time.Second
		}
		key := [2]int32{from.index, to.index}
		old, again := f.transfers[key]
		switch {
		case !again || old.Impossible:
		case t.Impossible:
			t = old
		case old.Time > 0:
			t.Time = min(cmp.Or(t.Time, old.Time), old.Time)
		}
		f.transfers[key] = t
	})
	if single > 0 {
		f.leave("%s of single routes or trips", many(single, "transfer", "transfers"))
	}
}

// transferStop returns the stop that stands for the station of a transfer's stop.
func (f *feed) transferStop(w row, column string) *stop {
	s := f.stops[w.Cell(column)]
	if s == nil || s.kind > 1 {
		w.odd(column, elsewhere)
		return nil
	}
	return f.owner(s)
}

// addTransfers gives the stations that trips call at their transfers.
func (f *feed) addTransfers(made map[string]*cta.Station) {
	for key, t := range f.transfers {
		from, to := made[f.stopList[key[0]].id], made[f.stopList[key[1]].id]
		if from != nil && to != nil {
			t.To = to.ID
			from.Transfers = append(from.Transfers, t)
		}
	}
}

func (p *printer) transfers() {
	started := false
	for _, s := range p.net.Stations {
		for _, t := range s.Transfers {
			if !started {
				p.file(transfersFile, "from_stop_id", "to_stop_id", "transfer_type", "min_transfer_time")
				started = true
			}
			kind, least := "0", ""
			switch {
			case t.Impossible:
				kind = "3"
			case t.Time > 0:
				kind, least = "2", strconv.Itoa(int(t.Time/time.Second))
			}
			p.row(StationID(s), StationID(p.net.Station(t.To)), kind, least)
		}
	}
}
