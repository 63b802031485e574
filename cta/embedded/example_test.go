package embedded_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// A whole Kafka system in a few lines: weather goes in by HTTP, and comes out
// of the topic.
func ExampleStart() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	services, err := embedded.Start(ctx, embedded.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer services.Close()

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, services.RESTProxyURL()+"/topics/weather",
		strings.NewReader(`{"records":[{"value":{"temperature":40.5,"status":"sunny"}}]}`))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.kafka.json.v2+json")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Status, string(answer))

	client, err := kafka.Connect(ctx, kafka.Config{Brokers: services.Brokers()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = client.Read(ctx, kafka.ReadConfig{Match: kafka.Names("weather"), StopAtEnd: true},
		func(_ context.Context, r kafka.Record) error {
			fmt.Println(r.Topic, r.Partition, r.Offset, string(r.Value))
			return nil
		})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 200 OK {"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":null}
	// weather 0 0 {"temperature":40.5,"status":"sunny"}
}
