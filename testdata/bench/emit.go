package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// emittedSize is that of a value, in bytes: the key and the value of an Avro entry.
const emittedSize = 43

// emittedKey is the key of the i-th record: 300 keys, which take turns.
func emittedKey(i int) []byte {
	return strconv.AppendInt(nil, int64(40000+i%300), 10)
}

// oursEmits sends records by cta/kafka.
func oursEmits(ctx context.Context, s *settings) error {
	client, err := kafka.Connect(ctx, kafka.Config{Brokers: []string{s.brokers}})
	if err != nil {
		return err
	}
	defer client.Close()
	p, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		return err
	}
	fmt.Println(0, time.Now().UnixNano())
	for i := range s.entries {
		key := emittedKey(i)
		if err := p.Send(ctx, kafka.Record{Topic: s.topic, Key: key, Value: make([]byte, emittedSize), PartitionBy: key}, nil); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	err = p.Flush(ctx)
	fmt.Println(s.entries, time.Now().UnixNano())
	return errors.Join(err, p.Close()) // Close tells what wasn't delivered
}

// saramaEmits sends records by sarama's own producer, idempotent, its other settings at
// their defaults.
func saramaEmits(_ context.Context, s *settings) error {
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_9_0_0
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.Idempotent = true
	conf.Net.MaxOpenRequests = 1 // idempotence wants it
	conf.Producer.Return.Successes = true
	p, err := sarama.NewAsyncProducer([]string{s.brokers}, conf)
	if err != nil {
		return err
	}
	defer p.AsyncClose()
	fmt.Println(0, time.Now().UnixNano())
	go func() {
		for i := range s.entries {
			p.Input() <- &sarama.ProducerMessage{Topic: s.topic, Key: sarama.ByteEncoder(emittedKey(i)), Value: sarama.ByteEncoder(make([]byte, emittedSize))}
		}
	}()
	for range s.entries {
		select {
		case <-p.Successes():
		case err := <-p.Errors():
			return err
		}
	}
	fmt.Println(s.entries, time.Now().UnixNano())
	return nil
}

// emits measures every peer that emits: each run has a topic of its own.
func (b *system) emits(ctx context.Context) error {
	fmt.Printf("\n%d records of %d bytes to %d partitions, acknowledged by all\n", b.entries, len(emittedKey(0))+emittedSize, b.partitions)
	return b.compare(ctx, b.of(emits), []column{{"records/s", "%.0f"}, {"memory", "%.0f MB"}, {"CPU", "%.1f s"}}, b.emit)
}

// emit runs a peer, and counts what has come.
func (b *system) emit(ctx context.Context, p peer) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	topic := fmt.Sprintf("%semitted%d", b.tag, b.started)
	if err := b.kafka.EnsureTopics(ctx, kafka.EventTopic(topic, int32(b.partitions))); err != nil {
		return nil, err
	}
	run, _, err := b.start(p, topic)
	if err != nil {
		return nil, err
	}
	done, err := run.announced(ctx)
	u := run.end()
	if err != nil {
		return nil, run.fault(err)
	}
	ends, err := ends(&settings{brokers: b.brokers, topic: topic})
	if err != nil {
		return nil, err
	}
	var came int64
	for _, end := range ends {
		came += end
	}
	if came != int64(b.entries) {
		return nil, fmt.Errorf("the topic has %d of %d records", came, b.entries)
	}
	return []float64{float64(done.n) / done.last.Sub(done.first).Seconds(), u.peak, u.cpu}, nil
}
