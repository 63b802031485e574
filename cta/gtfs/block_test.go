package gtfs

import (
	"fmt"
	"strings"
	"testing"
)

// Trips of a block that overlap are kept and noticed, if they run on the same day.
func TestOverlappingBlocks(t *testing.T) {
	const wd, sa = "wd", "sa" // calendars of town; on 26 October sa runs in place of wd
	type run struct {
		block, service string
		from, to       int // hours
	}
	feed := func(runs ...run) map[string]string {
		f := town()
		f["calendar.txt"] += "all,1,1,1,1,1,1,1,20260101,20261231\nold,1,1,1,1,1,1,1,20250101,20251231\n"
		f["calendar_dates.txt"] += "hol,20261006,1\n"
		for i, r := range runs {
			f["trips.txt"] += fmt.Sprintf("M,%s,x%d,0,,%s\n", r.service, i, r.block)
			f["stop_times.txt"] += fmt.Sprintf("x%d,%d:00:00,%d:00:00,11,1\nx%d,%d:00:00,%d:00:00,40,2\n", i, r.from, r.from, i, r.to, r.to)
		}
		return f
	}
	for name, c := range map[string]struct {
		runs []run
		want string
	}{
		"one after another":            {[]run{{"b", wd, 6, 7}, {"b", wd, 7, 8}}, ""},
		"at once":                      {[]run{{"b", wd, 6, 9}, {"b", wd, 7, 8}}, "1 pair of trips of one block at the same time, which one vehicle can't make; all run: the first are x0 and x1 of block b"},
		"three":                        {[]run{{"b", wd, 6, 9}, {"b", wd, 7, 8}, {"b", wd, 8, 10}}, "2 pairs of trips"},
		"of two blocks":                {[]run{{"b", wd, 6, 9}, {"c", wd, 7, 8}}, ""},
		"on days that never meet":      {[]run{{"b", wd, 6, 9}, {"b", sa, 7, 8}}, ""},
		"on some weekdays":             {[]run{{"b", wd, 6, 9}, {"b", "all", 7, 8}}, "x0 and x1"},
		"in different years":           {[]run{{"b", "old", 6, 9}, {"b", "all", 7, 8}}, ""},
		"on a holiday":                 {[]run{{"b", "hol", 6, 9}, {"b", wd, 7, 8}}, "x0 and x1"},
		"on a holiday of another week": {[]run{{"b", "hol", 6, 9}, {"b", sa, 7, 8}}, ""},
		"without a block":              {[]run{{"", wd, 6, 9}, {"", wd, 7, 8}}, ""},
	} {
		net, report, err := Read(files(feed(c.runs...)), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		notices := strings.Join(report.Notices, "\n")
		if c.want == "" && strings.Contains(notices, "block") || !strings.Contains(notices, c.want) {
			t.Errorf("%s: notices are %q, want %q", name, notices, c.want)
		}
		if report.Trips != 8+len(c.runs) || net == nil {
			t.Errorf("%s: %d trips", name, report.Trips)
		}
	}
}
