package examples_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// workers returns the flags of workers on a test's own services.
func workers(sys *ctatest.System) []string {
	return []string{"-brokers", sys.Brokers[0], "-registry", sys.RegistryURL, "-prefix", sys.Topics.Prefix, "-session-timeout", "6s"}
}

// kill ends a process as a machine's failure does.
func (p *process) kill() {
	p.t.Helper()
	if err := p.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.done
}

// printed returns where the process's output ends now; since awaits more after that.
func (p *process) printed() int { return len(p.out.String()) }

// awaitSince awaits patterns, one after the other, in what the process prints after
// having printed so much.
func (p *process) awaitSince(printed int, patterns ...string) {
	p.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, missing := p.out.String()[printed:], ""
		for _, pattern := range patterns {
			at := regexp.MustCompile(pattern).FindStringIndex(text)
			if at == nil {
				missing = pattern
				break
			}
			text = text[at[1]:]
		}
		switch {
		case missing == "":
			return
		case time.Now().After(deadline):
			p.t.Fatalf("did not print %q, of %q", missing, patterns)
		}
	}
}

// One of two workers is killed. What it counted is counted on by the other, whose log
// says so line by line.
func TestLogFollowsAKilledWorker(t *testing.T) {
	sys := ctatest.Start(t)
	stations := cta.Chicago().Stations[:4]
	enter := func() {
		for _, s := range stations {
			sys.Enter(ctatest.At(8, 0), s, 3)
		}
	}
	enter()
	args := append(workers(sys), "-output", sys.Topics.TurnstileSummary())
	stays := start(t, "turnstiles", args...)
	stays.await(`partitions assigned.* partitions=4 .*member=\S+`)
	stays.await(`caught up.* partitions=4 behind=0`)

	printed := stays.printed()
	killed := start(t, "turnstiles", args...)
	killed.await(`partitions assigned.* partitions=2 .*member=\S+`)
	killed.await(`caught up.* partitions=2 behind=0`)
	stays.awaitSince(printed, `partitions revoked.* partitions=2 left=2`)

	printed = stays.printed()
	killed.kill()
	enter()
	stays.awaitSince(printed, `partitions assigned.* partitions=2 generation=\d+ member=\S+`, `state restored.* records=\d+`, `caught up.* partitions=4 behind=0`)
	for _, s := range stations {
		sys.AwaitCount(s, 6)
	}
	stays.interrupt()
}

// Of two transformers of the stations table one works and the other stands by. The one
// that works is killed; the other goes on with the table as it was.
func TestKilledTransformerIsReplaced(t *testing.T) {
	sys := ctatest.Start(t)
	row := func(stop int, line string) tables.StationRow {
		return tables.StationRow{StopID: stop, StationID: 40380, StationName: "Clark/Lake", Order: stop, Lines: []tables.LineFlag{{Line: line, Set: true}}}
	}
	sys.SendRows(row(1, "blue"), row(2, "red"))
	works := start(t, "stations", workers(sys)...)
	works.await(`partitions assigned.* group=\S+stations `)
	sys.AwaitRecords(sys.Topics.StationsTable(), 2)
	next := start(t, "stations", workers(sys)...)
	next.await(`caught up.* group=\S+stations partitions=0 `)

	printed := next.printed()
	works.kill()
	sys.SendRows(row(2, "brown")) // the stop is no longer on the red line
	next.awaitSince(printed, `partitions assigned.* group=\S+stations partitions=1 `, `caught up.* group=\S+stations partitions=1 `)
	var keys []string
	for _, r := range sys.AwaitRecords(sys.Topics.StationsTable(), 4) {
		keys = append(keys, string(r.Key)+map[bool]string{true: " deleted", false: ""}[r.Value == nil])
	}
	if got, want := strings.Join(keys, ", "), "40380/blue, 40380/red, 40380/brown, 40380/red deleted"; got != want {
		t.Errorf("the table's topic has %s, want %s", got, want)
	}
	next.interrupt()
}

// The only worker is killed while a dashboard is open: counts stand still, and the
// dashboard tells since when. With a worker it catches up, without a restart of its own.
func TestDashboardOutlivesTheWorkers(t *testing.T) {
	sys := ctatest.Start(t)
	services := []string{"-brokers", sys.Brokers[0], "-registry", sys.RegistryURL, "-rest-proxy", sys.RESTProxyURL}
	sim := start(t, "simulation", services...)
	args := append(services, "-session-timeout", "6s")
	worker := start(t, "turnstiles", args...)
	dash := start(t, "dashboard", append(services, "-listen", "127.0.0.1:0")...)
	url := dash.await(`dashboard at (\S+)`)
	awaitStatus(t, url, "entries", func(s status) bool { return s.entries() > 0 })

	worker.kill()
	code, _ := get(t, url+"/healthz")
	if code != http.StatusOK {
		t.Errorf("without a worker /healthz answers %d", code)
	}
	still := awaitStatus(t, url, "counts that stand still", func(s status) bool {
		return !s.CountsAsOf.IsZero() && s.AsOf.Sub(s.CountsAsOf) > time.Minute
	})
	later := awaitStatus(t, url, "trains that run", func(s status) bool { return s.AsOf.After(still.AsOf.Add(time.Minute)) })
	// When counts were sent by event time is known more exactly once the minute after
	// them has begun, too.
	moved := later.CountsAsOf.Sub(still.CountsAsOf).Abs()
	if later.entries() != still.entries() || moved > 30*time.Second {
		t.Errorf("without a worker there are %d entries as of %v, then %d as of %v", still.entries(), still.CountsAsOf, later.entries(), later.CountsAsOf)
	}
	worker = start(t, "turnstiles", args...)
	awaitStatus(t, url, "counts that go on", func(s status) bool {
		return s.entries() > still.entries() && s.AsOf.Sub(s.CountsAsOf) < time.Minute
	})
	for _, p := range []*process{worker, dash, sim} {
		p.interrupt()
	}
}
