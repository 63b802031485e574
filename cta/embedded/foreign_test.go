package embedded_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// The tests in this file run clients that nobody of this project wrote against
// the embedded services. They are skipped where those aren't installed, unless
// CTALIVE_FOREIGN=1 says that they are. They want kcat, curl, and a Python named
// by CTALIVE_PYTHON (default: python3) with the packages confluent-kafka[avro].

// need returns the path of a tool.
func need(t *testing.T, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		missing(t, tool+" is not installed")
	}
	return path
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CTALIVE_FOREIGN") == "1" {
		t.Fatal(what + ", and CTALIVE_FOREIGN=1 wants it")
	}
	t.Skip(what)
}

// run returns what a program prints on its standard output.
func run(t *testing.T, stdin string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(deadline(t), program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

func TestKcat(t *testing.T) {
	kcat := need(t, "kcat")
	s := start(t, embedded.Config{})
	broker := s.Brokers()[0]
	run(t, "a:1\nb:2\n", kcat, "-b", broker, "-P", "-t", "words", "-K", ":")
	if got, want := run(t, "", kcat, "-b", broker, "-C", "-t", "words", "-e", "-q", "-f", "%k=%s@%o "), "a=1@0 b=2@1 "; got != want {
		t.Errorf("records are %q, want %q", got, want)
	}
	if got, want := run(t, "", kcat, "-b", broker, "-L"), `topic "words" with 1 partitions`; !strings.Contains(got, want) {
		t.Errorf("kcat -L doesn't show %q:\n%s", want, got)
	}
	if got := run(t, "", kcat, "-b", broker, "-X", "auto.offset.reset=earliest", "-e", "-q", "-f", "%s ", "-G", "readers", "words"); got != "1 2 " {
		t.Errorf("a group reads %q, want both records", got)
	}
	if got, want := run(t, "", kcat, "-b", broker, "-Q", "-t", "words:0:-1"), "words [0] offset 2\n"; got != want {
		t.Errorf("the end is %q, want %q", got, want)
	}
}

func TestConfluentKafka(t *testing.T) {
	python := os.Getenv("CTALIVE_PYTHON")
	if python == "" {
		python = "python3"
	}
	python = need(t, python)
	if err := exec.CommandContext(deadline(t), python, "-c", "import confluent_kafka.schema_registry.avro").Run(); err != nil {
		missing(t, "Python has no confluent-kafka[avro]")
	}
	s := start(t, embedded.Config{})
	topic := writeArrival(t, s)
	out := run(t, "", python, "testdata/foreign/confluent.py", s.Brokers()[0], s.RegistryURL(), topic)
	want := []string{
		"arrival: 1590000000000 40380 BL001 in_service 40010",
		"committed: 1",
		"never committed: -1001", // librdkafka's name for none
		"weather: [0.5, 1.5, 2.5]",
		"committed records: ['kept', 'kept too']",
		"done",
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(out), "\n")); diff != "" {
		t.Error("output (-want +got):\n" + diff)
	}
	if diff := cmp.Diff([]string{"BL001 40010", "BL002 40010"}, readTrains(t, s, topic)); diff != "" {
		t.Error("trains, ours and the Python client's (-want +got):\n" + diff)
	}
}

// readTrains returns the trains of a topic of arrivals and where they come from.
func readTrains(t *testing.T, s *embedded.Services, topic string) (trains []string) {
	t.Helper()
	ctx := deadline(t)
	client, format, done := arrivals(t, s)
	defer done()
	err := client.Read(ctx, kafka.ReadConfig{Match: kafka.Names(topic), StopAtEnd: true}, func(ctx context.Context, r kafka.Record) error {
		_, v, err := format.Decode(ctx, r)
		if err == nil {
			trains = append(trains, fmt.Sprint(v.TrainID, " ", *v.PrevStationID))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return trains
}

// arrivals returns a client of the services and the format of arrivals.
func arrivals(t *testing.T, s *embedded.Services) (*kafka.Client, wire.Records[cta.Key, cta.Arrival], func()) {
	t.Helper()
	client, err := kafka.Connect(deadline(t), kafka.Config{Brokers: s.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: s.RegistryURL()})
	if err != nil {
		t.Fatal(err)
	}
	events, err := wire.AvroRecords[cta.Key, cta.Arrival](registry, schemas.ArrivalKey, schemas.ArrivalValue)
	if err != nil {
		t.Fatal(err)
	}
	return client, events, func() {
		registry.Close()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

// writeArrival writes an arrival as the producers of this project do, and
// returns its topic.
func writeArrival(t *testing.T, s *embedded.Services) string {
	t.Helper()
	ctx := deadline(t)
	client, format, done := arrivals(t, s)
	defer done()
	topic := cta.Topics{}.Arrivals(cta.Chicago().Station(40380))
	prev, direction := 40010, cta.DirectionA
	record, err := format.Record(ctx, topic,
		cta.KeyAt(time.UnixMilli(1590000000000)), cta.Arrival{
			StationID: 40380, TrainID: "BL001", Direction: direction, Line: "blue", TrainStatus: cta.TrainInService,
			PrevStationID: &prev, PrevDirection: &direction,
		})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.EnsureTopics(ctx, kafka.EventTopic(topic, 1)); err != nil {
		t.Fatal(err)
	}
	producer, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := producer.Send(ctx, record, nil); err != nil {
		t.Error(err)
	}
	if err := producer.Close(); err != nil {
		t.Fatal(err)
	}
	return topic
}

func TestCurl(t *testing.T) {
	curl := need(t, "curl")
	s := start(t, embedded.Config{})
	got := run(t, "", curl, "-sS", "--fail-with-body", "-H", "Content-Type: application/vnd.schemaregistry.v1+json",
		"-d", schemaBody(keySchema), s.RegistryURL()+"/subjects/weather-key/versions")
	if strings.TrimSpace(got) != `{"id":1}` {
		t.Errorf("registering a schema gives %s, want id 1", got)
	}
	got = run(t, "", curl, "-sS", "--fail-with-body", "-H", "Content-Type: application/vnd.kafka.avro.v2+json",
		"-d", `{"key_schema_id":1,"value_schema":"\"string\"","records":[{"key":{"timestamp":1},"value":"windy"}]}`,
		s.RESTProxyURL()+"/topics/weather")
	if want := `{"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null}],"key_schema_id":1,"value_schema_id":2}`; got != want {
		t.Errorf("posting weather gives %s, want %s", got, want)
	}
}
