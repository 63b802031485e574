package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/riferrei/srclient"
	"golang.org/x/sync/singleflight"

	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/internal/restclient"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

const (
	// unknownFor is how long an id counts as unknown without another request. A flood
	// of poison records must not cause a flood of requests.
	unknownFor = 10 * time.Second
	// maxUnknown bounds the ids remembered as unknown.
	maxUnknown = 1024
	// askAgain is the delay before the second request for an unknown id. The servers of
	// a registry learn of a new id at slightly different times. A record with an
	// unknown id goes to the dead letters.
	askAgain = 100 * time.Millisecond
	// maxAgain bounds these second requests within unknownFor. The readers of all topics
	// wait for each.
	maxAgain = 10
	// readFor bounds the retries to fetch a schema. Readers of topics wait and report
	// by themselves.
	readFor = time.Second
	// maxReferences bounds the direct and indirect references of a schema.
	maxReferences = 64
	// atOnce bounds concurrent registrations. A registry processes them one by one:
	// with more, a slow registry would answer the last one too late.
	atOnce = 8
)

// RegistryConfig holds the settings of a [Registry]. URL is required.
type RegistryConfig struct {
	URL    string      // http or https, with a path if the registry has one
	Access rest.Access // Default: the user and password in URL, if it has them
	// Timeout bounds one request. From 1ms to 5m. Default: 10s.
	Timeout time.Duration
	// Wait bounds the waiting of Wait, Register and Lookup for a registry that is
	// starting, unreachable or busy. Default: 30s.
	Wait time.Duration
	Log  *slog.Logger // receives each reason for waiting once. Default: silent
}

// Registry is a client of a Schema Registry. It caches permanently the schema of an id,
// and the id of a schema under a subject. Concurrent callers with the same request
// share it. It is safe for concurrent use.
type Registry struct {
	cfg    RegistryConfig
	rest   *restclient.Client
	client *srclient.SchemaRegistryClient
	flight singleflight.Group
	slots  chan struct{} // one element per registration under way

	mu      sync.RWMutex
	schemas map[int][]string
	unknown map[int]time.Time // time of the last request
	again   int               // second requests since againAt
	againAt time.Time
	ids     map[subjectSchema]int
}

type subjectSchema struct{ subject, schema string }

// NewRegistry returns a client, without contacting the registry. The error lists every
// wrong setting.
func NewRegistry(cfg RegistryConfig) (*Registry, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.Wait = cmp.Or(cfg.Wait, 30*time.Second)
	client, err := restclient.New(restclient.Config{
		Service: "schema registry", URL: cfg.URL, Access: cfg.Access, Timeout: cfg.Timeout, Wait: cfg.Wait, Log: cfg.Log,
		Accept: "application/vnd.schemaregistry.v1+json, application/json", // srclient sends no Accept
		Idle:   16,                                                         // srclient's number of concurrent calls
		Hint:   hint,
	})
	if err != nil {
		return nil, fmt.Errorf("wire: registry: %w", err)
	}
	return &Registry{
		cfg: cfg, rest: client,
		client:  srclient.NewSchemaRegistryClient(client.Addr(), srclient.WithClient(&http.Client{Transport: client})),
		slots:   make(chan struct{}, atOnce),
		schemas: make(map[int][]string),
		unknown: make(map[int]time.Time),
		ids:     make(map[subjectSchema]int),
	}, nil
}

// Wait waits until the registry answers, for up to [RegistryConfig.Wait]. The error is
// a [*cta.ServiceError].
func (r *Registry) Wait(ctx context.Context) error {
	_, err := r.retry(ctx, r.cfg.Wait, "wait", func() (any, error) {
		_, err := r.client.GetGlobalCompatibilityLevel()
		if e := refusal(err); e != nil && e.Code != 0 && !restclient.ByStatus(e) && e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden {
			return nil, nil // the registry's own refusal shows that it is running
		}
		return nil, err
	})
	if err != nil {
		return r.explain(ctx, err)
	}
	return nil
}

