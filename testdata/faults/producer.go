package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// An entry's event time says which it is: the producer's incarnation, which
// begins with 1, and the entry's number at its station since, which does too.
const (
	epoch        = 1_800_000_000_000 // ms
	perRestart   = 1_000_000_000     // entries of a station in one incarnation
	slice        = 100 * time.Millisecond
	flushEvery   = 50 * time.Millisecond
	producerWait = time.Minute
)

func entryTime(incarnation int, number int64) time.Time {
	return time.UnixMilli(epoch + int64(incarnation)*perRestart + number)
}

func entryID(ms int64) (incarnation int, number int64) {
	return int((ms - epoch) / perRestart), (ms - epoch) % perRestart
}

// receipt is a line of the producer's output: what has been acknowledged since
// it was started, by station.
type receipt struct {
	Incarnation int           `json:"incarnation"`
	Acked       map[int]int64 `json:"acked"`
}

// runProducer emits entries until ctx ends. What it has written to its standard
// output is acknowledged; more may be, if it is killed.
func runProducer(ctx context.Context, s *settings) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	network, err := s.network()
	if err != nil {
		return err
	}
	client, err := kafka.Connect(ctx, kafka.Config{Brokers: s.seeds(), ClientID: "faults-producer", Wait: producerWait, Log: log})
	if err != nil {
		return err
	}
	defer client.Close()
	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: s.registry, Wait: producerWait, Log: log})
	if err != nil {
		return err
	}
	defer registry.Close()
	if err := registry.Wait(ctx); err != nil {
		return err
	}
	p, err := ctaproducer.NewProducer(client, registry, network, ctaproducer.ProducerConfig{Topics: s.topics(), Log: log})
	if err != nil {
		return err
	}
	if err := prepare(ctx, p); err != nil {
		return errors.Join(err, p.Close())
	}
	e := emitter{producer: p, network: network, incarnation: s.incarnation, rate: s.rate, sent: make(map[int]int64), out: bufio.NewWriter(os.Stdout)}
	err = e.run(ctx)
	if ctx.Err() != nil {
		err = nil // told to end: what failed for that is delivered by Close
	}
	if err = errors.Join(err, p.Close()); err != nil {
		return err
	}
	return e.receipt(e.sent) // all that was accepted is delivered
}

// prepare tries until the services are there long enough.
func prepare(ctx context.Context, p *ctaproducer.Producer) (err error) {
	for end := time.Now().Add(producerWait); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		if err = p.Prepare(ctx); err == nil {
			return nil
		}
		fmt.Fprintln(os.Stderr, err)
	}
	return err
}

type emitter struct {
	producer    *ctaproducer.Producer
	network     *cta.Network
	incarnation int
	rate        int
	sent        map[int]int64
	out         *bufio.Writer
}

// run emits in rounds, an entry a station, and says every so often what has been
// acknowledged.
func (e *emitter) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	snapshots := make(chan map[int]int64)
	failed := make(chan error, 1)
	go func() {
		for sent := range snapshots {
			err := e.producer.Flush(ctx)
			if err == nil {
				err = e.receipt(sent)
			}
			if err != nil {
				cancel() // what comes after an entry that is not there is of no use
				failed <- err
				for range snapshots {
				}
				return
			}
		}
		failed <- nil
	}()
	err := e.emit(ctx, snapshots)
	close(snapshots)
	return errors.Join(err, <-failed)
}

func (e *emitter) emit(ctx context.Context, snapshots chan<- map[int]int64) error {
	begun, flushed, total := time.Now(), time.Now(), 0
	for ctx.Err() == nil {
		// Whoever waits for a full buffer, or a broker, has not more to send later.
		if allowed := int(time.Since(begun).Seconds() * float64(e.rate)); e.rate > 0 && total >= allowed {
			time.Sleep(slice - time.Since(begun)%slice)
			if behind := allowed - total; behind > e.rate {
				begun, total = time.Now(), 0
			}
		}
		for _, s := range e.network.Stations {
			gate, err := e.producer.Turnstile(s.ID)
			if err != nil {
				return err
			}
			if err := gate.Run(ctx, entryTime(e.incarnation, e.sent[s.ID]+1), s.Lines[0], 1); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			e.sent[s.ID]++
			total++
		}
		if time.Since(flushed) > flushEvery {
			select {
			case snapshots <- maps.Clone(e.sent):
				flushed = time.Now()
			default:
			}
		}
	}
	return nil
}

func (e *emitter) receipt(acked map[int]int64) error {
	line, err := json.Marshal(receipt{e.incarnation, acked})
	if err != nil {
		return err
	}
	e.out.Write(append(line, '\n')) // an error comes back from Flush
	return e.out.Flush()
}
