package member

import (
	"log/slog"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// Of the group's open transactions, those of the dead are ended, and that of a member
// that lives is not.
func TestSweepLeavesTransactionsOfTheLivingAlone(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	alive, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("in"))
	if err != nil {
		t.Fatal(err)
	}
	defer alive.CloseAllowingRebalance()
	id := ""
	for end := time.Now().Add(30 * time.Second); id == ""; time.Sleep(time.Millisecond) {
		if id, _ = alive.GroupMetadata(); time.Now().After(end) {
			t.Fatal("no member after 30 s")
		}
	}
	open := func(txn string) *kgo.Client {
		w, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID(txn), kgo.DefaultProduceTopic("in"))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := w.ProduceSync(t.Context(), kgo.StringRecord("x")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		return w
	}
	living, dead := open(transactionOf("g", "", id)), open(transactionOf("g", "", "dead"))
	defer living.Close()
	defer dead.Close()

	log := slog.New(slog.DiscardHandler)
	conf := sarama.NewConfig()
	conf.Version, conf.ApiVersionsRequest = sarama.V3_9_0_0, true
	cl := cluster.New(c.ListenAddrs(), conf, nil, log)
	defer cl.Close()
	if _, err := cl.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := &member{cfg: record.TransformConfig{Group: "g"}, cl: cl, ctx: t.Context(), log: &reasons{Logger: log, explain: cl, at: make(map[string]time.Time)}}
	if err := m.endOrphans(); err != nil {
		t.Fatal(err)
	}
	if err := living.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Errorf("the transaction of a living member: %v", err)
	}
	if err := dead.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
		t.Error("the transaction of a dead member can still be committed")
	}
}