// Register registers an Avro schema under a subject, unless it is there already, and
// returns its id. The error is [ErrIncompatible] for an incompatible schema, and a
// [*cta.ServiceError] for an unreachable registry.
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
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return 0, fmt.Errorf("wire: register under %s: %w", subject, ctx.Err())
	}
	got, err := r.retry(ctx, r.cfg.Wait, "register "+subject+" "+schema, func() (any, error) {
		id, err := idOf(r.client.CreateSchema(subject, schema, srclient.Avro))
		if e := refusal(err); e != nil && e.Code == codeNoSchema {
			// The client asks for the new id's schema. Another node of the registry may have
			// answered that, and not know the id yet.
			late := *e
			late.Status = http.StatusServiceUnavailable
			err = &late
		}
		return id, err
	})
	if err != nil {
		return 0, fmt.Errorf("register a schema under %s: %w", subject, r.explain(ctx, err))
	}
	r.mu.Lock()
	r.ids[key] = got.(int)
	r.mu.Unlock()
	return got.(int), nil
}

// Lookup returns the id of a schema already registered under a subject. The error is
// [ErrNotFound] without one.
func (r *Registry) Lookup(ctx context.Context, subject, schema string) (int, error) {
	got, err := r.retry(ctx, r.cfg.Wait, "lookup "+subject+" "+schema, func() (any, error) {
		return idOf(r.client.LookupSchema(subject, schema, srclient.Avro))
	})
	if err != nil {
		return 0, fmt.Errorf("look up a schema under %s: %w", subject, r.explain(ctx, err))
	}
	return got.(int), nil
}

// idOf returns the id in an answer. An answer without an id is not from a registry.
func idOf(s *srclient.Schema, err error) (any, error) {
	if err != nil {
		return 0, err
	}
	if s.ID() <= 0 {
		return 0, errEmpty
	}
	return s.ID(), nil
}

// Schema returns the Avro schema of an id. The error is [ErrNotFound] for an unknown
// id.
func (r *Registry) Schema(ctx context.Context, id int) (string, error) {
	texts, err := r.schemaOf(ctx, id)
	if err != nil {
		return "", err
	}
	return texts[len(texts)-1], nil
}

// schemaOf returns the schemas that the id's schema refers to, followed by the schema
// itself.
func (r *Registry) schemaOf(ctx context.Context, id int) ([]string, error) {
	r.mu.RLock()
	texts, ok := r.schemas[id]
	asked, unknown := r.unknown[id]
	r.mu.RUnlock()
	if ok {
		return texts, nil
	}
	if id <= 0 || id > math.MaxInt32 || unknown && time.Since(asked) < unknownFor {
		return nil, fmt.Errorf("fetch schema %d: %w", id, r.rest.Fail(fmt.Errorf("%w: unknown id", ErrNotFound)))
	}
	fetch := func() (any, error) {
		s, err := r.client.GetSchema(id)
		if err != nil {
			return nil, err
		}
		return r.resolved(nil, s, make(map[srclient.Reference]bool))
	}
	got, err := r.retry(ctx, readFor, "schema "+strconv.Itoa(id), fetch)
	if isUnknown(err) && r.mayAskAgain() && retry.Pause(ctx, askAgain) == nil {
		got, err = r.retry(ctx, readFor, "schema "+strconv.Itoa(id), fetch)
	}
	if err != nil {
		err = fmt.Errorf("fetch schema %d: %w", id, r.explain(ctx, err))
		if errors.Is(err, ErrNotFound) {
			r.mu.Lock()
			if len(r.unknown) >= maxUnknown {
				clear(r.unknown)
			}
			r.unknown[id] = time.Now()
			r.mu.Unlock()
		}
		return nil, err
	}
	texts = got.([]string)
	r.mu.Lock()
	r.schemas[id] = texts
	delete(r.unknown, id)
	r.mu.Unlock()
	return texts, nil
}

