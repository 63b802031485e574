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
	// readFor bounds the tries to fetch a schema. Readers of topics wait by
	// themselves, and say so.
	readFor = time.Second
	// maxReferences bounds the schemas that one refers to, directly or not.
	maxReferences = 64
	// atOnce bounds the registrations under way. A registry makes one after the
	// other: with more of them, a slow one answers the last too late.
	atOnce = 8
)

// RegistryConfig holds the settings of a [Registry]. URL is required.
type RegistryConfig struct {
	URL    string      // http or https, with a path if the registry has one
	Access rest.Access // Default: the user and password in URL, if it has them
	// Timeout bounds one request. From 1ms to 5m. Default: 10s.
	Timeout time.Duration
	// Wait bounds how long a registry that is starting, away or busy is waited for
	// by Wait, Register and Lookup. Default: 30s.
	Wait time.Duration
	Log  *slog.Logger // receives each reason to wait once. Default: silent
}

// Registry is a client of a Schema Registry with caches: an id's schema for
// ever, a subject's and schema's id for ever. Of many callers that want the same
// thing one asks. It is safe for concurrent use.
type Registry struct {
	cfg    RegistryConfig
	rest   *rest.Client
	client *srclient.SchemaRegistryClient
	flight singleflight.Group
	slots  chan struct{} // holds one for each registration under way

	mu      sync.RWMutex
	schemas map[int][]string
	unknown map[int]time.Time // when asked
	ids     map[subjectSchema]int
}

type subjectSchema struct{ subject, schema string }

// NewRegistry returns a client; the error lists every wrong setting. Nothing is
// contacted yet.
func NewRegistry(cfg RegistryConfig) (*Registry, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.Wait = cmp.Or(cfg.Wait, 30*time.Second)
	client, err := rest.New(rest.Config{
		Service: "schema registry", URL: cfg.URL, Access: cfg.Access, Timeout: cfg.Timeout, Wait: cfg.Wait, Log: cfg.Log,
		Accept: "application/vnd.schemaregistry.v1+json, application/json", // srclient sends none
		Idle:   16,                                                         // as many as srclient has calls under way
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

// Wait waits until the registry answers, up to [RegistryConfig.Wait]. The error is a
// [*cta.ServiceError].
func (r *Registry) Wait(ctx context.Context) error {
	_, err := r.retry(ctx, r.cfg.Wait, "wait", func() (any, error) {
		_, err := r.client.GetGlobalCompatibilityLevel()
		if e := refusal(err); e != nil && e.Code != 0 && !rest.ByStatus(e) && !forbids(e) {
			return nil, nil // what the registry itself refuses shows that it lives
		}
		return nil, err
	})
	if err != nil {
		return r.explain(ctx, err)
	}
	return nil
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
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	got, err := r.retry(ctx, r.cfg.Wait, "register "+subject+" "+schema, func() (any, error) {
		return idOf(r.client.CreateSchema(subject, schema, srclient.Avro))
	})
	if err != nil {
		return 0, fmt.Errorf("register a schema under %s: %w", subject, r.explain(ctx, err))
	}
	r.mu.Lock()
	r.ids[key] = got.(int)
	r.mu.Unlock()
	return got.(int), nil
}

// Lookup returns the id of a schema that is registered under a subject already.
// It is [ErrNotFound] when it isn't.
func (r *Registry) Lookup(ctx context.Context, subject, schema string) (int, error) {
	got, err := r.retry(ctx, r.cfg.Wait, "lookup "+subject+" "+schema, func() (any, error) {
		return idOf(r.client.LookupSchema(subject, schema, srclient.Avro))
	})
	if err != nil {
		return 0, fmt.Errorf("look up a schema under %s: %w", subject, r.explain(ctx, err))
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
	texts, err := r.schemaOf(ctx, id)
	if err != nil {
		return "", err
	}
	return texts[len(texts)-1], nil
}

// schemaOf returns the schema of an id, after the schemas that it refers to.
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
	if isUnknown(err) && retry.Pause(ctx, askAgain) == nil {
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

// resolved appends a schema to texts, after the schemas that it refers to, each once.
func (r *Registry) resolved(texts []string, s *srclient.Schema, seen map[srclient.Reference]bool) ([]string, error) {
	if t := s.SchemaType(); t != nil && *t != "AVRO" && *t != "" {
		return nil, fmt.Errorf("%w: it is of type %s, want AVRO", errUnusable, *t)
	}
	if s.Schema() == "" {
		r.client.ResetCache() // srclient keeps it, and would not ask again
		return nil, errEmpty
	}
	for _, ref := range s.References() {
		ref.Name = "" // the schema itself says what it defines
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

// retry asks again after answers that may be different the next time, for up to
// limit. All calls made this way can be repeated without harm.
func (r *Registry) retry(ctx context.Context, limit time.Duration, key string, call func() (any, error)) (got any, err error) {
	err = r.rest.Retry(ctx, limit, func(ctx context.Context) (err error) {
		got, err = r.ask(ctx, key, call)
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // its text repeats method and address
		}
		return err
	})
	return got, err
}

// explain turns a failure into the error of a caller: its ctx's own, a named
// one, or a service's.
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

// The registry's codes of what is not there.
const (
	codeNoSubject = 40401
	codeNoVersion = 40402
	codeNoSchema  = 40403
)

// isUnknown reports whether the registry has said that it does not have what was
// asked for. A bare 404 doesn't say so: it may come from a gateway while the
// registry is away, and must not send good records to the dead letters.
func isUnknown(err error) bool {
	e := refusal(err)
	return e != nil && e.Status == http.StatusNotFound && (e.Code == codeNoSubject || e.Code == codeNoVersion || e.Code == codeNoSchema)
}

// refusal returns the registry's own answer in a failure, or nil.
func refusal(err error) (e *rest.Error) {
	errors.As(err, &e)
	return e
}

// forbids reports whether a refusal is about who asks.
func forbids(e *rest.Error) bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// hint is the remedy for a failure, where it differs from other services'.
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

// Close closes idle connections. The registry can still be used.
func (r *Registry) Close() { r.rest.Close() }
