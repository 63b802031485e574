package ctaweb

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-921eec07/ctalive/cta/gtfs/realtime"
)

// HandlerConfig holds the optional settings of a [Handler]. The zero value is
// ready to use.
type HandlerConfig struct {
	// Title is the heading of the page. Default: "<network> live", in the reader's
	// language.
	Title string
	// Files overrides files of the directory assets in this package's source, by name:
	// page templates, style.css, icon.svg (the logo), and the words of a language, such
	// as words.en.json. A file of words may contain only some of them. Default: none.
	Files fs.FS
	// Languages lists the languages of the pages, as in HTML: "en", "es-US". Each needs
	// a file words.<language>.json with the same keys as words.en.json; this package
	// has en and es. A reader of none of them gets the first. Default: en, es.
	Languages []string
	// AllowOrigin is the site whose scripts may read the API and the stream: an origin,
	// as "https://example.org", or "*" for every site. Default: none.
	AllowOrigin string
	// MaxStreams bounds the open event streams. Each costs up to 65 kB of memory,
	// narrowed or not. Further clients get 503 and Retry-After. Default: 10000.
	MaxStreams int
	// MaxClientStreams bounds the streams of one address, so that no client takes all;
	// [Serve] bounds connections accordingly. Behind a reverse proxy all clients have
	// the proxy's address: set it to MaxStreams there. Default: half of MaxStreams.
	MaxClientStreams int
	// Interval is the mean time between updates of a stream while much changes. Up to
	// five updates may follow one another at once. Pages are not rendered more often.
	// From 10ms to 10s. Default: 200ms.
	Interval time.Duration
	// KeepAlive is the silence after which a stream gets a "quiet" event, without news.
	// Proxies then keep the stream, and pages know that it is alive. From 1s to 1m.
	// Default: 30s.
	KeepAlive time.Duration
	// WriteTimeout bounds every write to a client; a slower client is dropped. From
	// 100ms to 5m. Default: 10s.
	WriteTimeout time.Duration
	// Log receives failures. Default: silent.
	Log *slog.Logger
	// Metrics receives the handler's metrics. Default: none.
	Metrics prometheus.Registerer
	// Gatherer provides the metrics for GET /metrics. Default: none; GET /metrics
	// returns 404.
	Gatherer prometheus.Gatherer
	// Now is the wall clock. Default: time.Now.
	Now func() time.Time
}

func (c HandlerConfig) withDefaults() HandlerConfig {
	if len(c.Languages) == 0 {
		c.Languages = []string{"en", "es"}
	}
	c.MaxStreams = cmp.Or(c.MaxStreams, 10_000)
	c.MaxClientStreams = cmp.Or(c.MaxClientStreams, max(1, c.MaxStreams/2))
	c.Interval = cmp.Or(c.Interval, 200*time.Millisecond)
	c.KeepAlive = cmp.Or(c.KeepAlive, 30*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c HandlerConfig) validate() error {
	var faults []error
	within := func(name string, d, low, high time.Duration) {
		if d < low || d > high {
			faults = append(faults, fmt.Errorf("%s is %v, want %v to %v", name, d, low, high))
		}
	}
	within("Interval", c.Interval, 10*time.Millisecond, 10*time.Second)
	within("KeepAlive", c.KeepAlive, time.Second, time.Minute)
	within("WriteTimeout", c.WriteTimeout, 100*time.Millisecond, 5*time.Minute)
	if c.MaxStreams < 1 {
		faults = append(faults, fmt.Errorf("MaxStreams is %d, want 1 or more", c.MaxStreams))
	}
	if c.MaxClientStreams < 1 {
		faults = append(faults, fmt.Errorf("MaxClientStreams is %d, want 1 or more", c.MaxClientStreams))
	}
	if o := c.AllowOrigin; o != "" && o != "*" && !isOrigin(o) {
		faults = append(faults, fmt.Errorf("AllowOrigin is %q, want * or an origin as browsers write it, like https://example.org", o))
	}
	return errors.Join(faults...)
}

// isOrigin reports whether a text is an origin as browsers send it. Any other text
// would never match.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.ToLower(text) != text || u.Scheme+"://"+u.Host != text {
		return false
	}
	usual, known := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return known && u.Hostname() != "" && u.Port() != usual && !strings.HasSuffix(text, ":")
}

// Handler serves a model: pages, stream, API, health, metrics. The package comment lists
// the routes. Mount a Handler under any prefix with [http.StripPrefix]. While no stream
// is open, a Handler has no goroutine of its own.
type Handler struct {
	model  *Model
	cfg    HandlerConfig
	mux    *http.ServeMux
	pub    *publisher
	chart  *chart // nil if stations have no coordinates
	fixed  fixed
	assets *assets
	policy string // the Content-Security-Policy
	// languages holds the languages of the pages, the default first; pages holds their
	// templates.
	languages []*language
	pages     map[*language]*template.Template
	metrics   *handlerMetrics
	clients   perClient // of streams
	closing   sync.Once
	realtime  realtimeFeeds

	patterns []string // of the routes
}

