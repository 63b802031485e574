package member

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// A static member stays in its group when that has a generation without it, and may
// lose partitions unasked. So it gives all up before it can be seen. A dynamic member is
// thrown out.
func TestStaticMemberThatMissesAGenerationBeginsAnew(t *testing.T) {
	for _, test := range []struct {
		instance    string
		generations []int32
		lost        bool
	}{
		{"one", []int32{3, 4, 5}, false},
		{"one", []int32{3, 4, 6}, true},
		{"", []int32{3, 4, 6}, false},
	} {
		m := bare(t, test.instance)
		m.onAssignment(generation{"id", test.generations[0]}, nil, map[string][]int32{"in": {0}})
		m.session = newSession(m, m.assigned)
		for _, g := range test.generations[1:] {
			m.onAssignment(generation{"id", g}, nil, map[string][]int32{"in": {0}})
		}
		if lost := m.session.ended && !m.joined && len(m.assigned) == 0; lost != test.lost {
			t.Errorf("instance %q in generations %v: partitions lost is %t, want %t", test.instance, test.generations, lost, test.lost)
		}
	}
}

// Partitions that the member claimed as it joined go to no other member until it has joined
// without them. So it joins again also when it no longer had a session with them, or loses
// the session while it gives them up.
func TestMemberJoinsWithoutWhatItLost(t *testing.T) {
	in := func(n int32) record.Partition { return record.Partition{Topic: "in", Partition: n} }
	for name, lose := range map[string]func(*member){
		"before": func(m *member) {
			m.session.close(nil)
			m.onAssignment(generation{"id", 4}, m.assigned, map[string][]int32{"in": {0}})
		},
		"while it gives them up": func(m *member) {
			m.session.parts[in(0)].state, m.session.parts[in(1)].state = stateActive, stateActive
			m.onAssignment(generation{"id", 4}, m.assigned, map[string][]int32{"in": {0}})
			m.session.close(errors.New("a commit failed"))
		},
		"nothing lost": func(m *member) {
			m.session.close(nil)
			m.onAssignment(generation{"id", 4}, m.assigned, map[string][]int32{"in": {0, 1}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := bare(t, "")
			m.onAssignment(generation{"id", 3}, nil, map[string][]int32{"in": {0, 1}})
			m.session = newSession(m, m.assigned)
			lose(m)
			for len(m.calls) > 0 {
				(<-m.events)()
			}
			if want := name != "nothing lost"; m.rejoin != want {
				t.Errorf("the member joins again: %t, want %t", m.rejoin, want)
			}
		})
	}
}

// Topics may come at any moment: before the member joins, while it does, and while it has
// partitions. It joins again for each, and not for ever if all have gone.
func TestMemberJoinsAgainForTopicsThatCome(t *testing.T) {
	m := bare(t, "")
	m.cfg.Match = func(string) bool { return true }
	look := func(names ...string) {
		v := &cluster.View{Topics: map[string]*cluster.Topic{}}
		for _, name := range names {
			v.Topics[name] = &cluster.Topic{Leaders: []int32{1}}
		}
		m.updateTopics(v)
	}
	begins := func() { m.rejoin, m.subscribed = false, m.wanted } // as join does
	for _, step := range []struct {
		what string
		do   func()
		want bool
	}{
		{"a topic before the first join", func() { look("a"); begins() }, false},
		{"one that comes during the first join", func() { look("a", "b"); m.joined = true; look("a", "b") }, true},
		{"the same ones", func() { begins(); look("a", "b") }, false},
		{"one that comes while it joins again", func() { begins(); look("a", "b", "c"); look("a", "b", "c") }, true},
		{"all gone", func() { begins(); look() }, true},
		{"back", func() { begins(); look("a", "b", "c") }, true},
	} {
		if step.do(); m.rejoin != step.want {
			t.Errorf("%s: the member joins again: %t, want %t", step.what, m.rejoin, step.want)
		}
	}
}

// none is a Transformer without work.
type none struct{ record.Transformer }

func (none) Revoke([]record.Partition) {}

// bare returns a member without a cluster, whose loop is the test.
func bare(t *testing.T, instance string) *member {
	log := slog.New(slog.DiscardHandler)
	cl := cluster.New([]string{"127.0.0.1:1"}, sarama.NewConfig(), nil, log)
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{
		cfg: record.TransformConfig{InstanceID: instance}, cl: cl, ctx: ctx, transformer: none{}, metrics: newMetrics(nil, "g"),
		log: &reasons{Logger: log, explain: cl, at: make(map[string]time.Time)}, events: make(chan func()), loopEnded: make(chan struct{}),
	}
	m.joinCtx, m.cancelJoin = context.WithCancel(ctx)
	m.cancel = cancel
	t.Cleanup(func() {
		cancel()
		close(m.loopEnded)
		cl.Close()
		m.goroutines.Wait()
	})
	return m
}

// Transform may hang while partitions come and go. The loop goes on, and the calls that wait
// follow in their order.
func TestCallsThatWaitDoNotStopTheLoop(t *testing.T) {
	m := bare(t, "")
	release := make(chan struct{})
	m.callTransformer(func() func() { <-release; return func() {} })
	var got []int
	queued := make(chan struct{})
	go func() {
		defer close(queued)
		for n := range 200 {
			m.callTransformer(func() func() { got = append(got, n); return func() {} })
		}
	}()
	select {
	case <-queued:
	case <-time.After(20 * time.Second):
		t.Fatal("the loop waits for a call of the Transformer")
	}
	close(release)
	for len(m.calls) > 0 {
		(<-m.events)()
	}
	if len(got) != 200 || !slices.IsSorted(got) {
		t.Errorf("calls ran in the order %v, want all, one after the other", got)
	}
}

// A join may wait for other members, or for a coordinator that hangs. Nothing else is under
// way, so the member leaves at once.
func TestMemberDoesNotWaitForItsJoinToLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := bare(t, "")
		m.cfg.Refresh, m.cfg.SessionTimeout = time.Second, 10*time.Second
		ctx, cancel := context.WithCancel(t.Context())
		m.joining = true
		m.async(func() func() {
			cancel()
			<-m.joinCtx.Done()
			return func() { m.joining = false }
		})
		begun := time.Now()
		if err := m.loop(ctx); err != nil || m.joining {
			t.Errorf("the loop ended with %v, joining %t", err, m.joining)
		}
		if waited := time.Since(begun); waited > time.Second {
			t.Errorf("it took %v to leave", waited)
		}
	})
	if most := hangTimeout + goodbyeTimeout; most >= 5*time.Second || commitTimeout >= hangTimeout {
		t.Errorf("a member may take %v to leave, want less than the 5 s of a program", most)
	}
}

// What still runs of a session that has ended would meet the state of the next one.
func TestSessionBeginsAfterTheLastOne(t *testing.T) {
	for name, runs := range map[string]func(m *member) (end func()){
		"call":        func(m *member) func() { m.calls = make([]func() func(), 1); return func() { m.calls = nil } },
		"assignment":  func(m *member) func() { m.assigning = true; return func() { m.assigning = false } },
		"transaction": func(m *member) func() { m.txnInUse = true; return func() { m.txnInUse = false } },
	} {
		t.Run(name, func(t *testing.T) {
			m := bare(t, "")
			m.txn = &txn{cl: m.cl, log: m.log}
			m.onAssignment(generation{"id", 3}, nil, map[string][]int32{"in": {0}})
			m.session = newSession(m, m.assigned)
			m.session.ended = true
			last, end := m.session, runs(m)
			if m.advance(); m.session != last {
				t.Error("a session begins while the last one still works")
			}
			end()
			if m.advance(); m.session == last {
				t.Error("no session begins when nothing of the last one runs")
			}
		})
	}
}