// mayAskAgain counts a second request for an unknown id, and reports whether it is within
// maxAgain.
func (r *Registry) mayAskAgain() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.againAt) > unknownFor {
		r.again, r.againAt = 0, now
	}
	r.again++
	return r.again <= maxAgain
}

// resolved appends to texts the schemas that s refers to, each once, and then s.
func (r *Registry) resolved(texts []string, s *srclient.Schema, seen map[srclient.Reference]bool) ([]string, error) {
	if t := s.SchemaType(); t != nil && *t != "AVRO" && *t != "" {
		return nil, fmt.Errorf("%w: it is of type %s, want AVRO", errUnusable, *t)
	}
	if s.Schema() == "" {
		r.client.ResetCache() // srclient caches it and would not ask again
		return nil, errEmpty
	}
	for _, ref := range s.References() {
		ref.Name = "" // the schema itself names what it defines
		if seen[ref] {
			continue
		}
		if seen[ref] = true; len(seen) > maxReferences {
			return nil, fmt.Errorf("%w: it refers to more than %d other schemas", errUnusable, maxReferences)
		}
		to, err := r.client.GetSchemaByVersion(ref.Subject, ref.Version)
		if err == nil {
			texts, err = r.resolved(texts, to, seen)
		}
		if isUnknown(err) {
			err = fmt.Errorf("%w: version %d of %s, to which it refers", ErrNotFound, ref.Version, ref.Subject)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(texts, s.Schema()), nil
}

// ask runs call once for all concurrent callers with the same key. srclient takes no
// contexts: when ctx ends the caller returns, and the request continues until its
// timeout.
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

// retry repeats call after temporary failures, for up to limit. All such calls are
// idempotent.
func (r *Registry) retry(ctx context.Context, limit time.Duration, key string, call func() (any, error)) (got any, err error) {
	err = r.rest.Retry(ctx, limit, func(ctx context.Context) (err error) {
		got, err = r.ask(ctx, key, call)
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // its text repeats method and address
		}
		return err
	})
	return got, err
}

// explain turns a failure into the error for the caller: the context's error, a named
// error, or a service error.
func (r *Registry) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	switch e := refusal(err); {
	case e == nil:
	case e.Status == http.StatusConflict:
		err = fmt.Errorf("%w: %s", ErrIncompatible, e.Message)
	case isUnknown(e):
		err = fmt.Errorf("%w: %s", ErrNotFound, e.Message)
	}
	return r.rest.Fail(err)
}

// The registry's error codes for missing objects.
const (
	codeNoSubject = 40401
	codeNoVersion = 40402
	codeNoSchema  = 40403
)

// isUnknown reports whether the registry itself answered that it lacks the requested
// object. A bare 404 doesn't count: it may come from a gateway while the registry is
// unreachable, and must not send good records to the dead letters.
func isUnknown(err error) bool {
	e := refusal(err)
	return e != nil && e.Status == http.StatusNotFound && (e.Code == codeNoSubject || e.Code == codeNoVersion || e.Code == codeNoSchema)
}

// refusal returns the registry's own answer in err, or nil.
func refusal(err error) (e *rest.Error) {
	errors.As(err, &e)
	return e
}

// hint returns the remedy for a failure, if it differs from that for other services.
func hint(err error) string {
	e := refusal(err)
	switch {
	case errors.Is(err, ErrIncompatible):
		return "register a compatible schema, use another topic prefix, or set the subject's compatibility on purpose"
	case errors.Is(err, ErrNotFound), errors.Is(err, errUnusable):
		return "see which schemas GET /subjects lists"
	case e == nil:
		return ""
	}
	switch e.Status {
	case http.StatusNotFound, http.StatusUnsupportedMediaType, http.StatusNotAcceptable, http.StatusMethodNotAllowed:
		return "check that the URL is a Schema Registry's, with its path if it has one"
	case http.StatusUnprocessableEntity:
		return "the registry does not accept this schema: see its message"
	}
	return ""
}

// Close closes idle connections. The registry remains usable.
func (r *Registry) Close() { r.rest.Close() }
