package live

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Spells and slots follow from the minutes, whichever they are.
func TestSpellsOfMinutes(t *testing.T) {
	const now = int64(29_000_003) // minute 3 of its slot
	of := map[rune]DirectionStatus{
		'.': {Level: LevelGood, Cause: CauseRegular},
		'g': {Level: LevelMinor, Cause: CauseGap},
		'G': {Level: LevelMajor, Cause: CauseGap},
		'b': {Level: LevelMinor, Cause: CauseBunched},
		'S': {Level: LevelMajor, Cause: CauseStanding},
		'r': {Level: LevelMinor, Cause: CauseRecovering},
		'p': {Level: LevelGood, Cause: CausePausing},
		'-': {Level: LevelNotRunning, Cause: CauseNoService},
		'?': {Level: LevelUnknown, Cause: CauseSilent},
	}
	good := strings.Repeat(".", 20)
	for minutes, want := range map[string]string{ // up to now; a spell is told by how many minutes ago it began and ended
		good + "ggg" + good[:10] + "gg" + good[:15]:              "minor gap 30-15", // ten better minutes don't end it
		good + "ggg" + good[:11] + "ggg" + good[:15]:             "minor gap 32-29; minor gap 18-15",
		good + "ggg-ggg" + good[:12]:                             "minor gap 19-16; minor gap 15-12",
		good + "gg" + good[:12]:                                  "", // nobody felt it,
		good + "g?g" + good[:12]:                                 "minor gap 15-12",
		good + "gGg" + good[:12]:                                 "major gap 15-12",
		good + "ggS" + good[:12]:                                 "major gap 15-12", // most of its minutes
		good + "gSS" + good[:12]:                                 "major standing 15-12",
		good + "gbgb" + good[:12]:                                "minor gap 16-12", // in the order of the rules
		good + "gggrrrr" + good[:12]:                             "minor gap 19-16", // a recovery is no part
		good + "rrrr" + good[:12]:                                "",
		good + "grrrrgrrrr" + good[:12]:                          "minor gap 22-16",
		good + "pppp" + good[:12]:                                "",
		good + "ggg":                                             "minor gap 3-",
		good + "ggg.":                                            "minor gap 4-1",
		strings.Repeat("g", 1443) + good[:11] + "bbb" + good[:7]: "minor gap 1439-21; minor bunched 10-7",
	} {
		h := newHistory()
		h.lines, h.reach = make([]pastLine, 1), now*minute
		l := &h.lines[0]
		list := []rune(minutes)
		for i, c := range list {
			d := of[c]
			l.minutes[1][(now+1-int64(len(list)-i))%int64(len(l.minutes[1]))] = verdictOf(&d)
		}
		present := of[list[len(list)-1]]
		p := Past{}
		h.tell(&p, time.UnixMilli, 0, 1, now, &present)
		var told []string
		ago := func(t time.Time) int64 { return now + 1 - t.UnixMilli()/minute }
		for _, s := range p.Spells {
			to := ""
			if !s.To.IsZero() {
				to = fmt.Sprint(ago(s.To))
			}
			told = append(told, fmt.Sprintf("%s %s %d-%s", s.Level, s.Cause, ago(s.From), to))
		}
		if got := strings.Join(told, "; "); got != want {
			t.Errorf("%s: spells %q, want %q", minutes[max(0, len(minutes)-50):], got, want)
		}
		if len(p.Slots) != 288 || p.Slots[287].At.UnixMilli() != (now-now%5)*minute {
			t.Fatalf("%d slots until %v", len(p.Slots), p.Slots[len(p.Slots)-1].At)
		}
	}
}

// A slot has its worst minute and what its waits were. Minutes that aren't judged are
// unknown, but for the latest, of which the present status tells.
func TestSlotsOfMinutes(t *testing.T) {
	const now = int64(29_000_004) // the last minute of its slot
	h := newHistory()
	h.lines = make([]pastLine, 1)
	l := &h.lines[0]
	n := int64(len(l.minutes[0]))
	set := func(m int64, level Level, cause Cause) {
		l.minutes[0][m%n] = verdictOf(&DirectionStatus{Level: level, Cause: cause})
	}
	first := now - 1439
	for m := first; m <= now; m++ {
		set(m, LevelGood, CauseRegular)
	}
	set(first, LevelMajor, CauseStanding)
	set(first+1, LevelMinor, CauseGap)
	l.minutes[0][(first+5)%n] = 0 // a slot that was judged in part
	set(first+11, LevelUnknown, CauseNeverHeard)
	set(first+16, LevelNotRunning, CauseNoService)
	for m := first + 20; m < first+25; m++ {
		l.minutes[0][m%n] = 0
	}
	l.slots[0][(first/5)%(n/5)] = spacings{every: 240, intended: 300, wait: 900, usual: 300, station: 7}
	l.slots[0][(first/5+1)%(n/5)] = spacings{every: 240, intended: 300, wait: 1200, usual: 360, station: 8}
	set(first+6, LevelMinor, CauseBunched)
	told := func(reach int64, present DirectionStatus) Past {
		h.reach = reach * minute
		p := Past{}
		h.tell(&p, time.UnixMilli, 0, 0, now, &present)
		return p
	}
	p := told(now, DirectionStatus{Level: LevelGood, Cause: CauseRegular})
	for i, want := range []Level{LevelMajor, LevelMinor, LevelUnknown, LevelGood, LevelUnknown, LevelGood} {
		if p.Slots[i].Level != want {
			t.Errorf("slot %d is %s by %q, want %s", i, p.Slots[i].Level, p.Slots[i].Cause, want)
		}
	}
	if s := p.Slots[0]; s.Every != 4*time.Minute || s.Intended != 5*time.Minute || s.Wait != (Wait{7, 15 * time.Minute, 5 * time.Minute}) {
		t.Errorf("the first slot is %+v", s)
	}
	if len(p.Spells) != 1 || p.Spells[0].Wait != (Wait{8, 20 * time.Minute, 6 * time.Minute}) || p.Spells[0].Level != LevelMajor {
		t.Errorf("spells %+v, want one with the longest wait", p.Spells)
	}
	// What was judged a day ago isn't of today; what isn't judged yet is what riders are told.
	p = told(now-10, DirectionStatus{Level: LevelMajor, Cause: CauseStanding})
	for back, want := range []Level{LevelMajor, LevelUnknown, LevelGood} {
		if s := p.Slots[287-back]; s.Level != want {
			t.Errorf("%d slots before the last: %s, want %s", back, s.Level, want)
		}
	}
	if s := p.Spells[len(p.Spells)-1]; !s.To.IsZero() || s.From.UnixMilli() != (now-3)*minute {
		t.Errorf("the last spell is %+v, want one from three minutes ago that lasts", s)
	}
}