// NewHandler returns a handler of m. The error lists every wrong setting. The caller
// must close the handler.
func NewHandler(m *Model, cfg HandlerConfig) (*Handler, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("ctaweb: handler: %w", err)
	}
	src := source{cfg.Files}
	languages, pages, err := src.pages(cfg.Languages, m.Network())
	if err != nil {
		return nil, fmt.Errorf("ctaweb: handler: Files: %w", err)
	}
	publisher, err := realtime.NewPublisher(m.Network())
	if err != nil { // only a hand-made network has such ids; pages can show them
		cfg.Log.Warn("GTFS-Realtime feeds unavailable for this network", "err", err)
	}
	a := newAssets(m.Network(), src, languages)
	h := &Handler{
		model: m, cfg: cfg, mux: http.NewServeMux(), assets: a, policy: policy(a.style), chart: newChart(m.Network()),
		languages: languages, pages: pages, metrics: newHandlerMetrics(cfg.Metrics),
		clients:  perClient{most: cfg.MaxClientStreams},
		realtime: realtimeFeeds{publisher: publisher},
		pub:      newPublisher(m, cfg.Interval, cfg.Now, a.build),
	}
	for _, l := range languages {
		a.manifest[l.code] = a.add("manifest."+l.code, ".webmanifest", "application/manifest+json", h.manifest(l))
	}
	h.routePages()
	h.route("/worker.js", plainError, h.serveWorker)
	h.route("/events", plainError, h.serveEvents)
	h.routeAPI()
	h.routeRealtime()
	h.route("/healthz", jsonError, h.serveHealth)
	h.route("/readyz", jsonError, h.serveReady)
	h.route("/static/{name}", plainError, h.serveAsset)
	for _, p := range []string{"/api", "/api/"} {
		h.route(p, jsonError, h.nowhere)
	}
	h.route("/", plainError, h.nowhere)
	if cfg.Gatherer != nil {
		gathered := promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{
			// By default, the error would be sent to the reader.
			ErrorHandling:       promhttp.ContinueOnError,
			ErrorLog:            slog.NewLogLogger(cfg.Log.Handler(), slog.LevelError),
			MaxRequestsInFlight: 4,
		})
		h.route("/metrics", plainError, gathered.ServeHTTP)
	}
	return h, nil
}

// Default returns a handler of m with the default settings.
func Default(m *Model) *Handler {
	h, err := NewHandler(m, HandlerConfig{})
	if err != nil {
		panic(err) // the defaults are valid
	}
	return h
}

// Close ends every stream, so that a server can shut down: pass it to
// [http.Server.RegisterOnShutdown]. Later streams are refused; everything else keeps
// working.
func (h *Handler) Close() { h.closing.Do(func() { close(h.pub.closed) }) }

// ServeHTTP serves the routes that the package comment lists.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", h.policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "same-origin")
	head.Set("Permissions-Policy", "geolocation=(self), camera=(), microphone=(), payment=(), usb=()")
	// Redirects are relative, because the handler doesn't know its prefix.
	switch p := r.URL.EscapedPath(); {
	case h.preflight(w, r):
	case p == "":
		// This is the prefix without its slash, where relative addresses would lead
		// astray.
		full, _, _ := strings.Cut(r.RequestURI, "?")
		redirect(w, r, "./"+path.Base(full)+"/")
	case p != path.Clean(p) && h.known(strings.TrimSuffix(p, "/")):
		redirect(w, r, "../"+path.Base(p))
	case p != path.Clean(p):
		h.nowhere(w, r) // ServeMux would redirect to an address without the prefix
	default:
		h.mux.ServeHTTP(w, r)
	}
}

// nowhere answers a request for an unknown address.
func (h *Handler) nowhere(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/") {
		jsonError(w, http.StatusNotFound, "there is no such resource")
		return
	}
	s, l := h.snapshot(w, r)
	h.missing(w, s, l, rootOf(r))
}

// known reports whether a path belongs to a route other than the front page.
func (h *Handler) known(p string) bool {
	u, err := url.Parse(p)
	if err != nil || p != path.Clean(p) {
		return false
	}
	_, pattern := h.mux.Handler(&http.Request{Method: http.MethodGet, URL: u})
	return p != "/" && pattern != "/api" && !strings.HasSuffix(pattern, "/")
}

func redirect(w http.ResponseWriter, r *http.Request, to string) {
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusPermanentRedirect)
}

// segment returns an id as one segment of an address. Browsers take "." and ".." for
// folders, even if escaped, and ServeMux doesn't match an escaped "/" alone. These ids,
// and ids that begin with a tilde, get a tilde in front, which idOf removes.
func segment(id string) string {
	if id == "." || id == ".." || id == "/" || strings.HasPrefix(id, "~") {
		id = "~" + id
	}
	return url.PathEscape(id)
}

