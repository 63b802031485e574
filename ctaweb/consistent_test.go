package ctaweb

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// What pages, API and stream say of a simulated day never contradicts itself: where trains
// run to, when they come, what they do, how lines run and how many riders entered. Looked at
// are moments at which something changes; with CTALIVE_DAY set, each half hour of a day.
func TestPagesAgree(t *testing.T) {
	net := cta.Chicago()
	at := func(hour, minute int) time.Time { return time.Date(2026, 10, 7, hour, minute, 0, 0, net.Location) }
	moments := []time.Time{at(0, 30), at(5, 0), at(9, 15), at(12, 0), at(23, 50)}
	if race.Enabled {
		moments = []time.Time{at(0, 30)} // some lines run, some end, some don't run
	}
	if os.Getenv("CTALIVE_DAY") != "" {
		moments = nil
		for i := range 48 {
			moments = append(moments, at(0, 30*i))
		}
	}
	seen := map[string]int{}
	for _, now := range moments {
		t.Run(now.Format("15:04"), func(t *testing.T) { agreeing(t, net, now, seen) })
	}
	for _, kind := range []string{"arrival", "ending", "train", "last", "not_running"} {
		if seen[kind] == 0 {
			t.Errorf("none of %s was looked at: too few to tell", kind)
		}
	}
	t.Log(seen)
}

func agreeing(t *testing.T, net *cta.Network, now time.Time, seen map[string]int) {
	const before, after = 2 * time.Hour, 40 * time.Second
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Seed: uint64(now.Hour()), Start: now.Add(-before), For: before + after})
	if err != nil {
		t.Fatal(err)
	}
	m := NewModel(net)
	wall := now
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return wall }})
	var later []ctaproducer.Event
	counts := map[int]int64{}
	tell := func(e ctaproducer.Event) {
		switch e.Kind {
		case ctaproducer.EventArrival:
			m.ApplyArrival(cta.KeyAt(e.At), e.Arrival, e.At)
		case ctaproducer.EventWeather:
			m.ApplyWeather(cta.KeyAt(e.At), e.Weather, e.At)
		case ctaproducer.EventEntry:
			counts[e.Entry.StationID]++
			m.ApplyCount(tables.TurnstileCount{StationID: e.Entry.StationID, Count: counts[e.Entry.StationID]}, e.At)
		}
	}
	for e := range sim.Events() {
		if e.At.After(now) {
			later = append(later, e)
			continue
		}
		tell(e)
	}
	m.SetReady()

	a := agreement{t: t, h: h, seen: seen}
	var st Status
	a.json("/api/v1/status", &st)
	first := h.pub.snapshot()
	begun := first.snapshotEvent(net, filter{})
	streamed := a.streamed(begun, nil)
	counted := a.counted(begun, map[string]int64{})
	a.same("the stream's entries", counted, entriesOf(&st))
	a.same("the stream's trains", streamed, trainsOf(&st))
	a.status(&st)
	a.boards(&st)
	a.trains(&st)

	for _, e := range later {
		tell(e)
	}
	wall = now.Add(after)
	h.pub.snapshot()
	var then Status
	a.json("/api/v1/status", &then)
	a.same("the stream's trains, after an update", a.streamed(h.pub.tail.data, streamed), trainsOf(&then))
	a.same("the stream's entries, after an update", a.counted(h.pub.tail.data, counted), entriesOf(&then))
}

// agreement holds what readers are told at one moment against one another.
type agreement struct {
	t    *testing.T
	h    *Handler
	seen map[string]int
}

func (a *agreement) json(url string, v any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(text(a.t, get(a.t, a.h, "GET", url))), v); err != nil {
		a.t.Fatal(url, err)
	}
}

func (a *agreement) same(what string, got, want any) {
	a.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		a.t.Errorf("%s (-status +read):\n%s", what, d)
	}
}

// read is what a page says, without its marks.
func (a *agreement) read(url string) string {
	a.t.Helper()
	return text(a.t, get(a.t, a.h, "GET", url))
}

