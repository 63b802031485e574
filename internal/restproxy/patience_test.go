package restproxy_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/restproxy"
)

// A client that goes away while the brokers are slow takes nobody's record with it.
func TestOneClientsEndIsNotAnothers(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "weather"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	reached, release := make(chan struct{}, 10), make(chan struct{})
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		cluster.SleepControl(func() {
			reached <- struct{}{}
			<-release
		})
		return nil, nil, false
	})
	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	h, err := restproxy.New(restproxy.Config{Brokers: cluster.ListenAddrs(), Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	post := func(ctx context.Context, value string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/topics/weather", strings.NewReader(`{"records":[{"value":"`+value+`"}]}`))
		r.Header.Set("Content-Type", binary)
		wg.Go(func() { h.ServeHTTP(w, r) })
		return w
	}
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	post(leaving, "Zmlyc3Q=")
	select {
	case <-reached:
	case <-time.After(10 * time.Second):
		t.Fatal("no record reached the broker")
	}
	stays := post(t.Context(), "c2Vjb25k")
	leave()
	close(release)
	wg.Wait()
	if got := stays.Body.String(); !strings.Contains(got, `"error_code":null`) {
		t.Errorf("the record of the client that stays: %s", got)
	}
}
