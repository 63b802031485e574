package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/riferrei/srclient"
	"golang.org/x/sync/singleflight"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/retry"
)

const (
	// unknownFor is how long an unknown id stays so without asking again: a flood
	// of poison records must not become a flood of requests.
	unknownFor = 10 * time.Second
	// maxUnknown bounds the ids remembered as unknown.
	maxUnknown = 1024
	// askAgain is when an unknown id is asked for a second time: a registry of
	// several servers knows a new id everywhere only a moment after one gave it, and
	// what is found unknown is a record lost to the dead letters.
	askAgain = 100 * time.Millisecond
	// tries of a request, with pauses from firstPause to lastPause, of which a
	// random half is waited at least.
	tries      = 4
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// RegistryConfig holds the settings of a [Registry]. URL is required.
type RegistryConfig struct {
	URL      string // http or https, with a path if the registry has one
	User     string // basic auth; empty: as in the URL, if it has one
	Password string
	Timeout  time.Duration // of one request. Default: 5s
	Log      *slog.Logger  // receives retries. Default: silent
}

// Registry is a client of a Schema Registry with caches: an id's schema for
// ever, a subject's and schema's id for ever. Of many callers that want the same
// thing one asks. It is safe for concurrent use.
type Registry struct {
	addr   string // without credentials
	client *srclient.SchemaRegistryClient
	http   *http.Client
	log    *slog.Logger
	flight singleflight.Group

	mu      sync.RWMutex
	schemas map[int]string
	unknown map[int]time.Time // when asked
	ids     map[subjectSchema]int
}

type subjectSchema struct{ subject, schema string }

// NewRegistry returns a client; the error lists every wrong setting. Nothing is
// contacted yet.
func NewRegistry(cfg RegistryConfig) (*Registry, error) {
	var faults []error
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		found := "something that is no URL" // which may hold a password
		if err == nil {
			found = strconv.Quote(u.Redacted())
		}
		faults = append(faults, fmt.Errorf("URL is %s, want http://host:port", found))
	}
	if cfg.Timeout < 0 {
		faults = append(faults, fmt.Errorf("Timeout is %v, want more than 0", cfg.Timeout))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("wire: registry: %w", err)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.User == "" && u.User != nil {
		cfg.User = u.User.Username()
		cfg.Password, _ = u.User.Password()
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	addr := strings.TrimRight(u.String(), "/")

	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16 // as many as srclient has calls under way
	client := &http.Client{Timeout: cfg.Timeout, Transport: &answers{next: transport}}
	r := &Registry{
		addr:    addr,
		client:  srclient.NewSchemaRegistryClient(addr, srclient.WithClient(client), srclient.WithPreReqFn(dress(cfg.User, cfg.Password))),
		http:    client,
		log:     cfg.Log,
		schemas: make(map[int]string),
		unknown: make(map[int]time.Time),
		ids:     make(map[subjectSchema]int),
	}
	return r, nil
}

// dress returns what srclient leaves out of its requests: an Accept, and the
// credentials of a user with an empty password.
func dress(user, password string) func(*http.Request) error {
	return func(req *http.Request) error {
		req.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json")
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		return nil
	}
}

// Wait waits until the registry answers, up to limit. The error is a
// [*cta.ServiceError].
func (r *Registry) Wait(ctx context.Context, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	var last string
	for pause := firstPause; ; pause = min(2*pause, time.Second) {
		_, err := r.ask(ctx, "wait", func() (any, error) { return r.client.GetGlobalCompatibilityLevel() })
		var answer *answerError
		// Whatever the registry itself answers shows that it lives.
		if err == nil || errors.As(err, &answer) && answer.code != 0 && !mayPass(err) && !answer.forbids() {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		final := answer != nil && !mayPass(err) // refused: waiting won't help
		if final || time.Until(deadline) < pause {
			return r.fail(err)
		}
		if err.Error() != last {
			last = err.Error()
			r.log.Warn("waiting for the schema registry", "addr", r.addr, "err", err)
		}
		if err := retry.Pause(ctx, pause); err != nil {
			return err
		}
	}
}

// Register registers an Avro schema under a subject, or finds it there, and
// returns its id. An incompatible schema is [ErrIncompatible]; a registry that is
// away, a [*cta.ServiceError].
func (r *Registry) Register(ctx context.Context, subject, schema string) (int, error) {
	if schema == "" {
		// Some registries take an empty schema for the latest one.
		return 0, fmt.Errorf("wire: register under %s: schema is empty", subject)
	}
	key := subjectSchema{subject, schema}
	r.mu.RLock()
	id, ok := r.ids[key]
	r.mu.RUnlock()
	if ok {
		return id, nil
	}
	got, err := r.retry(ctx, "register "+subject+" "+schema, func() (any, error) {
		return idOf(r.client.CreateSchema(subject, schema, srclient.Avro))
	})
	if err != nil {
		return 0, r.explain(ctx, fmt.Sprintf("register a schema under %s", subject), err)
	}
	r.mu.Lock()
	r.ids[key] = got.(int)
	r.mu.Unlock()
	return got.(int), nil
}

// Lookup returns the id of a schema that is registered under a subject already.
// It is [ErrNotFound] when it isn't.
func (r *Registry) Lookup(ctx context.Context, subject, schema string) (int, error) {
	got, err := r.retry(ctx, "lookup "+subject+" "+schema, func() (any, error) {
		return idOf(r.client.LookupSchema(subject, schema, srclient.Avro))
	})
	if err != nil {
		return 0, r.explain(ctx, fmt.Sprintf("look up a schema under %s", subject), err)
	}
	return got.(int), nil
}

// idOf returns the id in an answer. One without an id is from something that is
// no registry.
func idOf(s *srclient.Schema, err error) (any, error) {
	if err != nil {
		return 0, err
	}
	if s.ID() <= 0 {
		return 0, errEmpty
	}
	return s.ID(), nil
}

// Schema returns the Avro schema of an id. It is [ErrNotFound] when the registry
// doesn't know the id.
func (r *Registry) Schema(ctx context.Context, id int) (string, error) {
	r.mu.RLock()
	s, ok := r.schemas[id]
	asked, unknown := r.unknown[id]
	r.mu.RUnlock()
	if ok {
		return s, nil
	}
	what := fmt.Sprintf("fetch schema %d", id)
	if id <= 0 || id > math.MaxInt32 || unknown && time.Since(asked) < unknownFor {
		return "", r.explain(ctx, what, &answerError{status: http.StatusNotFound, code: codeNoSchema, message: "unknown id"})
	}
	got, err := r.retry(ctx, "schema "+strconv.Itoa(id), func() (any, error) { return r.fetch(id) })
	if isUnknown(err) && retry.Pause(ctx, askAgain) == nil {
		got, err = r.retry(ctx, "schema "+strconv.Itoa(id), func() (any, error) { return r.fetch(id) })
	}
	if err != nil {
		err = r.explain(ctx, what, err)
		if errors.Is(err, ErrNotFound) {
			r.mu.Lock()
			if len(r.unknown) >= maxUnknown {
				clear(r.unknown)
			}
			r.unknown[id] = time.Now()
			r.mu.Unlock()
		}
		return "", err
	}
	r.mu.Lock()
	r.schemas[id] = got.(string)
	delete(r.unknown, id)
	r.mu.Unlock()
	return got.(string), nil
}

func (r *Registry) fetch(id int) (any, error) {
	s, err := r.client.GetSchema(id)
	if err != nil {
		return "", err
	}
	if t := s.SchemaType(); t != nil && *t != "AVRO" && *t != "" {
		return "", fmt.Errorf("%w: it is of type %s", errNotAvro, *t)
	}
	if s.Schema() == "" {
		r.client.ResetCache() // srclient keeps it, and would not ask again
		return "", errEmpty
	}
	return s.Schema(), nil
}

// ask runs call once for all that want the same thing now. srclient knows no
// contexts: a caller whose ctx ends leaves, and the request ends by its time-out.
func (r *Registry) ask(ctx context.Context, key string, call func() (any, error)) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case got := <-r.flight.DoChan(key, call):
		return got.Val, got.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// retry asks again after answers that may be different the next time. All calls
// made this way can be repeated without harm.
func (r *Registry) retry(ctx context.Context, key string, call func() (any, error)) (any, error) {
	pause := firstPause
	for try := 1; ; try++ {
		got, err := r.ask(ctx, key, call)
		if err == nil || try == tries || ctx.Err() != nil || !mayPass(err) {
			return got, err
		}
		r.log.Debug("asking the schema registry again", "addr", r.addr, "try", try, "err", err)
		if err := retry.Pause(ctx, retry.Spread(pause)); err != nil {
			return nil, err
		}
		pause = min(2*pause, lastPause)
	}
}

// explain turns a failure into the error of a caller: its ctx's own, a named
// one, or a service's.
func (r *Registry) explain(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var answer *answerError
	if errors.As(err, &answer) {
		switch answer.status {
		case http.StatusConflict:
			err = fmt.Errorf("%w: %s", ErrIncompatible, answer.message)
		case http.StatusNotFound:
			if isUnknown(answer) {
				err = fmt.Errorf("%w: %s", ErrNotFound, answer.message)
			}
		}
	}
	return fmt.Errorf("%s: %w", what, r.fail(err))
}

// fail names the service, its address and a remedy.
func (r *Registry) fail(err error) *cta.ServiceError {
	return &cta.ServiceError{Service: "schema registry", Addr: r.addr, Hint: hint(err), Err: bare(err)}
}

// Close closes idle connections. The registry can still be used.
func (r *Registry) Close() { r.http.CloseIdleConnections() }
