package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
)

func TestStartTwice(t *testing.T) {
	first := start(t, embedded.Config{})
	second := start(t, embedded.Config{})
	for _, s := range []*embedded.Services{first, second} {
		for _, url := range []string{s.RegistryURL() + "/subjects", s.RESTProxyURL() + "/topics"} {
			if status, body := get(t, url); status != http.StatusOK || body != "[]" {
				t.Errorf("GET %s: %d %s, want 200 []", url, status, body)
			}
		}
	}
	if first.Brokers()[0] == second.Brokers()[0] {
		t.Error("two services share the address", first.Brokers()[0])
	}
}

func TestAddressInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := ln.Addr().String()
	for service, cfg := range map[string]embedded.Config{
		"embedded Kafka broker":    {Kafka: addr},
		"embedded schema registry": {Registry: addr},
		"embedded REST Proxy":      {RESTProxy: addr, DataDir: t.TempDir()},
	} {
		_, err := embedded.Start(t.Context(), cfg)
		var refused *cta.ServiceError
		if !errors.As(err, &refused) {
			t.Errorf("%s: error is %v, want a ServiceError", service, err)
			continue
		}
		if refused.Service != service || refused.Addr != addr || !strings.Contains(refused.Hint, "another program listens there") {
			t.Errorf("error is %v, want service %s, address %s and a remedy", err, service, addr)
		}
	}
}

// A start that fails early or late leaves no address in use.
func TestFailedStartFreesItsAddresses(t *testing.T) {
	listen := func(addr string) net.Listener {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	used, free := listen("127.0.0.1:0"), listen("127.0.0.1:0")
	defer used.Close()
	addr := free.Addr().String()
	free.Close()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "registry.jsonl"), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []embedded.Config{{Kafka: addr, RESTProxy: used.Addr().String()}, {Kafka: addr, DataDir: dir}, {RESTProxy: addr, DataDir: dir}} {
		if _, err := embedded.Start(t.Context(), cfg); err == nil {
			t.Fatalf("%+v: started", cfg)
		}
		listen(addr).Close()
	}
}

func TestWrongSettings(t *testing.T) {
	_, err := embedded.Start(t.Context(), embedded.Config{Kafka: ":9092", Registry: "localhost", RESTProxy: "0.0.0.0:1"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`Kafka is ":9092"`, `Registry is "localhost"`, `RESTProxy is "0.0.0.0:1"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error is %q, want it to contain %q", err, want)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	s := start(t, embedded.Config{DataDir: t.TempDir()})
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// TestRestart shows that nothing is lost over a restart: records, a group's
// position, and schemas with their ids.
func TestRestart(t *testing.T) {
	cfg := embedded.Config{DataDir: t.TempDir()}
	ctx := deadline(t)
	s := start(t, cfg)
	producer := client(t, s, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("numbers"))
	for i := range 10 {
		if err := producer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := consume(t, s, 6), []string{"0", "1", "2", "3", "4", "5"}; !cmp.Equal(got, want) {
		t.Fatalf("before the restart: %v, want %v", got, want)
	}
	key := post(t, s.RegistryURL()+"/subjects/numbers-key/versions", schemaBody(keySchema))
	post(t, s.RegistryURL()+"/subjects/other-key/versions", schemaBody(keySchema))
	value := post(t, s.RegistryURL()+"/subjects/numbers-value/versions", schemaBody(valueSchema))
	put(t, s.RegistryURL()+"/config/numbers-value", `{"compatibility":"FULL"}`)
	producer.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = start(t, cfg)
	if got, want := consume(t, s, 4), []string{"6", "7", "8", "9"}; !cmp.Equal(got, want) {
		t.Errorf("after the restart: %v, want %v", got, want)
	}
	for subject, want := range map[string]string{"numbers-key": key, "other-key": key, "numbers-value": value} {
		schema := keySchema
		if subject == "numbers-value" {
			schema = valueSchema
		}
		if got := post(t, s.RegistryURL()+"/subjects/"+subject+"/versions", schemaBody(schema)); got != want {
			t.Errorf("%s: id %s after the restart, want %s", subject, got, want)
		}
	}
	if _, got := get(t, s.RegistryURL()+"/config/numbers-value"); got != `{"compatibilityLevel":"FULL"}` {
		t.Errorf("level after the restart: %s", got)
	}
	if got := post(t, s.RegistryURL()+"/subjects/more-value/versions", schemaBody(`"int"`)); got != `{"id":3}` {
		t.Errorf("id of a new schema after the restart: %s, want 3", got)
	}
}

// consume reads n records of topic numbers as group g, and commits.
func consume(t *testing.T, s *embedded.Services, n int) []string {
	t.Helper()
	ctx := deadline(t)
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.ConsumerGroup("g"),
		kgo.ConsumeTopics("numbers"), kgo.DisableAutoCommit())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got []string
	for len(got) < n {
		fetches := c.PollRecords(ctx, n-len(got))
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %v: %v", got, err)
		}
		records := fetches.Records()
		for _, r := range records {
			got = append(got, string(r.Value))
		}
		if err := c.CommitRecords(ctx, records...); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func TestDataDirLocked(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embedded.Config{DataDir: dir})
	_, err := embedded.Start(t.Context(), embedded.Config{DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), dir+" is used by another process") {
		t.Errorf("second start: %v, want a refusal that names the directory", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, embedded.Config{DataDir: dir})
}

func TestStartContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := embedded.Start(ctx, embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	cancel() // the start is over
	if status, _ := get(t, s.RegistryURL()+"/subjects"); status != http.StatusOK {
		t.Errorf("status is %d after ctx ended, want 200", status)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := embedded.Start(ctx, embedded.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("start with a context that has ended: %v", err)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := embedded.Start(b.Context(), embedded.Config{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
