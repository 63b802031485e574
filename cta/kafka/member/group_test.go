package member

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
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
		log := slog.New(slog.DiscardHandler)
		cl := cluster.New([]string{"127.0.0.1:1"}, sarama.NewConfig(), log)
		ctx, cancel := context.WithCancel(t.Context())
		m := &member{cfg: Config{InstanceID: test.instance}, cl: cl, ctx: ctx, log: &reasons{log: log, explain: cl, at: make(map[string]time.Time)}}
		m.given(as{"id", test.generations[0]}, false, map[string][]int32{"in": {0}})
		m.session = newSession(m, m.held)
		for _, g := range test.generations[1:] {
			m.given(as{"id", g}, false, map[string][]int32{"in": {0}})
		}
		if lost := m.session.lost && !m.joined && len(m.held) == 0; lost != test.lost {
			t.Errorf("instance %q in generations %v: partitions lost is %t, want %t", test.instance, test.generations, lost, test.lost)
		}
		cancel()
		cl.Close()
		m.helper.Wait()
	}
}
