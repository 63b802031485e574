// Gtfs checks a network, summarises it, and writes it as a GTFS feed, a zip or a folder.
//
//	go run ./examples/gtfs feed.zip                      # check and summarise: days, lines, trips
//	go run ./examples/gtfs -o town feed.zip              # the feed unpacked into a folder, to edit
//	go run ./examples/gtfs -o town.zip town              # the folder as a feed
//	go run ./examples/gtfs -o chicago.zip                # the 'L' with its intended headways
//	go run ./examples/gtfs -seed 1 -day 2026-10-07 -o chicago.zip  # the 'L' with a simulated day
//
// A network without a timetable (Chicago, a folder of CSV files) is written with its headways
// (frequencies.txt). The dashboard's GTFS-Realtime feeds belong to that feed. With -seed, the
// network is written with the timetable of a simulated day: each run of a train is a trip.
// Reading the feed returns the same lines, stations and patterns.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/examples/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "gtfs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("gtfs", flag.ContinueOnError)
	fs.SetOutput(stderr)
	out := fs.String("o", "", "new `name` under which to write the network as a GTFS feed: a zip if it ends in .zip, else a folder; -: a zip to standard output")
	lines := fs.String("lines", "", "`line,…` to keep, by id or short name; empty: all")
	modes := fs.String("modes", "", "`mode,…` to keep: rail, metro, tram, bus, ferry; empty: all")
	on := fs.String("day", "", "service `day` to summarise or simulate, such as 2026-10-07; empty: a usual one")
	seed := fs.Uint64("seed", 0, "`number` for the simulation of a day whose timetable is written in place of headways; 0: write the headways")
	fs.Usage = func() {
		fmt.Fprintln(stderr, "Checks a network, summarises it, and writes it as a GTFS feed.\n\nUsage: go run ./examples/gtfs [flags] [file or folder]\n\nReads a GTFS feed (zip or folder) or a folder of hand-written CSV files; without one, Chicago.")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 1 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(1))
	}
	o, err := app.Options(*lines, *modes)
	if err != nil {
		return err
	}
	net, report, err := load(fs.Arg(0), o, stderr)
	if err != nil {
		return err
	}
	day := cta.DateOf(ctaproducer.DefaultStart(net))
	if *on != "" {
		t, err := time.Parse(time.DateOnly, *on)
		if err != nil {
			return fmt.Errorf("-day: found %q, want a day as 2026-10-07", *on)
		}
		day = cta.DateOf(t)
	}
	tell(stdout, net, day)
	if report != nil && report.To > 0 && (day < report.From || day > report.To) {
		fmt.Fprintf(stderr, "on %v nothing runs: the timetable is of %v to %v\n", day, report.From, report.To)
	}
	if *out == "" {
		return nil
	}
	switch {
	case *seed > 0 && !slices.ContainsFunc(net.Lines, func(l *cta.Line) bool { return !l.Scheduled() }):
		fmt.Fprintln(stderr, "-seed has no effect: the timetable says when each train runs")
	case *seed > 0:
		if net, err = simulate(ctx, net, day, *seed); err != nil {
			return err
		}
	}
	if err := write(*out, stdout, net); err != nil {
		return err
	}
	if *out != "-" {
		fmt.Fprintf(stderr, "wrote %s\n", *out)
	}
	return nil
}

func load(name string, o gtfs.Options, stderr io.Writer) (*cta.Network, *gtfs.Report, error) {
	if name == "" {
		net, err := gtfs.Narrow(cta.Chicago(), o)
		return net, nil, err
	}
	net, report, err := gtfs.Load(name, o)
	if report != nil {
		fmt.Fprintln(stderr, report)
	}
	return net, report, err
}

// tell writes the lines, and the number of their runs on a day, the next Saturday and the
// next Sunday.
func tell(w io.Writer, net *cta.Network, day cta.Date) {
	days := []cta.Date{day}
	for _, want := range []time.Weekday{time.Saturday, time.Sunday} {
		d := day
		for d.Weekday() != want {
			d = d.Add(1)
		}
		days = append(days, d)
	}
	fmt.Fprintf(w, "%s, %v: %s, %s\n", net.Name, net.Location, many(len(net.Lines), "line"), many(len(net.Stations), "station"))
	fmt.Fprintf(w, "%-14s %-6s %9s %9s", "line", "mode", "stations", "patterns")
	for _, d := range days {
		fmt.Fprintf(w, " %14s", d.Weekday().String()[:3]+" "+d.String())
	}
	fmt.Fprintln(w)
	for _, l := range net.Lines {
		fmt.Fprintf(w, "%-14s %-6s %9d %9d", l.ID, l.Mode, len(l.Stations), len(l.Patterns))
		for _, d := range days {
			n := many(len(l.Runs(d)), "run") // a trip at intervals has several
			if !l.Scheduled() {
				n = "headways"
			}
			fmt.Fprintf(w, " %14s", n)
		}
		ends := []string{l.Towards(cta.DirectionB), l.Towards(cta.DirectionA)}
		ends = slices.DeleteFunc(ends, func(end string) bool { return end == "" }) // of lines in one direction
		fmt.Fprintf(w, "  %s: %s\n", l.Name, strings.Join(ends, " - "))
	}
}

// many formats a count, such as "1 line" or "2 lines".
func many(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// simulate gives a network the timetable of a simulated day, from before it until
// its last trains have ended their runs.
func simulate(ctx context.Context, net *cta.Network, day cta.Date, seed uint64) (*cta.Network, error) {
	const lead, tail = 4 * time.Hour, 5 * time.Hour
	begin := day.Begin(net.Location)
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{
		Seed: seed, Start: begin.Add(-lead), For: lead + 24*time.Hour + tail, NoFaults: true,
	})
	if err != nil {
		return nil, err
	}
	return gtfs.WithTimetable(net, day, func(yield func(time.Time, cta.Arrival) bool) {
		for ev := range sim.Events() {
			if ctx.Err() != nil || ev.Kind == ctaproducer.EventArrival && !yield(ev.At, ev.Arrival) {
				return
			}
		}
	})
}

func write(name string, stdout io.Writer, net *cta.Network) error {
	if name == "-" {
		return gtfs.Write(stdout, net)
	}
	if !strings.EqualFold(filepath.Ext(name), ".zip") {
		return gtfs.WriteFolder(name, net)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists: choose another name for -o, or remove the file", name)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(gtfs.Write(f, net), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
