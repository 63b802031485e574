package ctastream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// BenchmarkRestore starts a worker (examples/turnstiles, a process of its own) that
// finds counts of so many stations, and so many entries counted, in 12 partitions.
// The topic of counts holds what compaction leaves, a record a station, and in one
// case the counts before as well, as many as the segment that is never compacted may
// hold; of the entries, that they have been and that the group has committed them:
// retention has removed them. Each start ends with an entry at some stations, which has to make
// the next count.
//
//	go test ./ctastream -run '^$' -bench Restore -benchtime 3x
//
// restore-s is the time that the worker takes to read its state, start-s that from
// the start of the process until it has it, MB the process's resident memory then.
func BenchmarkRestore(b *testing.B) {
	program := filepath.Join(b.TempDir(), "turnstiles")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "../examples/turnstiles").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	for _, c := range []struct {
		stations int
		entries  int64
		before   int // counts before, of each station
	}{{144, 1e6, 0}, {144, 50e6, 0}, {144, 50e6, 300}, {10_000, 50e6, 0}, {100_000, 1e6, 0}, {100_000, 50e6, 0}} {
		b.Run(fmt.Sprintf("stations=%d/entries=%dM/before=%d", c.stations, c.entries/1e6, c.before), func(b *testing.B) {
			past := newPast(b, c.stations, c.entries, c.before)
			var restore, start, resident float64
			for i := range b.N {
				r := past.restart(b, program, int64(i))
				restore, start, resident = restore+r.restore, start+r.start, resident+r.resident
			}
			n := float64(b.N)
			b.ReportMetric(restore/n, "restore-s")
			b.ReportMetric(start/n, "start-s")
			b.ReportMetric(resident/n/1e6, "MB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// past is a system that has counted.
type past struct {
	*ctatest.System
	group    string
	stations int
	count    int64 // of each station
}

func newPast(b *testing.B, stations int, entries int64, before int) *past {
	sys := ctatest.Start(b)
	sys.Topics.Layout = cta.LayoutShared
	p := &past{System: sys, group: sys.Topics.Prefix + "g", stations: stations, count: entries / int64(stations)}
	topic := sys.Topics.Turnstiles(&cta.Station{})
	err := sys.Kafka.EnsureTopics(b.Context(), kafka.EventTopic(topic, ctatest.SharedPartitions), kafka.TableTopic(sys.Topics.TurnstileSummary(), 1))
	if err != nil {
		b.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(sys.Brokers...), kgo.MaxVersions(kversion.V3_6_0())) // later ones name topics by ids
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ends := make([]int64, ctatest.SharedPartitions)
	for i := range ends {
		ends[i] = bygone(b, client, topic, int32(i), entries/ctatest.SharedPartitions)
	}
	commit(b, client, p.group, topic, ends)
	counts := make([]kafka.Record, stations)
	for i := range counts {
		id := i + 1
		key := cta.PartitionKey(id)
		n := kafka.PartitionOf(key, ctatest.SharedPartitions)
		counts[i] = kafka.Record{
			Topic: sys.Topics.TurnstileSummary(), Key: key, Value: fmt.Appendf(nil, `{"STATION_ID":%d,"COUNT":%d}`, id, p.count),
			Headers: []kafka.Header{{Key: "position", Value: fmt.Appendf(nil, "%s/%d/%d", topic, n, ends[n])}},
		}
	}
	for range before + 1 {
		sys.Send(counts...)
	}
	return p
}

// bygone makes a partition one that had n records, and returns where it ends.
func bygone(b *testing.B, client *kgo.Client, topic string, partition int32, n int64) int64 {
	const most = 200_000
	full := recordBatch(most)
	for left := n; left > 0; left -= most {
		batch := full
		if left < most {
			batch = recordBatch(int(left))
		}
		rp := kmsg.NewProduceRequestTopicPartition()
		rp.Partition, rp.Records = partition, batch
		rt := kmsg.NewProduceRequestTopic()
		rt.Topic, rt.Partitions = topic, []kmsg.ProduceRequestTopicPartition{rp}
		req := kmsg.NewPtrProduceRequest()
		req.Acks, req.TimeoutMillis, req.Topics = -1, 10_000, []kmsg.ProduceRequestTopic{rt}
		answer, err := req.RequestWith(b.Context(), client)
		if err == nil {
			err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
		}
		if err != nil {
			b.Fatalf("entries of the past: %v", err)
		}
	}
	dp := kmsg.NewDeleteRecordsRequestTopicPartition()
	dp.Partition, dp.Offset = partition, n
	dt := kmsg.NewDeleteRecordsRequestTopic()
	dt.Topic, dt.Partitions = topic, []kmsg.DeleteRecordsRequestTopicPartition{dp}
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis, req.Topics = 10_000, []kmsg.DeleteRecordsRequestTopic{dt}
	answer, err := req.RequestWith(b.Context(), client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		b.Fatalf("retention of the past: %v", err)
	}
	return n
}

// recordBatch returns n records of one byte as they are on the wire, compressed:
// nobody is to read them.
func recordBatch(n int) []byte {
	var records []byte
	for i := range n {
		var r []byte
		r = append(r, 0, 0)                  // attributes, time
		r = binary.AppendVarint(r, int64(i)) // offset
		r = append(r, 1, 2, 'x', 0)          // no key, the value, no headers
		records = binary.AppendVarint(records, int64(len(r)))
		records = append(records, r...)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(records) // to memory
	_ = z.Close()
	now := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: 1 /* gzip */, LastOffsetDelta: int32(n - 1), FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(n), Records: packed.Bytes(),
	}
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// commit commits the group's positions.
func commit(b *testing.B, client *kgo.Client, group, topic string, ends []int64) {
	ct := kmsg.NewOffsetCommitRequestTopic()
	ct.Topic = topic
	for i, end := range ends {
		cp := kmsg.NewOffsetCommitRequestTopicPartition()
		cp.Partition, cp.Offset = int32(i), end
		ct.Partitions = append(ct.Partitions, cp)
	}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation, req.Topics = group, -1, []kmsg.OffsetCommitRequestTopic{ct}
	resp, err := req.RequestWith(b.Context(), client)
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range resp.Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			b.Fatalf("commit positions: %v", err)
		}
	}
}

// restored is what one start took.
type restored struct {
	restore, start float64 // s
	resident       float64 // bytes
}

// restart starts a worker, waits until it has its state, and has it count. The
// nth start finds n more entries than there were in the past.
func (p *past) restart(b *testing.B, program string, n int64) (r restored) {
	addr := freeAddr(b)
	worker := exec.CommandContext(b.Context(), program, "-services", "external", "-brokers", strings.Join(p.Brokers, ","),
		"-registry", p.RegistryURL, "-layout", "shared", "-input", p.Topics.Turnstiles(&cta.Station{}), "-output", p.Topics.TurnstileSummary(),
		"-group", p.group, "-prefix", p.Topics.Prefix, "-listen", addr)
	var said bytes.Buffer
	worker.Stderr = &said
	worker.Cancel = func() error { return worker.Process.Signal(syscall.SIGTERM) }
	worker.WaitDelay = 10 * time.Second
	began := time.Now()
	if err := worker.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = worker.Process.Signal(syscall.SIGTERM)
		if err := worker.Wait(); err != nil {
			b.Errorf("worker: %v\n%s", err, said.String())
		}
	}()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		m := metrics(b.Context(), addr)
		if m["ctalive_stream_restored_keys"] == float64(p.stations) {
			r = restored{m["ctalive_stream_restore_seconds"], time.Since(began).Seconds(), m["process_resident_memory_bytes"]}
			break
		}
		if time.Now().After(deadline) {
			b.Fatalf("no state after 2 minutes: %v\n%s", m, said.String())
		}
	}
	for _, id := range []int{1, p.stations / 2, p.stations} {
		s := &cta.Station{ID: id, Name: strconv.Itoa(id)}
		p.Enter(ctatest.At(8, 0), s, 1)
		p.AwaitCount(s, p.count+n+1)
	}
	return r
}

func freeAddr(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

var metricLine = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{[^}]*\})? ([0-9.e+-]+)$`)

// metrics returns what a process tells of itself, labels left out; nothing when it
// doesn't answer.
func metrics(ctx context.Context, addr string) map[string]float64 {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil
	}
	all := make(map[string]float64)
	for _, m := range metricLine.FindAllStringSubmatch(string(text), -1) {
		all[m[1]], _ = strconv.ParseFloat(m[2], 64)
	}
	return all
}
