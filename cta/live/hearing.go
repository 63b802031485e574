package live

// hearing counts a line's events of the last two hours, and holds its latest silence.
// Trains keep running while a line is silent, so intervals across a silence are unknown.
type hearing struct {
	slots [hearSlots]uint16 // events, the latest slot first
	dark  int64             // ms: when the latest silence ended; 0 when there was none
}

const (
	hearSlot  = 30 * second
	hearSlots = 240
	// A pause is a silence if it lacks at least darkEvents of the usual number of
	// events, and lasts as long as a reported silence.
	darkEvents = 6
	// relearn is how long after a silence every running train takes to report from a
	// station. For some minutes, feeds may repeat what they had before.
	relearn = 8 * minute
)

func (h *hearing) note(at, now int64) {
	if i := (now - at) / hearSlot; i >= 0 && i < hearSlots {
		h.slots[i]++
	}
}

// settle finds the latest silence: by how often events came in the last hour, or, for an
// older or longer one, in all the time.
func (h *hearing) settle(now int64) {
	if h.dark = h.latest(h.slots[:hearSlots/2], now); h.dark == 0 {
		h.dark = h.latest(h.slots[:], now)
	}
}

// latest returns when the latest silence in some slots ended; 0 without one.
func (h *hearing) latest(slots []uint16, now int64) int64 {
	first, last, events := -1, -1, 0
	for i, n := range slots {
		if n > 0 {
			if first < 0 {
				first = i
			}
			last = i
			events += int(n)
		}
	}
	empty := 0
	for i := first + 1; i <= last; i++ {
		if slots[i] == 0 {
			empty++
			continue
		}
		if h.silent(empty, last-first+1, events) {
			return now - int64(i-empty)*hearSlot
		}
		empty = 0
	}
	return 0
}

// silent reports whether empty slots in a row, of so many slots with so many events,
// are no chance.
func (h *hearing) silent(empty, of, events int) bool {
	return int64(empty)*hearSlot >= silence && empty*events >= darkEvents*(of-empty)
}

// unheard reports whether the source of all lines is silent: so many reports are missing
// since any train last reported that it is no chance, and trains came due meanwhile.
func (s *scratch) unheard() bool {
	const enough = 60 // reports in an hour, or the usual number isn't known
	events, of := 0, 0
	for i := range s.hearings {
		for j, n := range s.hearings[i].slots {
			if n > 0 {
				events += int(n)
				of = max(of, j+1)
			}
		}
	}
	quiet := s.now - s.heard
	if events < enough || quiet*int64(events) < darkEvents*(int64(of)*hearSlot-quiet) {
		return false
	}
	late := 0
	for i := range s.vehicles {
		if v := &s.vehicles[i]; v.coming() && v.due > s.heard && s.now-v.due >= hushed[len(hushed)-1] {
			late++
		}
	}
	return late >= len(hushed)
}
