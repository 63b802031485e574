package ctaweb

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// pastSummary is how a line ran, as the API has it.
type pastSummary struct {
	SlotSeconds int64       `json:"slot_seconds"`
	Directions  []pastOfOne `json:"directions"`
}

type pastOfOne struct {
	Direction cta.Direction  `json:"direction"`
	Towards   string         `json:"towards"`
	Sentence  string         `json:"sentence"` // of the latest spell
	Slots     []pastSlot     `json:"slots"`
	Spells    []spellSummary `json:"spells"`
}

type pastSlot struct {
	At              time.Time    `json:"at"`
	Level           live.Level   `json:"level"`
	Cause           live.Cause   `json:"cause,omitempty"`
	EverySeconds    int64        `json:"every_seconds"`
	IntendedSeconds int64        `json:"intended_seconds"`
	Wait            *waitSummary `json:"wait,omitempty"`
}

type spellSummary struct {
	From  time.Time    `json:"from"`
	To    time.Time    `json:"to,omitzero"` // left out while it lasts
	Level live.Level   `json:"level"`
	Cause live.Cause   `json:"cause"`
	Wait  *waitSummary `json:"wait,omitempty"`
}

type waitSummary struct {
	Station      int   `json:"station"`
	Seconds      int64 `json:"seconds"`
	UsualSeconds int64 `json:"usual_seconds"`
}

// pastOf is how a line has run up to a snapshot, in the directions that it has.
func (h *Handler) pastOf(s *snapshot, line *LineStatus) (list []live.Past) {
	if s.status.Ready { // Consume has followed already, and reads older arrivals first
		h.model.tracker.JudgePast(s.status.AsOf, 60)
	}
	for _, p := range h.model.tracker.Past(s.view, line.ID) {
		if line.Towards.of(p.Direction) != "" { // vehicles of a ring may run one way round only
			list = append(list, p)
		}
	}
	return list
}

func (h *Handler) pastSummary(s *snapshot, line *LineStatus) pastSummary {
	sum := pastSummary{int64(live.PastSlot / time.Second), []pastOfOne{}}
	for _, p := range h.pastOf(s, line) {
		of := pastOfOne{
			Direction: p.Direction, Towards: line.towards(p.Direction), Sentence: s.speaks.of(line.Mode).pastSays(h.model.net, p, s.status.AsOf),
			Slots: []pastSlot{}, Spells: []spellSummary{},
		}
		for _, t := range p.Slots {
			of.Slots = append(of.Slots, pastSlot{t.At, t.Level, t.Cause, int64(t.Every / time.Second), int64(t.Intended / time.Second), waited(t.Wait)})
		}
		for _, t := range p.Spells {
			of.Spells = append(of.Spells, spellSummary{t.From, t.To, t.Level, t.Cause, waited(t.Wait)})
		}
		sum.Directions = append(sum.Directions, of)
	}
	return sum
}

func waited(w live.Wait) *waitSummary {
	if w.Station == 0 {
		return nil
	}
	return &waitSummary{w.Station, int64(w.Lasted / time.Second), int64(w.Intended / time.Second)}
}

// pastSays is the latest spell of trouble in a sentence, or since when there was none.
func (l *language) pastSays(net *cta.Network, p live.Past, now time.Time) string {
	if n := len(p.Spells); n > 0 {
		return l.spell(net, p.Spells[n-1], now) + "."
	}
	for i, s := range p.Slots {
		switch {
		case s.Level == live.LevelGood && i < 2:
			return l.say("past-none-all")
		case s.Level == live.LevelGood:
			return l.say("past-none", "time", l.moment(s.At, now))
		}
	}
	return l.say("past-unknown")
}

func (l *language) spell(net *cta.Network, s live.Spell, now time.Time) string {
	what := l.say("spell-" + string(s.Cause))
	says := l.say("past-since", "what", what, "time", l.moment(s.From, now))
	if !s.To.IsZero() {
		says = l.say("past-over", "what", what, "from", l.moment(s.From, now), "to", clockText(s.To))
	}
	if w := s.Wait; w.Station != 0 {
		says = l.say("past-longest", "says", says, "minutes", l.about(w.Lasted), "station", nameOf(net, w.Station),
			"usual", strconv.Itoa(int(w.Intended.Round(time.Minute)/time.Minute)))
	}
	return says
}

// pastView is how a line ran in a direction, as a strip and as a table.
type pastView struct {
	Towards, Says, Label string
	Bars                 []pastBar
	Every, Intended      string     // as paths
	Marks                []mapLabel // of the hours, and of the height
	Periods              []pastPeriod
}

