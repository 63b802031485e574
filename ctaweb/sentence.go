package ctaweb

import (
	"strconv"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

func (l *language) sentence(net *cta.Network, line string, d live.DirectionStatus, now time.Time) string {
	return l.say("status", "line", line, "towards", l.towards(d.Towards), "says", l.says(net, d, now))
}

// resumes returns the text for a line without service: never, or, if the next service is
// known, until with its time or untilDay with its weekday and time.
func (l *language) resumes(at, now time.Time, never, until, untilDay string) string {
	switch {
	case at.IsZero():
		return l.say(never)
	case cta.DateOf(at) == cta.DateOf(now):
		return l.say(until, "time", clockText(at))
	default:
		return l.say(untilDay, "time", clockText(at), "day", l.one("days", int(at.Weekday())))
	}
}

// says returns a sentence without the names of the line and its destination.
func (l *language) says(net *cta.Network, d live.DirectionStatus, now time.Time) string {
	name := func(id int) string { return nameOf(net, id) }
	says := ""
	switch d.Cause {
	case live.CauseNoService:
		never, until, untilDay := "status-no-service", "status-no-service-until", "status-no-service-until-day"
		if d.Idle {
			never, until, untilDay = "status-no-service-today", "status-no-service-today-until", "status-no-service-today-until-day"
		}
		says = l.resumes(d.Resumes, now, never, until, untilDay)
	case live.CauseBeginning:
		if says = l.say("status-begins"); !d.Uneven {
			says = l.say("status-beginning", "minutes", l.about(d.Intended))
		}
	case live.CauseNeverHeard:
		says = l.say("status-never-heard")
	case live.CauseSilent:
		if says = l.say("status-silenced"); d.Lasts >= time.Minute {
			says = l.say("status-silent", "minutes", l.over(d.Lasts))
		}
	case live.CauseStanding:
		says = l.say("status-standing", "station", name(d.Station), "minutes", l.over(d.Lasts))
		if d.Gap.Station != 0 {
			says = l.say("status-standing-gap", "station", name(d.Station), "minutes", l.over(d.Lasts),
				"gap", l.about(d.Gap.Apart), "where", name(d.Gap.Station))
		}
	case live.CauseOverdue:
		says = l.say("status-overdue", "station", name(d.Station), "minutes", l.over(d.Lasts))
		switch d.Gap.Station {
		case 0:
		case d.Station:
			says = l.say("status-overdue-gap-there", "station", name(d.Station), "minutes", l.over(d.Lasts), "gap", l.about(d.Gap.Apart))
		default:
			says = l.say("status-overdue-gap", "station", name(d.Station), "minutes", l.over(d.Lasts),
				"gap", l.about(d.Gap.Apart), "where", name(d.Gap.Station))
		}
	case live.CauseGap:
		says = l.say("status-gap", "station", name(d.Station), "minutes", l.about(d.Lasts))
		if d.Bunch.Station != 0 {
			says = l.say("status-gap-bunched", "station", name(d.Station), "minutes", l.about(d.Lasts),
				"apart", l.about(d.Bunch.Apart), "where", name(d.Bunch.Station))
		}
	case live.CauseBunched:
		says = l.say("status-bunched", "station", name(d.Station), "minutes", l.about(d.Lasts))
	case live.CauseRecovering:
		if says = l.say("status-recovering"); d.Every > 0 {
			says = l.say("status-recovering-every", "minutes", l.about(max(d.Every, time.Minute)))
		}
	case live.CauseRegular:
		if says = l.say("status-uneven"); !d.Uneven {
			says = l.say("status-regular", "minutes", l.about(max(d.Every, time.Minute)))
		}
	case live.CauseEnding:
		says = l.say("status-ending")
	case live.CausePausing:
		says = l.say("status-pausing", "time", d.Resumes.Format("15:04"))
	default:
		switch {
		case d.Uneven:
			says = l.say("status-uneven")
		case d.Intended == 0:
			says = l.say("status-running")
		default:
			says = l.say("status-too-early", "minutes", l.about(d.Intended))
		}
	}
	if trouble := d.Cause == live.CauseStanding || d.Cause == live.CauseOverdue || d.Cause == live.CauseGap || d.Cause == live.CauseBunched; trouble && d.Every > 0 && !d.Uneven {
		says = l.say("status-otherwise", "says", says, "minutes", l.about(max(d.Every, time.Minute)))
	}
	if d.Last.Station != 0 {
		says = l.say("status-last", "says", says, "station", name(d.Last.Station), "time", clockText(d.Last.At))
	}
	return says
}

// about returns a duration in whole minutes, rounded.
func (l *language) about(d time.Duration) string {
	if d < 45*time.Second {
		return l.say("under-a-minute")
	}
	return l.say("minutes", "n", strconv.FormatInt(int64(max(d, time.Minute).Round(time.Minute)/time.Minute), 10))
}

// over returns a duration in whole minutes, rounded down.
func (l *language) over(d time.Duration) string {
	if d < time.Minute {
		return l.say("under-a-minute")
	}
	return l.say("minutes", "n", strconv.FormatInt(int64(d/time.Minute), 10))
}

// nameOf is the network's name of a station.
func nameOf(net *cta.Network, id int) string {
	if s := net.Station(id); s != nil {
		return s.Label()
	}
	return strconv.Itoa(id)
}
