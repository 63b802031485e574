package ctatest_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

func TestBrokerKeepsRecordsWhole(t *testing.T) {
	sys := ctatest.Start(t)
	topic := sys.Topics.Prefix + "whole"
	ensure(t, sys.Kafka, kafka.EventTopic(topic, 1))
	at := time.Now().Add(-24 * time.Hour).Truncate(time.Millisecond)
	sent := []kafka.Record{
		{Topic: topic, Key: []byte("k"), Value: []byte("v"), Time: at, Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "b"}}},
		{Topic: topic, Offset: 1, Key: []byte("k"), Time: at.Add(-time.Hour)}, // a tombstone, and older
		{Topic: topic, Offset: 2, Value: []byte{}, Time: at.Add(time.Hour)},
	}
	for _, r := range sent {
		sys.Send(r)
	}
	if d := cmp.Diff(sent, sys.Read(topic), cmp.Comparer(time.Time.Equal)); d != "" {
		t.Errorf("records (-sent +read):\n%s", d)
	}
	before := time.Now().Add(-time.Second)
	sys.Send(kafka.Record{Topic: topic, Value: []byte("now")})
	if r := sys.Read(topic)[3]; r.Time.Before(before) || r.Time.After(time.Now().Add(time.Second)) {
		t.Errorf("time of sending is %v, want that of the producer", r.Time)
	}
}

// The vectors were computed by Java's murmur2.
func TestBrokerGetsPartitionsAsJavas(t *testing.T) {
	sys := ctatest.Start(t)
	be32, be64 := []byte{0, 0, 0x9d, 0xbc}, []byte{0, 0, 0, 0, 0, 0, 0x9d, 0xbc}
	topic := func(partitions int32) string { return fmt.Sprintf("%s%d", sys.Topics.Prefix, partitions) }
	ensure(t, sys.Kafka, kafka.EventTopic(topic(3), 3), kafka.EventTopic(topic(10), 10), kafka.EventTopic(topic(30), 30))
	for _, test := range []struct {
		key []byte
		of  map[int32]int32
	}{
		{[]byte("40380"), map[int32]int32{3: 1, 10: 9, 30: 19}},
		{be32, map[int32]int32{3: 0, 10: 0, 30: 0}},
		{be64, map[int32]int32{3: 0, 10: 9, 30: 9}},
		{[]byte(`"40380"`), map[int32]int32{3: 0, 10: 5, 30: 15}},
	} {
		for n, want := range test.of {
			value := fmt.Appendf(nil, "%x", test.key)
			sys.Send(
				kafka.Record{Topic: topic(n), Key: test.key, Value: value},
				kafka.Record{Topic: topic(n), Key: []byte("other"), PartitionBy: test.key, Value: value})
			found := 0
			for _, r := range sys.Read(topic(n)) {
				if bytes.Equal(r.Value, value) {
					found++
					if r.Partition != want {
						t.Errorf("%x of %d partitions: %d, want %d", test.key, n, r.Partition, want)
					}
				}
			}
			if found != 2 {
				t.Errorf("%x: %d records, want 2", test.key, found)
			}
		}
	}
}

// Records of a key stay in order, in batches no larger than a topic takes.
func TestBrokerKeepsTheOrderOfKeys(t *testing.T) {
	sys := ctatest.Start(t)
	small := kafka.EventTopic(sys.Topics.Prefix+"small-batches", 3)
	small.Settings["max.message.bytes"] = "4000"
	const keys, each = 12, 500
	for _, topic := range []kafka.TopicSpec{kafka.EventTopic(sys.Topics.Prefix+"usual", 3), small} {
		ensure(t, sys.Kafka, topic)
		var records []kafka.Record
		for i := range keys * each {
			records = append(records, kafka.Record{Topic: topic.Name, Key: []byte{byte(i % keys)}, Value: fmt.Append(nil, i/keys)})
		}
		sys.Send(records...)
		next := make(map[string]int)
		for _, r := range sys.Read(topic.Name) {
			if want := fmt.Sprint(next[string(r.Key)]); string(r.Value) != want {
				t.Fatalf("%s: key %x has value %s, want %s", topic.Name, r.Key, r.Value, want)
			}
			next[string(r.Key)]++
		}
		for key, n := range next {
			if n != each {
				t.Errorf("%s: key %x has %d records, want %d", topic.Name, key, n, each)
			}
		}
		if len(next) != keys {
			t.Errorf("%s: %d keys, want %d", topic.Name, len(next), keys)
		}
	}
}

// Large records come whole, each alone in its batch; one that its topic doesn't
// take is an error which names the partition.
func TestBrokerTakesLargeRecords(t *testing.T) {
	sys := ctatest.Start(t)
	topic, small := sys.Topics.Prefix+"large", kafka.EventTopic(sys.Topics.Prefix+"small", 1)
	small.Settings["max.message.bytes"] = "4000"
	ensure(t, sys.Kafka, kafka.EventTopic(topic, 1), small)
	var sent []kafka.Record
	for i := range 6 {
		sent = append(sent, kafka.Record{Topic: topic, Value: bytes.Repeat([]byte{byte(i)}, 900_000)}, kafka.Record{Topic: topic, Value: []byte{byte(i)}})
	}
	sys.Send(sent...)
	got := sys.Read(topic)
	if len(got) != len(sent) {
		t.Fatalf("%d records, want %d", len(got), len(sent))
	}
	for i, r := range got {
		if !bytes.Equal(r.Value, sent[i].Value) {
			t.Errorf("record %d has %d bytes, want the %d that were sent", i, len(r.Value), len(sent[i].Value))
		}
	}
	p, err := sys.Kafka.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	if err := p.Send(t.Context(), kafka.Record{Topic: small.Name, Value: make([]byte, 5000)}, func(err error) { told <- err }); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil { // which has been told
		t.Error(err)
	}
	if err := <-told; err == nil || !strings.Contains(err.Error(), small.Name+"/0") {
		t.Errorf("a record too large for its topic: %v", err)
	}
}

// A topic's name that was mistyped is an error, also on a broker that creates the
// topics it is asked for.
func TestBrokerIsNotAskedForUnknownTopics(t *testing.T) {
	sys := ctatest.Start(t)
	p, err := sys.Kafka.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	nowhere := sys.Topics.Prefix + "nowhere"
	if err := p.Send(ctx, kafka.Record{Topic: nowhere, Value: []byte("x")}, nil); err == nil || !strings.Contains(err.Error(), nowhere) {
		t.Errorf("%v, want an error with the topic", err)
	}
	if got := sys.Read(nowhere); len(got) != 0 {
		t.Errorf("%d records are there", len(got))
	}
	names, err := sys.Kafka.Topics(t.Context(), kafka.Names(nowhere))
	if err != nil || len(names) != 0 {
		t.Errorf("topics are %v, %v, want none made", names, err)
	}
}
