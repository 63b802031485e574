package restproxy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-921eec07/ctalive/cta/wire"
)

// maxBody is the size of the largest request, in bytes. A larger one is
// answered with 413.
const maxBody = 1 << 20

// deliveryTimeout is how long a record waits for the brokers before it fails
// with code 50003.
const deliveryTimeout = 30 * time.Second

// Config holds the settings of a [Handler]. Brokers and Registry are required.
type Config struct {
	Brokers  []string       // host:port
	Registry *wire.Registry // where schemas are registered and looked up
	Log      *slog.Logger   // receives faults of the brokers and the registry. Default: silent
}

// Handler is a REST Proxy. It is safe for concurrent use. Close it.
type Handler struct {
	mux      *http.ServeMux
	client   *kgo.Client
	registry *wire.Registry
	codecs   codecs
	subjects subjects
	log      *slog.Logger
}

// New returns a handler. Nothing is contacted before the first request. The
// error lists every wrong setting.
func New(cfg Config) (*Handler, error) {
	var faults []error
	if len(cfg.Brokers) == 0 {
		faults = append(faults, errors.New("Brokers is empty, want host:port of at least one broker"))
	}
	if cfg.Registry == nil {
		faults = append(faults, errors.New("Registry is not set"))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("restproxy: settings: %w", errors.Join(faults...))
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	client, err := kgo.NewClient(
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID("ctalive-rest-proxy"),
		kgo.AllowAutoTopicCreation(), // as the Java producer does: the brokers decide
		kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)}),
		kgo.RecordDeliveryTimeout(deliveryTimeout),
		kgo.ProducerLinger(0),
	)
	if err != nil {
		return nil, fmt.Errorf("restproxy: %w", err)
	}
	h := &Handler{mux: http.NewServeMux(), client: client, registry: cfg.Registry, log: cfg.Log}
	h.mux.HandleFunc("GET /{$}", h.reads(func(*http.Request) (any, error) { return struct{}{}, nil }))
	h.mux.HandleFunc("GET /topics", h.reads(h.topics))
	h.mux.HandleFunc("GET /topics/{topic}", h.reads(h.topic))
	h.mux.HandleFunc("GET /topics/{topic}/partitions", h.reads(h.partitions))
	h.mux.HandleFunc("GET /topics/{topic}/partitions/{partition}", h.reads(h.partition))
	h.mux.HandleFunc("GET /brokers", h.reads(h.brokers))
	h.mux.HandleFunc("POST /topics/{topic}", h.answers(h.produce))
	h.mux.HandleFunc("POST /topics/{topic}/partitions/{partition}", h.answers(h.produce))
	return h, nil
}

// Close ends the connections to the brokers. Requests must have ended before.
func (h *Handler) Close() error {
	h.client.Close()
	return nil
}

// ServeHTTP answers a request. Every answer is JSON; every error has an
// error_code and a message.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := h.mux.Handler(r); pattern == "" {
		// Ask for the mux's own answer only to learn its status.
		var s statusOnly
		h.mux.ServeHTTP(&s, r)
		if s.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", s.Header().Get("Allow"))
			h.fail(w, httpFault(http.StatusMethodNotAllowed))
			return
		}
		h.fail(w, httpFault(http.StatusNotFound))
		return
	}
	h.mux.ServeHTTP(w, r)
}

// statusOnly is a ResponseWriter that keeps the header and the status.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header {
	if s.header == nil {
		s.header = make(http.Header)
	}
	return s.header
}

func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }

// fault is an answer that refuses a whole request.
type fault struct {
	status  int // HTTP
	Code    int `json:"error_code"`
	Message string
}

func (f *fault) Error() string { return fmt.Sprintf("%d: %s", f.Code, f.Message) }

func refuse(status, code int, format string, args ...any) *fault {
	return &fault{status, code, fmt.Sprintf(format, args...)}
}

// httpFault refuses a request in the words of HTTP.
func httpFault(status int) *fault {
	return refuse(status, status, "HTTP %d %s", status, http.StatusText(status))
}

func (h *Handler) fail(w http.ResponseWriter, err error) {
	var f *fault
	if !errors.As(err, &f) {
		h.log.Warn("REST Proxy: request failed", "err", err)
		f = refuse(http.StatusInternalServerError, 50002, "Kafka error")
	}
	write(w, f.status, map[string]any{"error_code": f.Code, "message": f.Message})
}

func write(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error_code":500,"message":"HTTP 500 Internal Server Error"}`)
	}
	w.Header().Set("Content-Type", responseType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; nobody else wants to know
}

// responseType is the content type of every answer.
const responseType = "application/vnd.kafka.v2+json"

// answers serves f to clients that take an answer in API v2's form.
func (h *Handler) answers(f func(*http.Request) (any, error)) http.HandlerFunc {
	return h.serve(f, responseType)
}

// reads serves f, which only looks at things, to clients that take JSON.
func (h *Handler) reads(f func(*http.Request) (any, error)) http.HandlerFunc {
	return h.serve(f, responseType, "application/vnd.kafka+json", "application/json")
}

func (h *Handler) serve(f func(*http.Request) (any, error), types ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !accepts(r.Header.Values("Accept"), types) {
			h.fail(w, httpFault(http.StatusNotAcceptable))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := f(r)
		if err != nil {
			h.fail(w, err)
			return
		}
		write(w, http.StatusOK, v)
	}
}

// accepts reports whether a client's Accept headers allow one of types.
func accepts(headers, types []string) bool {
	if len(headers) == 0 {
		return true
	}
	for item := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		t, params, err := mime.ParseMediaType(item)
		if err != nil || params["q"] == "0" {
			continue
		}
		if t == "*/*" || t == "application/*" || slices.Contains(types, t) {
			return true
		}
	}
	return false
}
