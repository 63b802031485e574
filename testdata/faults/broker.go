package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/embedded"
)

// runServices is the embedded services as a process, of which the broker is used, or
// the registry. They are behind proxies; and with a control address the broker is told
// there to answer with errors.
func runServices(ctx context.Context, s *settings) error {
	services, err := embedded.Start(ctx, embedded.Config{
		DataDir: s.data, Kafka: s.brokers, Advertise: s.advertise, Registry: s.registry,
		CleanEvery: time.Second, CompactAfter: 64 << 10, // so that compactions are cut short, too
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	if s.control == "" {
		<-ctx.Done()
		return services.Close()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /fault", func(w http.ResponseWriter, r *http.Request) {
		key, _ := strconv.Atoi(r.FormValue("key"))
		code, _ := strconv.Atoi(r.FormValue("code"))
		count, _ := strconv.Atoi(r.FormValue("count"))
		inTxn := r.FormValue("transactional")
		h := services.Cluster().Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Key(key)}, Err: kerr.TypedErrorForCode(int16(code)), Count: count,
			When: func(req kmsg.Request) bool {
				var id *string
				switch r := req.(type) {
				case *kmsg.ProduceRequest:
					id = r.TransactionID
				case *kmsg.InitProducerIDRequest:
					id = r.TransactionalID
				}
				return inTxn == "" || (inTxn == "true") == (id != nil)
			},
		})
		time.AfterFunc(10*time.Second, h.Remove)
	})
	server := &http.Server{Addr: s.control, Handler: mux, ReadHeaderTimeout: time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err = server.ListenAndServe(); ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, services.Close())
}

// refusal is an error that a broker may answer a request with at any time.
type refusal struct {
	key           kmsg.Key
	err           *kerr.Error
	transactional string // for Produce and InitProducerID: "true", "false" or "" for both
}

// refusals are those that the schedule chooses from. Errors by which a broker says
// that it has lost what it knew of an idempotent producer are left out: then it
// can't tell a repeated record from a new one, and neither can anybody else.
var refusals = func() (all []refusal) {
	add := func(key kmsg.Key, transactional string, errs ...*kerr.Error) {
		for _, err := range errs {
			all = append(all, refusal{key, err, transactional})
		}
	}
	add(kmsg.Produce, "false", kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.NotEnoughReplicas,
		kerr.NotEnoughReplicasAfterAppend, kerr.LeaderNotAvailable, kerr.KafkaStorageError)
	add(kmsg.Produce, "true", kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.InvalidProducerEpoch,
		kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.NotEnoughReplicasAfterAppend)
	add(kmsg.AddPartitionsToTxn, "", kerr.ConcurrentTransactions, kerr.CoordinatorNotAvailable, kerr.NotCoordinator,
		kerr.ProducerFenced, kerr.InvalidProducerIDMapping)
	add(kmsg.AddOffsetsToTxn, "", kerr.ConcurrentTransactions, kerr.NotCoordinator, kerr.ProducerFenced)
	add(kmsg.TxnOffsetCommit, "", kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.IllegalGeneration,
		kerr.UnknownMemberID, kerr.ProducerFenced, kerr.RequestTimedOut)
	add(kmsg.EndTxn, "", kerr.ConcurrentTransactions, kerr.NotCoordinator, kerr.ProducerFenced, kerr.InvalidTxnState,
		kerr.CoordinatorLoadInProgress, kerr.TransactionAbortable)
	add(kmsg.InitProducerID, "true", kerr.ConcurrentTransactions, kerr.NotCoordinator)
	add(kmsg.InitProducerID, "", kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress)
	add(kmsg.Fetch, "", kerr.NotLeaderForPartition, kerr.KafkaStorageError, kerr.UnknownServerError)
	add(kmsg.ListOffsets, "", kerr.NotLeaderForPartition, kerr.LeaderNotAvailable)
	add(kmsg.OffsetFetch, "", kerr.UnstableOffsetCommit, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress)
	add(kmsg.FindCoordinator, "", kerr.CoordinatorNotAvailable)
	add(kmsg.JoinGroup, "", kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.UnknownMemberID)
	add(kmsg.SyncGroup, "", kerr.RebalanceInProgress, kerr.NotCoordinator, kerr.UnknownMemberID)
	add(kmsg.Heartbeat, "", kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.NotCoordinator)
	add(kmsg.Metadata, "", kerr.LeaderNotAvailable)
	return all
}()

// kafkaNode is a folder with which Apache Kafka runs.
type kafkaNode struct {
	classpath, properties string
}

// newKafkaNode formats one. Clients come by the proxy; the node itself, and the
// harness's own readers, come to it directly. A node that was killed is not let in
// again before its old session has ended: 2 s rather than 9, else the node's own
// absence is most of what is measured.
func newKafkaNode(ctx context.Context, dir, direct, behind, proxy string) (*kafkaNode, error) {
	stack := filepath.Join("testdata", "stack", "stack")
	for _, args := range [][]string{{"fetch"}, {"env"}} {
		cmd := exec.CommandContext(ctx, stack, args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", stack, args[0], err)
		}
		for line := range strings.Lines(string(out)) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), "export CTALIVE_JAVA_CLASSPATH='"); ok {
				return formatKafka(ctx, &kafkaNode{strings.TrimSuffix(v, "'"), filepath.Join(dir, "kafka.properties")}, dir, direct, behind, proxy)
			}
		}
	}
	return nil, fmt.Errorf("%s env names no CTALIVE_JAVA_CLASSPATH", stack)
}

func formatKafka(ctx context.Context, k *kafkaNode, dir, direct, behind, proxy string) (*kafkaNode, error) {
	controller, err := freeAddr()
	if err != nil {
		return nil, err
	}
	err = os.WriteFile(k.properties, fmt.Appendf(nil, `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[1]s
controller.listener.names=CONTROLLER
listeners=DIRECT://%[2]s,PROXIED://%[3]s,CONTROLLER://%[1]s
advertised.listeners=DIRECT://%[2]s,PROXIED://%[4]s
listener.security.protocol.map=DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=DIRECT
log.dirs=%[5]s
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
`, controller, direct, behind, proxy, filepath.Join(dir, "kafka")), 0o644)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // doesn't fail
	var said bytes.Buffer
	format := exec.CommandContext(ctx, "java", "-XX:TieredStopAtLevel=1", "-cp", k.classpath, "kafka.tools.StorageTool",
		"format", "--cluster-id="+base64.RawURLEncoding.EncodeToString(id), "-c", k.properties)
	format.Stdout, format.Stderr = &said, &said
	if err := format.Run(); err != nil {
		return nil, fmt.Errorf("format Kafka's folder: %w: %s", err, said.Bytes())
	}
	return k, nil
}

func (k *kafkaNode) command() *exec.Cmd {
	logs, _ := filepath.Abs(filepath.Join("testdata", "stack", "log4j2.properties"))
	return exec.Command("java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Djava.awt.headless=true", "-Dlog4j2.configurationFile="+logs, "-cp", k.classpath, "kafka.Kafka", k.properties)
}

// freeAddr returns an address of this machine where nothing listens, below the
// ports that systems hand out by themselves: it is to be free again after a kill.
func freeAddr() (string, error) {
	for range 100 {
		port, err := rand.Int(rand.Reader, big.NewInt(10000))
		if err != nil {
			return "", err
		}
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+port.Int64())
		if ln, err := net.Listen("tcp", addr); err == nil {
			return addr, ln.Close()
		}
	}
	return "", errors.New("no free port from 20000 to 29999")
}
