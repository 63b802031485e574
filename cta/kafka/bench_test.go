package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"
)

// BenchmarkProducer sends records of the size of an Avro turnstile entry to a
// broker in this process, as fast as it takes them.
func BenchmarkProducer(b *testing.B) {
	for _, layout := range []struct {
		topics     int
		partitions int32
	}{{1, 12}, {288, 1}} {
		b.Run(fmt.Sprintf("topics=%d/partitions=%d", layout.topics, layout.partitions), func(b *testing.B) {
			_, c := newPair(b)
			names := benchTopics(b, c, layout.topics, layout.partitions)
			p := newProducer(b, c, ProducerConfig{})
			sendBench(b, p, names, 10*len(names)) // opens connections and logs
			b.ResetTimer()
			sendBench(b, p, names, b.N)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func benchTopics(b *testing.B, c *Client, n int, partitions int32) []string {
	b.Helper()
	var names []string
	var specs []TopicSpec
	for i := range n {
		names = append(names, fmt.Sprintf("org.chicago.cta.station.turnstiles.%05d", 40000+i))
		specs = append(specs, EventTopic(names[i], partitions))
	}
	ensure(b, c, specs...)
	return names
}

func sendBench(b *testing.B, p *Producer, names []string, n int) {
	b.Helper()
	var keys [][]byte
	for i := range 300 {
		keys = append(keys, strconv.AppendInt(nil, int64(40000+i), 10))
	}
	key, value := make([]byte, 13), make([]byte, 30)
	for i := range n {
		err := p.Send(b.Context(), Record{
			Topic: names[i%len(names)], Key: key, Value: value, PartitionBy: keys[i%len(keys)],
		}, nil)
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSendLatency sends one record at a time to an idle producer.
func BenchmarkSendLatency(b *testing.B) {
	_, c := newPair(b)
	names := benchTopics(b, c, 1, 1)
	p := newProducer(b, c, ProducerConfig{})
	done := make(chan error)
	for b.Loop() {
		if err := p.Send(b.Context(), text(names[0], "x"), func(err error) { done <- err }); err != nil {
			b.Fatal(err)
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		time.Sleep(3 * time.Millisecond) // an idle producer doesn't linger
	}
}

// BenchmarkReader reads what BenchmarkProducer sends.
func BenchmarkReader(b *testing.B) {
	for _, layout := range []struct {
		topics     int
		partitions int32
	}{{1, 12}, {288, 1}} {
		b.Run(fmt.Sprintf("topics=%d/partitions=%d", layout.topics, layout.partitions), func(b *testing.B) {
			_, c := newPair(b)
			names := benchTopics(b, c, layout.topics, layout.partitions)
			p := newProducer(b, c, ProducerConfig{})
			const sent = 200_000
			sendBench(b, p, names, sent)
			enough := errors.New("enough")
			b.ResetTimer()
			for left := b.N; left > 0; {
				err := c.Read(b.Context(), ReadConfig{Match: Names(names...), StopAtEnd: true},
					func(context.Context, Record) error {
						if left--; left <= 0 {
							return enough
						}
						return nil
					})
				if err != nil && !errors.Is(err, enough) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