// idOf returns the id in a request's address.
func idOf(r *http.Request) string { return strings.TrimPrefix(r.PathValue("id"), "~") }

// preflight sets the CORS headers of the API and the stream, if AllowOrigin permits. It
// reports whether the request was a CORS preflight, and answers it.
func (h *Handler) preflight(w http.ResponseWriter, r *http.Request) bool {
	o := h.cfg.AllowOrigin
	if o == "" || !strings.HasPrefix(r.URL.Path, "/api/") && !strings.HasPrefix(r.URL.Path, "/gtfs-rt/") && r.URL.Path != "/events" {
		return false
	}
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", o)
	head.Set("Access-Control-Expose-Headers", "ETag")
	if o != "*" {
		head.Add("Vary", "Origin")
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	head.Set("Access-Control-Allow-Methods", "GET, HEAD")
	head.Set("Access-Control-Allow-Headers", "Accept-Language, If-None-Match, Last-Event-ID")
	head.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// route adds a read-only resource.
func (h *Handler) route(pattern string, fail errorWriter, serve http.HandlerFunc) {
	h.patterns = append(h.patterns, pattern)
	name := strings.TrimSuffix(pattern, "{$}")
	var answer http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			fail(w, http.StatusMethodNotAllowed, "only GET and HEAD are allowed here")
			return
		}
		if name != "/events" {
			// Not every writer supports deadlines. Then the server's own limits apply.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(h.cfg.WriteTimeout))
		}
		serve(w, r)
	})
	route := prometheus.Labels{"route": name}
	if name != "/events" {
		answer = promhttp.InstrumentHandlerDuration(h.metrics.seconds.MustCurryWith(route), answer)
	}
	h.mux.Handle(pattern, promhttp.InstrumentHandlerCounter(h.metrics.requests.MustCurryWith(route), answer))
}

// source reads the files of pages: the embedded ones, and those that override them.
type source struct{ over fs.FS }

func (s source) read(name string) string {
	if text := s.own(name); text != "" {
		return text
	}
	return read(name)
}

// own returns a file that overrides an embedded one, or "" if none does.
func (s source) own(name string) string {
	if s.over == nil {
		return ""
	}
	data, err := fs.ReadFile(s.over, name)
	if err != nil {
		return "" // the embedded file is used
	}
	return string(data)
}

// errorWriter sends an error to a reader.
type errorWriter func(w http.ResponseWriter, code int, text string)

func plainError(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, code)
}

func jsonError(w http.ResponseWriter, code int, text string) {
	writeJSON(w, code, map[string]string{"error": text})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // a client that has gone
}

func (h *Handler) serveHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// readiness is the JSON of GET /readyz.
type readiness struct {
	Ready      bool   `json:"ready"`
	Reason     string `json:"reason,omitempty"`
	AgeSeconds int64  `json:"age_seconds"`
	Stale      bool   `json:"stale"`
}

func (h *Handler) serveReady(w http.ResponseWriter, _ *http.Request) {
	st := h.pub.snapshot().status
	code, answer := http.StatusOK, readiness{Ready: true, AgeSeconds: st.AgeSeconds, Stale: st.Stale}
	if err := h.model.Ready(); err != nil { // newer than the snapshot
		code, answer.Ready, answer.Reason = http.StatusServiceUnavailable, false, err.Error()
	}
	writeJSON(w, code, answer)
}

func (h *Handler) serveAsset(w http.ResponseWriter, r *http.Request) {
	a := h.assets.named[r.PathValue("name")]
	if a == nil {
		plainError(w, http.StatusNotFound, "there is no such file")
		return
	}
	// The name changes with the content.
	serveBody(w, r, a.contentType, "public, max-age=31536000, immutable", &a.body)
}

// serveBody writes a finished body, or 304 if the client has it already.
func serveBody(w http.ResponseWriter, r *http.Request, contentType, cache string, b *body) {
	head, data, end := w.Header(), b.plain, `"`
	if acceptsGzip(r) {
		data, end = b.gzip(), `-gz"`
		head.Set("Content-Encoding", "gzip")
		head.Set("Content-Length", strconv.Itoa(len(data))) // ServeContent leaves it out
	}
	id, weak := strings.CutPrefix(b.tag, "W/")
	tag := `"` + id + end
	if weak {
		tag = "W/" + tag
	}
	head.Set("ETag", tag)
	head.Set("Cache-Control", cache)
	head.Set("Content-Type", contentType)
	head.Add("Vary", "Accept-Encoding")
	if r.Header.Get("If-Match")+r.Header.Get("If-Unmodified-Since") != "" { // they are for writes; ServeContent would refuse
		r = r.Clone(r.Context())
		r.Header.Del("If-Match")
		r.Header.Del("If-Unmodified-Since")
	}
	http.ServeContent(w, r, "", b.changed, bytes.NewReader(data))
}

func acceptsGzip(r *http.Request) bool {
	for field := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(field, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !found || err == nil && weight > 0
		}
	}
	return false
}
