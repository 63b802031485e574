package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-921eec07/ctalive/cta/embedded"
)

// TestKilled kills a process in the middle of a transaction. What was
// acknowledged and committed before is there for the next one, the rest isn't.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("CTALIVE_TEST_DATA_DIR"); dir != "" {
		beKilled(dir)
		return
	}
	dir := t.TempDir()
	child := exec.CommandContext(deadline(t), os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), "CTALIVE_TEST_DATA_DIR="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed
	if line != "ready\n" {
		t.Fatalf("the process to be killed said %q (%v)", line, err)
	}

	s := start(t, embedded.Config{DataDir: dir})
	c := client(t, s, kgo.ConsumeTopics("numbers"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	ctx := deadline(t)
	var got []string
	for len(got) < 4 {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %v: %v", got, err)
		}
		for _, r := range fetches.Records() {
			got = append(got, string(r.Value))
		}
		if len(got) == 3 { // the first process's; the transaction it left open must not be in the way
			next := client(t, s, kgo.DefaultProduceTopic("numbers"))
			if err := next.ProduceSync(ctx, kgo.StringRecord("after")).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "after"}, got); diff != "" {
		t.Error("committed records (-want +got):\n" + diff)
	}
	if got := post(t, s.RegistryURL()+"/subjects/numbers-value/versions", schemaBody(valueSchema)); got != `{"id":1}` {
		t.Errorf("the schema has id %s, want 1", got)
	}
}

// beKilled is the process to be killed: it says that it is ready and waits.
func beKilled(dir string) {
	err := func() error {
		ctx := context.Background()
		s, err := embedded.Start(ctx, embedded.Config{DataDir: dir})
		if err != nil {
			return err
		}
		c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.DefaultProduceTopic("numbers"),
			kgo.AllowAutoTopicCreation(), kgo.TransactionalID("numbers"))
		if err != nil {
			return err
		}
		if err := c.BeginTransaction(); err != nil {
			return err
		}
		for i := range 3 {
			if err := c.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
				return err
			}
		}
		if err := c.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return err
		}
		if err := c.BeginTransaction(); err != nil {
			return err
		}
		if err := c.ProduceSync(ctx, kgo.StringRecord("never")).FirstErr(); err != nil {
			return err
		}
		_, err = register(s.RegistryURL() + "/subjects/numbers-value/versions")
		return err
	}()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	select {}
}

// register registers valueSchema.
func register(url string) (int, error) {
	resp, err := http.Post(url, "application/json", strings.NewReader(schemaBody(valueSchema)))
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