func plainText(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(element.ReplaceAllString(page, " "))), " ")
}

func trainsOf(st *Status) map[string]Train {
	of := map[string]Train{}
	for _, l := range st.Lines {
		for _, t := range l.Trains {
			of[t.ID] = *t
		}
	}
	return of
}

// entriesOf are today's entries, where there are some.
func entriesOf(st *Status) map[string]int64 {
	of := map[string]int64{}
	for _, l := range st.Lines {
		for _, s := range l.Stations {
			if s.EntriesToday > 0 {
				of[strconv.Itoa(s.ID)] = s.EntriesToday
			}
		}
	}
	return of
}

func (a *agreement) update(c *chunk) (u update) {
	a.t.Helper()
	_, data, _ := strings.Cut(string(c.plain), "data: ")
	if err := json.Unmarshal([]byte(strings.TrimSpace(data)), &u); err != nil {
		a.t.Fatal(err)
	}
	return u
}

// counted applies an event of the stream to the entries that were known.
func (a *agreement) counted(c *chunk, known map[string]int64) map[string]int64 {
	a.t.Helper()
	now := maps.Clone(known)
	for id, n := range a.update(c).EntriesToday {
		if now[id] = n; n == 0 {
			delete(now, id)
		}
	}
	return now
}

// streamed applies an event of the stream to what was known.
func (a *agreement) streamed(c *chunk, known map[string]Train) map[string]Train {
	a.t.Helper()
	u := a.update(c)
	now := map[string]Train{}
	for id, t := range known {
		now[id] = t
	}
	for _, t := range u.Trains {
		now[t.ID] = *t
	}
	for _, id := range u.Gone {
		delete(now, id)
	}
	return now
}

// complaints are words of sentences that tell of something wrong.
var complaints = regexp.MustCompile(`gap|apart|overdue|standing|nothing heard|instead`)

// status holds the pages of the system and of the lines against the API.
func (a *agreement) status(st *Status) {
	page := a.read("/")
	running := 0
	for _, l := range st.Lines {
		up, down := l.running()
		running += up + down
		linePage := a.read("/lines/" + l.ID)
		level := levelOf.FindStringSubmatch(linePage)
		if len(level) < 2 || level[1] != string(l.Level) {
			a.t.Errorf("%s: the page's level is %v, the API's %s", l.ID, level, l.Level)
		}
		a.seen[string(l.Level)]++
		for _, d := range l.Directions {
			for where, text := range map[string]string{"system's": page, "line's": linePage} {
				if !strings.Contains(unlinked(text), d.Sentence) {
					a.t.Errorf("the %s page lacks %q", where, d.Sentence)
				}
			}
			if (d.Level == live.LevelGood || d.Level == live.LevelNotRunning) && complaints.MatchString(d.Sentence) {
				a.t.Errorf("the level is %s: %q", d.Level, d.Sentence)
			}
			if d.Level == live.LevelNotRunning && d.Cause != live.CauseNoService {
				a.t.Errorf("not running: %+v", d)
			}
		}
		var entries, today int64
		of := page[strings.Index(page, `id="line-`+l.ID+`"`):]
		for _, s := range l.Stations {
			entries, today = entries+s.Entries, today+s.EntriesToday
			row := fmt.Sprintf(`(?s)<li data-s="%d">.*?</li>`, s.ID)
			for where, want := range map[string]string{
				regexp.MustCompile(row).FindString(of):       `<b>` + english().number(s.EntriesToday) + `</b>`,
				regexp.MustCompile(row).FindString(linePage): `class="riders">` + english().number(s.EntriesToday) + ` entries`,
			} {
				if !strings.Contains(where, want) {
					a.t.Errorf("%s has %d entries today, a page says %q", s.Name, s.EntriesToday, where)
				}
			}
		}
		if entries != l.Entries || today != l.EntriesToday || !strings.Contains(of[:strings.Index(of, "</summary>")], "<b>"+english().number(today)+"</b> entries") {
			a.t.Errorf("%s has %d and today %d entries, its stations %d and %d", l.ID, l.Entries, l.EntriesToday, entries, today)
		}
	}
	if got := regexp.MustCompile(`id="trains">(\d+)<`).FindStringSubmatch(page); got[1] != strconv.Itoa(running) {
		a.t.Errorf("%s trains run on the page, %d by the API", got[1], running)
	}
}

