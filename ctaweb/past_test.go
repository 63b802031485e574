package ctaweb

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/incident"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// stood is the rush hour of the Blue Line, in which a train broke down at Logan Square at
// eight.
func stood(t testing.TB) (net *cta.Network, arrivals []ctaproducer.Event, began time.Time) {
	t.Helper()
	net = only(t, "blue")
	at := incident.Place{Line: "blue", Direction: cta.DirectionA, Station: loganSquare, After: eight}
	arrivals, began = incident.Stand(rush(t), at, 15*time.Minute, true)
	return net, slices.DeleteFunc(arrivals, func(e ctaproducer.Event) bool { return e.Arrival.Line != "blue" }), began
}

// A page that is started shows the same last 24 hours as one that has always run, and nothing
// of a source that ran before at a later time.
func TestPastAfterARestart(t *testing.T) {
	speeds := []time.Duration{20, 1}
	if race.Enabled {
		speeds = speeds[:1]
	}
	for _, speed := range speeds {
		net, arrivals, _ := stood(t)
		last := arrivals[len(arrivals)-1].At
		base := time.Now().Add(-time.Hour).Truncate(time.Second) // when the last was sent
		wall := func(at time.Time) time.Time { return base.Add(at.Sub(last) / speed) }
		now := base.Add(10 * time.Minute)

		always := NewModel(net)
		for i, next := 0, arrivals[0].At; i < len(arrivals); i++ {
			e := arrivals[i]
			always.ApplyArrival(cta.KeyAt(e.At), e.Arrival, wall(e.At))
			if e.At.After(next) {
				at, _ := always.Now(wall(e.At))
				always.tracker.JudgePast(at, 1000)
				next = next.Add(time.Minute)
			}
		}
		always.SetReady()

		sys := ctatest.Start(t)
		sys.Topics.Layout = cta.LayoutShared
		topic := sys.Topics.Arrivals(net.Station(ohare))
		ensureTables(t, sys)
		if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(topic, 3)); err != nil {
			t.Fatal(err)
		}
		var c consumer
		if err := c.formats(sys.Registry); err != nil {
			t.Fatal(err)
		}
		send := func(e ctaproducer.Event, event, sent time.Time) kafka.Record {
			r, err := c.arrivals.Record(t.Context(), topic, cta.KeyAt(event), e.Arrival)
			if err != nil {
				t.Fatal(err)
			}
			r.Time, r.PartitionBy = sent, cta.PartitionKey(e.Arrival.StationID)
			return r
		}
		var records []kafka.Record
		for _, e := range arrivals[:400] {
			records = append(records, send(e, e.At.Add(9*time.Hour), wall(e.At).Add(-2*time.Hour))) // another source
		}
		for _, e := range arrivals {
			records = append(records, send(e, e.At, wall(e.At)))
		}
		sys.Send(records...)
		started := NewModel(net)
		consuming(t, sys, started, ConsumeConfig{})
		await(t, sys, started, "the model to be ready", func(st *Status) (string, bool) { return st.Reason, st.Ready })

		of := func(m *Model) []live.Past {
			at, _ := m.Now(now)
			for m.tracker.JudgePast(at, 1000) {
			}
			return m.tracker.Past(m.View(now), "blue")
		}
		want := of(always)
		if s := want[0].Spells; len(s) == 0 || s[0].Level != live.LevelMajor || s[0].Wait.Station == 0 {
			t.Fatalf("speed %d: the page that always ran knows of %+v", speed, s)
		}
		var got []live.Past
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if got = of(started); reflect.DeepEqual(want, got) {
				break
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("speed %d: past (-always ran +started):\n%s", speed, d)
		}
	}
}

