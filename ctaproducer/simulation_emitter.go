package ctaproducer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Emitter is the [Sink] that sends a simulation's events to Kafka: arrivals and entries
// by a [Producer], and the weather by a [Weather].
//
// Weather readings are posted over HTTP one by one, from a separate goroutine and queue.
// So a slow REST Proxy does not delay trains and riders. When 64 readings wait (five hours of
// simulated time), Observe blocks, and with it the simulated clock.
//
// While the Emitter is open, a reading is retried if the proxy, its brokers or its registry are
// away. The same holds if the proxy does not explain why its registry has no schemas.
//
// The next event of any kind returns the error of a refused reading; without one, Close
// does.
type Emitter struct {
	producer *Producer
	weather  *Weather
	readings chan observation
	once     sync.Once
	closed   chan struct{}      // closed by Close
	stop     context.CancelFunc // ends posting at once
	done     chan struct{}      // closed when posting has ended

	mu   sync.Mutex
	err  error // of posting; nothing is posted after it
	told bool  // err was returned
}

type observation struct {
	at      time.Time
	reading cta.Weather
}

const maxReadings = 64

var _ Sink = (*Emitter)(nil)

// NewEmitter returns a sink over a producer and weather hardware, which stay open after
// Close. If weather is nil, readings are left out.
func NewEmitter(p *Producer, weather *Weather) *Emitter {
	ctx, stop := context.WithCancel(context.Background())
	e := &Emitter{
		producer: p, weather: weather,
		readings: make(chan observation, maxReadings),
		closed:   make(chan struct{}),
		stop:     stop,
		done:     make(chan struct{}),
	}
	go e.post(ctx)
	return e
}

// Arrive emits an arrival at its station.
func (e *Emitter) Arrive(ctx context.Context, at time.Time, a cta.Arrival) error {
	if err := e.failed(); err != nil {
		return err
	}
	s, err := e.producer.Station(a.StationID)
	if err != nil {
		return err
	}
	return s.Run(ctx, at, a)
}

// Enter emits one entry at its station.
func (e *Emitter) Enter(ctx context.Context, at time.Time, entry cta.TurnstileEntry) error {
	if err := e.failed(); err != nil {
		return err
	}
	t, err := e.producer.Turnstile(entry.StationID)
	if err != nil {
		return err
	}
	return t.Run(ctx, at, entry.Line, 1)
}

// Observe queues a weather reading. It returns an error after Close.
func (e *Emitter) Observe(ctx context.Context, at time.Time, w cta.Weather) error {
	if err := e.failed(); err != nil || e.weather == nil {
		return err
	}
	select {
	case <-e.closed:
		return errors.New("ctaproducer: the emitter is closed")
	default:
	}
	select {
	case e.readings <- observation{at, w}:
		return nil
	case <-e.done:
		return e.failed()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close posts the waiting readings, for up to 3 s. The error contains a failure that no
// event has returned, and the number of readings not posted. Close does not flush the
// producer.
func (e *Emitter) Close() error {
	e.once.Do(func() {
		close(e.closed)
		defer time.AfterFunc(3*time.Second, e.stop).Stop()
		<-e.done
		e.stop()
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.told {
		return nil
	}
	e.told = true
	return e.err
}

// failed returns why no reading is posted any more, nil as long as they are.
func (e *Emitter) failed() error {
	select {
	case <-e.done:
	default:
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = e.err != nil
	return e.err
}

func (e *Emitter) post(ctx context.Context) {
	defer close(e.done)
	for {
		o, ok := e.take()
		if !ok {
			return
		}
		// As long as the proxy is away: the weather's log has the reason.
		err := e.weather.run(ctx, retry.Forever, o.at, o.reading)
		if err == nil {
			continue
		}
		waiting := len(e.readings)
		e.weather.readings.WithLabelValues("failed").Add(float64(waiting))
		if ctx.Err() != nil { // closed: nothing comes in any more
			// %v: the end of ctx is ours, and must not pass for the caller's.
			left := fmt.Errorf("%d weather readings not posted: %v", waiting+1, err)
			err = e.weather.proxy.FailWith(left, e.weather.proxy.Fail(err).Hint)
		} else {
			err = fmt.Errorf("weather reading of %s, and %d after it: %w", o.at.Format(time.RFC3339), waiting, err)
		}
		e.mu.Lock()
		e.err = err
		e.mu.Unlock()
		return
	}
}

// take waits for a reading. ok is false when the emitter is closed and none waits.
func (e *Emitter) take() (o observation, ok bool) {
	select {
	case o = <-e.readings:
		return o, true
	case <-e.closed:
	}
	select {
	case o = <-e.readings:
		return o, true
	default:
		return o, false
	}
}
