package cta

import (
	"fmt"
	"slices"
	"time"
)

// Date is a calendar day or a service day, such as 20261007.
type Date int32

// DateOf returns the date of t in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date(y*10000 + int(m)*100 + d)
}

// ServiceDay returns the service day of t as riders see it. Trains before four in the
// morning belong to the day before.
func ServiceDay(t time.Time) Date { return DateOf(t.Add(-4 * time.Hour)) }

func (d Date) noon(loc *time.Location) time.Time {
	return time.Date(int(d/10000), time.Month(d/100%100), int(d%100), 12, 0, 0, 0, loc)
}

// Valid reports whether d exists in the calendar.
func (d Date) Valid() bool { return d > 0 && DateOf(d.noon(time.UTC)) == d }

// Add returns the date days later.
func (d Date) Add(days int) Date { return DateOf(d.noon(time.UTC).AddDate(0, 0, days)) }

// Weekday returns d's day of the week.
func (d Date) Weekday() time.Weekday { return d.noon(time.UTC).Weekday() }

// Begin returns the time from which the trips of a service day count: twelve hours
// before noon. That is midnight except on the two days a year when clocks change.
func (d Date) Begin(loc *time.Location) time.Time { return d.noon(loc).Add(-12 * time.Hour) }

// String formats d as 2026-10-07.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100) }

// Weekdays is a set of days of the week.
type Weekdays uint8

// WeekdaysOf returns the set of the given days.
func WeekdaysOf(days ...time.Weekday) Weekdays {
	var w Weekdays
	for _, d := range days {
		w |= 1 << d
	}
	return w
}

// Has reports whether w contains d.
func (w Weekdays) Has(d time.Weekday) bool { return w&(1<<d) != 0 }

// Calendar defines the days on which a service runs.
type Calendar struct {
	ID       string
	Days     Weekdays
	From, To Date // both included; 0: no bound
	// Added and Removed are exceptions such as holidays, in ascending order.
	Added, Removed []Date
}

// Includes reports whether the service runs on d.
func (c *Calendar) Includes(d Date) bool {
	if _, ok := slices.BinarySearch(c.Removed, d); ok {
		return false
	}
	if _, ok := slices.BinarySearch(c.Added, d); ok {
		return true
	}
	return c.Days.Has(d.Weekday()) && d >= c.From && (c.To == 0 || d <= c.To)
}

// usualCalendars are the calendars that service.csv can name.
var usualCalendars = []*Calendar{
	{ID: "daily", Days: 0x7F},
	{ID: "weekday", Days: WeekdaysOf(time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday)},
	{ID: "weekend", Days: WeekdaysOf(time.Saturday, time.Sunday)},
	{ID: "saturday", Days: WeekdaysOf(time.Saturday)},
	{ID: "sunday", Days: WeekdaysOf(time.Sunday)},
}