// Of a day's arrivals, those of a station whose clock was wrong are left out, however many
// they are, and single ones that are ahead. Late ones count.
func TestPastLeavesOutWrongClocks(t *testing.T) {
	net, arrivals, _ := stood(t)
	arrivals = arrivals[:800]
	var list []recalled
	ahead, late := arrivals[300], arrivals[311]
	for _, e := range arrivals {
		event := e.At
		switch {
		case e.Arrival.StationID == cumberland:
			event = event.Add(-20 * time.Minute)
		case e == ahead:
			event = event.Add(5 * time.Minute)
		case e == late:
			event = event.Add(-5 * time.Minute)
		}
		sent := wall0.Add(e.At.Sub(eight)).UnixMilli()
		list = append(list, recalled{cta.KeyAt(event), e.Arrival, sent})
		for k := range 80 * b2i(e.Arrival.StationID == cumberland) { // it is stuck
			list = append(list, recalled{cta.KeyAt(event), e.Arrival, sent + int64(k)})
		}
	}
	m := NewModel(net)
	last := arrivals[len(arrivals)-1]
	m.ApplyArrival(cta.KeyAt(last.At), last.Arrival, wall0.Add(last.At.Sub(eight)))
	m.Now(wall0.Add(last.At.Sub(eight)))
	var got []ctaproducer.Event
	for k, a := range m.right(newest(list)) {
		got = append(got, ctaproducer.Event{At: k.Time(), Arrival: a})
	}
	has := func(id string, at time.Time) bool {
		return slices.ContainsFunc(got, func(e ctaproducer.Event) bool {
			return e.Arrival.TrainID == id && e.At.Equal(at.Truncate(time.Millisecond))
		})
	}
	of := 0
	for _, e := range arrivals {
		if e.Arrival.StationID == cumberland {
			of++
		}
	}
	if len(got) != len(arrivals)-of-1 || has(ahead.Arrival.TrainID, ahead.At.Add(5*time.Minute)) || !has(late.Arrival.TrainID, late.At.Add(-5*time.Minute)) {
		t.Errorf("%d of %d arrivals count, of which %d are from a station with a wrong clock and one is ahead", len(got), len(arrivals), of)
	}
}

// What the page, its table and the API tell of the last 24 hours.
func TestPastIsTold(t *testing.T) {
	net, arrivals, began := stood(t)
	m := NewModel(net)
	m.SetReady()
	wall := func(at time.Time) time.Time { return wall0.Add(at.Sub(eight)) }
	now := eight.Add(10 * time.Minute)
	clock := HandlerConfig{Now: func() time.Time { return wall(now) }}
	if body := text(t, get(t, newHandler(t, m, clock), "GET", "/lines/blue")); !strings.Contains(body, `<section id="past" data-live class="past"></section>`) {
		t.Error("before the first event the page has a strip")
	}
	tell := func(until time.Time) {
		for ; len(arrivals) > 0 && arrivals[0].At.Before(until); arrivals = arrivals[1:] {
			e := arrivals[0]
			m.ApplyArrival(cta.KeyAt(e.At), e.Arrival, wall(e.At))
			if e.At.Minute() != e.At.Add(-10*time.Second).Minute() {
				at, _ := m.Now(wall(e.At))
				m.tracker.JudgePast(at, 1000)
			}
		}
	}
	tell(now)
	h := newHandler(t, m, clock)
	since := began.Truncate(time.Minute).Format("15:04")
	for url, want := range map[string][]string{
		"/lines/blue":                     {"<p>A train broken down since " + since + ".</p>", `aria-label="How the line ran towards Forest Park in the last 24 hours. A train broken down since ` + since + `."`, `<rect class="major" x=`, `–08:10</th><td>Major delays</td>`},
		"/lines/blue?lang=es":             {"<p>Un tren averiado desde las " + since + ".</p>", "<td>Retrasos graves</td>"},
		"/api/v1/lines/blue/history":      {`"slot_seconds":300,`, `"sentence":"A train broken down since ` + since + `."`, `"level":"major","cause":"standing"`},
		"/api/v1/lines/violet/history":    {`there is no such history`},
		"/api/v1/lines/blue/history?lang": {},
	} {
		body := text(t, get(t, h, "GET", url))
		for _, want := range want {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %s", url, want)
			}
		}
	}
	now = eight.Add(50 * time.Minute)
	tell(now)
	var got struct{ History pastSummary }
	if err := json.Unmarshal([]byte(text(t, get(t, h, "GET", "/api/v1/lines/blue/history"))), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.History.Directions) != 2 || len(got.History.Directions[0].Slots) != 288 || len(got.History.Directions[0].Spells) == 0 {
		t.Fatalf("history %+v", got.History)
	}
	spell := got.History.Directions[0].Spells[0]
	if spell.Wait == nil || spell.Wait.UsualSeconds != 240 || spell.Wait.Seconds < 900 {
		t.Errorf("spell %+v, want a wait of 15 minutes, usually 4", spell)
	}
	says := got.History.Directions[0].Sentence
	if want := "; longest wait "; !strings.Contains(says, want) || !strings.HasSuffix(says, ", usually 4.") {
		t.Errorf("the sentence is %q, want one of the longest wait", says)
	}
}