// entriesToday are those of a station.
func (st *Status) entriesToday(id int) int64 {
	for _, l := range st.Lines {
		for _, s := range l.Stations {
			if s.ID == id {
				return s.EntriesToday
			}
		}
	}
	return 0
}

var (
	onePlatform = regexp.MustCompile(`(?s)<section class="platform.*?</section>`)
	oneRow      = regexp.MustCompile(`(?s)<tr class="l\d+">.*?</tr>`)
)

// boards holds each station's page, board and answers against one another and against its
// trains.
func (a *agreement) boards(st *Status) {
	trains := trainsOf(st)
	stops := map[string]map[string]plannedArrival{} // by train, then platform
	for i, s := range a.h.model.net.Stations {
		if race.Enabled && i%4 > 0 {
			continue // each page is as another
		}
		var answer struct{ Station stationDetail }
		a.json(fmt.Sprintf("/api/v1/stations/%d", s.ID), &answer)
		page := a.read(fmt.Sprintf("/stations/%d", s.ID))
		sections := onePlatform.FindAllString(page, -1)
		rows := oneRow.FindAllString(a.read(fmt.Sprintf("/board/%d", s.ID)), -1)
		if n := st.entriesToday(s.ID); n != answer.Station.Today.Entries || n != answer.Station.EntriesToday || !strings.Contains(plainText(page), english().entries(n)+" since ") && n > 0 {
			a.t.Errorf("%s has %d entries today, by its own answer %d of %+v, or its page differs", s.Name, n, answer.Station.EntriesToday, answer.Station.Today)
		}
		if len(sections) != len(answer.Station.Predictions) {
			a.t.Fatalf("%s has %d platforms on its page, %d by the API", s.Name, len(sections), len(answer.Station.Predictions))
		}
		for i, b := range answer.Station.Predictions {
			name := fmt.Sprintf("%s, %s towards %s", s.Name, b.Line, b.Towards)
			says := plainText(sections[i])
			line, _ := st.line(b.Line)
			if !b.Ends && !strings.Contains(says, "towards "+b.Towards) || b.Ends && !strings.Contains(says, "last stop") {
				a.t.Errorf("%s: the page says %q", name, says)
			}
			d := english().platform(a.h.model.net, line, b.Direction, st.AsOf)
			if (b.Spacing == live.SpacingNone || d.cause == live.CauseEnding) && b.empty() && (d.Level != live.LevelUnknown || d.cause == live.CauseBeginning) {
				d.Level = live.LevelNotRunning
			}
			far := d.Level == live.LevelGood && b.Spacing == live.SpacingNone && !b.uneven // its service begins later here
			if !b.Ends && !far && (d.Level != live.LevelGood || !b.empty()) && !strings.Contains(sections[i], `class="level `+string(d.Level)+`"`) {
				a.t.Errorf("%s: the page doesn't say that the line is %s: %q", name, d.Level, says)
			}
			if strings.Contains(sections[i], `class="level good"`) && (far || len(b.Next)+len(b.Here)+len(b.Ending) == 0 || strings.Contains(says, "o trains")) {
				a.t.Errorf("%s: good service, but no trains: %q", name, says)
			}
			if d.Level == live.LevelGood && complaints.MatchString(says) && len(b.Standing) == 0 {
				a.t.Errorf("%s: good service, but %q", name, says)
			}
			if d.Level == live.LevelNotRunning {
				if len(b.Next) > 0 || !b.Ends && !strings.Contains(says, "no trains come here") || strings.Contains(says, "very ") {
					a.t.Errorf("%s: not running, but %q", name, says)
				}
			}
			if !b.Last.IsZero() {
				a.seen["last"]++
				if !strings.Contains(says, "Last train: "+clockText(b.Last)) || len(b.Next) > 0 && b.Next[0].Expected.After(b.Last) {
					a.t.Errorf("%s: last %v: %q", name, b.Last, says)
				}
				if strings.Contains(says, "last about") && !strings.Contains(says, "last about "+clockText(b.Last)) {
					a.t.Errorf("%s: two times of the last train, %v and another: %q", name, b.Last, says)
				}
			}
			for _, t := range b.Standing {
				a.seen["standing"]++
				if trains[t.Train].State != live.StateStanding || !trains[t.Train].Since.Equal(t.Since) || !strings.Contains(says, "Broken down at the platform since "+clockText(t.Since)) {
					a.t.Errorf("%s: %+v stands, the train is %+v, the page %q", name, t, trains[t.Train], says)
				}
			}
			for _, id := range b.Here {
				if t := trains[id]; t.State == live.StateStanding || t.Station != s.ID {
					a.t.Errorf("%s: %s is here, as %+v", name, id, t)
				}
			}
			onBoard := slices.IndexFunc(rows, func(r string) bool {
				return strings.Contains(r, `<th scope="row">`+html.EscapeString(b.Towards)+`<`) && strings.Contains(r, ">"+line.short()+"<")
			})
			if (len(b.Next)+len(b.Here)+len(b.Standing) > 0) != (onBoard >= 0) && b.Resumes.IsZero() {
				a.t.Errorf("%s: on the board %v, %d trains come", name, onBoard >= 0, len(b.Next))
			}
			for _, n := range slices.Concat(b.Next, b.Ending) {
				a.seen["arrival"]++
				if n.Ends {
					a.seen["ending"]++
				}
				if n.Train == "" || n.Basis == live.BasisHeadway || n.Basis == live.BasisTimetable {
					continue
				}
				of, ok := stops[n.Train]
				if !ok {
					of = map[string]plannedArrival{}
					var answer struct{ Train trainDetail }
					a.json("/api/v1/trains/"+n.Train, &answer)
					for _, stop := range answer.Train.Stops {
						of[strconv.Itoa(stop.Station)+stop.Towards+strconv.FormatBool(stop.Ends)+stop.Expected.String()] = stop
					}
					stops[n.Train] = of
				}
				if stop, ok := of[strconv.Itoa(n.Station)+n.Towards+strconv.FormatBool(n.Ends)+n.Expected.String()]; !ok || stop.Maybe != n.Maybe || !stop.Latest.Equal(n.Latest) {
					a.t.Errorf("%s: train %s comes as %+v, which it doesn't know of itself", name, n.Train, n)
				}
			}
			if slices.ContainsFunc(b.Next, func(n plannedArrival) bool { return n.Ends }) || b.Ends && len(b.Next)+len(b.Here) > 0 {
				a.t.Errorf("%s: trains that end here can be boarded: %+v", name, b)
			}
		}
	}
}

// trains holds each train's page and answer against the status.
func (a *agreement) trains(st *Status) {
	for _, l := range st.Lines {
		for i, t := range l.Trains {
			if race.Enabled && i%4 > 0 {
				continue
			}
			a.seen["train"]++
			var answer struct{ Train trainDetail }
			a.json("/api/v1/trains/"+t.ID, &answer)
			a.same("train "+t.ID, *answer.Train.Train, *t)
			says := plainText(a.read("/trains/" + t.ID))
			if ended := t.State == live.StateTurning; !strings.Contains(says, "towards "+t.Towards) && !ended || ended != strings.Contains(says, "has ended") && t.Status == cta.TrainInService {
				a.t.Errorf("train %+v: the page says %q", t, says)
			}
			// It runs to one place, but for the loop that it comes to, and round it.
			for _, s := range answer.Train.Stops {
				if loop := l.Loop != "" && (strings.Contains(s.Towards, l.Loop) || strings.Contains(t.Towards, l.Loop)); !s.Maybe && !loop && s.Towards != t.Towards {
					a.t.Errorf("train %s runs towards %s, at %d towards %s", t.ID, t.Towards, s.Station, s.Towards)
				}
			}
		}
	}
}