type pastBar struct {
	Level    live.Level
	X, Width string
}

type pastPeriod struct {
	When  string
	Level live.Level
	Every string
	Wait  string
}

// Figures of the strip, in its own units: the levels are above, the times between trains
// below.
const (
	pastLeft, pastWidth = 52.0, 456.0
	pastTop, pastHeight = 26.0, 60.0
)

func (l *language) viewPast(net *cta.Network, line *LineStatus, p live.Past, now time.Time) pastView {
	v := pastView{Towards: line.towards(p.Direction), Says: l.pastSays(net, p, now)}
	v.Label = l.say("past-chart", "towards", v.Towards, "says", v.Says)
	var most time.Duration // without one, there is no scale
	for _, s := range p.Slots {
		most = max(most, s.Every, s.Intended)
	}
	top := time.Duration(roundUp(most.Minutes())) * time.Minute
	x := func(i int) float64 { return pastLeft + pastWidth*float64(i)/float64(len(p.Slots)) }
	v.Every = pastPath(p.Slots, x, top, func(s live.Slot) time.Duration { return s.Every })
	v.Intended = pastPath(p.Slots, x, top, func(s live.Slot) time.Duration { return s.Intended })
	for i, s := range p.Slots {
		if at := s.At; at.Minute() == 0 && at.Hour()%6 == 0 {
			v.Marks = append(v.Marks, mapLabel{unit(x(i)), unit(pastTop + pastHeight + 18), "middle", strconv.Itoa(at.Hour())})
		}
	}
	if most > 0 {
		v.Marks = append(v.Marks, mapLabel{unit(pastLeft - 6), unit(pastTop + 8), "end", strconv.Itoa(int(top / time.Minute))},
			mapLabel{unit(pastLeft - 6), unit(pastTop + pastHeight), "end", "0"})
	}
	for from := 0; from < len(p.Slots); {
		to := from + 1
		for to < len(p.Slots) && p.Slots[to].Level == p.Slots[from].Level {
			to++
		}
		v.Bars = append(v.Bars, pastBar{p.Slots[from].Level, unit(x(from)), unit(x(to) - x(from))})
		v.Periods = append(v.Periods, l.period(net, p.Slots[from:to], now))
		from = to
	}
	return v
}

func unit(n float64) string { return strings.TrimSuffix(tenths(n), ".0") }

// period is a time in which a line's level stayed.
func (l *language) period(net *cta.Network, slots []live.Slot, now time.Time) pastPeriod {
	end := slots[len(slots)-1].At.Add(live.PastSlot)
	if end.After(now) {
		end = now
	}
	v := pastPeriod{When: l.say("past-from-to", "from", l.moment(slots[0].At, now), "to", clockText(end)), Level: slots[0].Level}
	var wait live.Wait
	var every, low, high time.Duration
	for _, s := range slots {
		if s.Wait.Lasted > wait.Lasted {
			wait = s.Wait
		}
		if every = s.Every.Round(time.Minute); every > 0 {
			if high = max(high, every); low == 0 || every < low {
				low = every
			}
		}
	}
	switch {
	case high == 0:
	case low == high:
		v.Every = l.about(high)
	default:
		v.Every = l.say("range", "low", strconv.Itoa(int(low/time.Minute)), "high", strconv.Itoa(int(high/time.Minute)))
	}
	if wait.Station != 0 {
		v.Wait = l.say("past-wait-at", "minutes", l.about(wait.Lasted), "station", nameOf(net, wait.Station))
	}
	return v
}

// pastPath draws times between trains as steps; where they are 0, it has a gap.
func pastPath(slots []live.Slot, x func(int) float64, top time.Duration, of func(live.Slot) time.Duration) string {
	var b strings.Builder
	last := ""
	for i, s := range slots {
		d := of(s)
		y := unit(pastTop + pastHeight*(1-float64(d)/float64(top)))
		switch {
		case d == 0:
			if last != "" {
				fmt.Fprintf(&b, "H%s", unit(x(i)))
			}
			y = ""
		case last == "":
			fmt.Fprintf(&b, "M%s %s", unit(x(i)), y)
		case y != last:
			fmt.Fprintf(&b, "H%sV%s", unit(x(i)), y)
		}
		last = y
	}
	if last != "" {
		fmt.Fprintf(&b, "H%s", unit(x(len(slots))))
	}
	return b.String()
}
