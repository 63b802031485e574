package cluster

import (
	"log/slog"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// A cluster that has no controller for a moment lacks a broker, not a partition's leader.
func TestMissingControllerIsNamed(t *testing.T) {
	c := New([]string{"127.0.0.1:1"}, sarama.NewConfig(), nil, slog.New(slog.DiscardHandler))
	defer c.Close()
	c.view.Store(&View{at: time.Now().Add(time.Hour), Controller: -1})
	err := c.Ask(t.Context(), Controller(), time.Second, nil)
	if err == nil {
		t.Fatal("a request found a controller")
	}
	if got, want := c.Explain(err).Text, "a broker isn't available"; got != want || !Retriable(err) {
		t.Errorf("the reason is %q, want %q, until there is one", got, want)
	}
}
