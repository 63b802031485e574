package ctaweb

import (
	"errors"
	"net/http"
	"os"
	"time"
)

// serveEvents serves the stream: a snapshot, or the updates since the id in
// Last-Event-ID or in the query's "since" (for a page before its first event), then
// further updates.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	only, ok := h.filter(w, r)
	if !ok {
		head.Del("Content-Type")
		plainError(w, http.StatusNotFound, "there is no such line or station")
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	refuse := func(code int, text string) {
		head.Del("Content-Type")
		head.Set("Retry-After", "5")
		h.metrics.dropped.WithLabelValues("refused").Inc()
		plainError(w, code, text)
	}
	if !h.enter() {
		refuse(http.StatusServiceUnavailable, "too many people are following; please come back in a moment")
		return
	}
	defer h.exit()
	leave := h.clients.enter(r.RemoteAddr)
	if leave == nil {
		refuse(http.StatusTooManyRequests, "too many streams are open from your address; please close some")
		return
	}
	defer leave()
	head.Set("X-Accel-Buffering", "no") // nginx would hold events back
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("since")
	}
	err := h.stream(w, r, last, only)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, errBehind):
		// First, because net/http ends the context of a request it can't write to.
		h.metrics.dropped.WithLabelValues("slow").Inc()
		h.cfg.Log.Debug("stream dropped", "client", r.RemoteAddr, "err", err)
	case errors.Is(err, http.ErrNotSupported) && r.Context().Err() == nil:
		h.cfg.Log.Error("events can't be streamed: a ResponseWriter around this handler has neither Flush nor Unwrap", "err", err)
	}
}

// filter is what a request asks for; ok is false when there is no such thing.
func (h *Handler) filter(w http.ResponseWriter, r *http.Request) (f filter, ok bool) {
	q := r.URL.Query()
	if l := h.language(w, r); l.kinds["train"] != english() {
		f.in = l
	}
	f.line = q.Get("line")
	if l, _ := h.pub.snapshot().status.line(f.line); f.line != "" && l == nil {
		return f, false
	}
	if id := q.Get("station"); id != "" {
		s, ok := h.station(h.pub.snapshot(), id)
		if !ok {
			return f, false
		}
		f.station = s.ID
	}
	return f, true
}

var errBehind = errors.New("too far behind")

// enter counts a stream in, if there is room for it.
func (h *Handler) enter() bool {
	select {
	case <-h.pub.closed:
		return false
	default:
	}
	if n := h.metrics.open.Add(1); n > int64(h.cfg.MaxStreams) {
		h.metrics.open.Add(-1)
		return false
	}
	h.metrics.streams.Inc()
	return true
}

func (h *Handler) exit() {
	h.metrics.open.Add(-1)
	h.metrics.streams.Dec()
}

// stream writes until the client goes, is too slow, or the handler is closed.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, last string, only filter) error {
	rc := http.NewResponseController(w)
	zip := acceptsGzip(r)
	w.Header().Add("Vary", "Accept-Encoding")
	if zip {
		w.Header().Set("Content-Encoding", "gzip")
	}
	flush := func(data ...*chunk) error {
		deadline := time.Now().Add(h.cfg.WriteTimeout)
		if err := rc.SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		for _, d := range data {
			if _, err := w.Write(d.bytes(zip)); err != nil {
				return err
			}
		}
		if err := rc.Flush(); err != nil || time.Now().Before(deadline) {
			return err
		}
		return os.ErrDeadlineExceeded // a writer around the server's, such as promhttp's, hides the error of Flush
	}
	// A server's ReadTimeout would end the stream: net/http keeps reading to notice a
	// client that leaves.
	if err := rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	at, first := h.pub.join(last)
	defer h.pub.leave()
	if zip {
		if _, err := w.Write(gzipBegins); err != nil {
			return err
		}
	}
	begin := []*chunk{&comeBack}
	if first != nil {
		begin = append(begin, first.snapshotEvent(h.model.net, only))
	}
	if err := flush(begin...); err != nil {
		return err
	}
	quiet := time.NewTimer(h.cfg.KeepAlive)
	defer quiet.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-h.pub.closed:
			return nil
		case <-quiet.C:
			if err := flush(&noNews); err != nil {
				return err
			}
		case <-at.ready:
			var late []*chunk
			for at.next != nil { // all that is ready, in one write
				at = at.next
				late = append(late, at.bytes(h.model.net, only))
				if !at.done() {
					break
				}
			}
			if len(late) > backlog {
				return errBehind
			}
			if err := flush(late...); err != nil {
				return err
			}
		}
		quiet.Reset(h.cfg.KeepAlive)
	}
}

// Frames of every stream.
var (
	comeBack = chunk{plain: []byte("retry: 2000\n\n")}
	noNews   = chunk{plain: []byte("event: quiet\ndata: {}\n\n")}
)

// done reports whether the next message may be read.
func (m *message) done() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}
