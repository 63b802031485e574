package restproxy_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/restproxy"
)

// A REST Proxy in front of any Kafka cluster and registry; here, of embedded ones.
func ExampleNew() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	services, err := embedded.Start(ctx, embedded.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer services.Close()
	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: services.RegistryURL()})
	if err != nil {
		log.Fatal(err)
	}
	defer registry.Close()

	proxy, err := restproxy.New(restproxy.Config{Brokers: services.Brokers(), Registry: registry})
	if err != nil {
		log.Fatal(err)
	}
	defer proxy.Close()

	for _, body := range []string{
		`{"value_schema":"\"string\"","records":[{"value":"sunny"}]}`,
		`{"value_schema_id":1,"records":[{"value":"cloudy"}]}`,
		`{"records":[{"value":"windy"}]}`,
	} {
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/topics/sky", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/vnd.kafka.avro.v2+json")
		w := httptest.NewRecorder()
		proxy.ServeHTTP(w, req)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 {"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":1}
	// 200 {"offsets":[{"partition":0,"offset":1,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":1}
	// 422 {"error_code":42202,"message":"The request has neither value_schema nor value_schema_id, but record 0 has a value"}
}
