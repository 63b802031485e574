package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strconv"
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
