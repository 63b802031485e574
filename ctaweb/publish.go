package ctaweb

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

const (
	// backlog is the number of updates kept for streams that come back.
	backlog = 256
	// narrowedUpdates is the number of updates kept in the form of each narrowed
	// stream, about 1 kB each: enough for streams that are up to date.
	narrowedUpdates = 8
)

// publisher makes one snapshot of a model at a time, for all readers. It links the
// updates between snapshots into a chain, which streams follow at their own pace.
type publisher struct {
	model    *Model
	interval time.Duration // least time between snapshots
	now      func() time.Time
	build    string // of the assets
	epoch    string // of this publisher: tells its ids from another's

	mu      sync.Mutex
	cur     *snapshot
	version uint64     // the model's, from which cur.layout was made
	tail    *message   // the newest update
	recent  []*message // the newest backlog updates, tail last
	streams int
	quit    chan struct{} // of the loop; nil when there are no streams
	closed  chan struct{}
}

// snapshot is a Status with its renderings, each made on first use.
type snapshot struct {
	speaks  *language
	status  *Status
	view    *live.View
	urgent  uint64 // of the model
	seq     uint64
	id      string // of the snapshot, for streams
	layout  *layout
	at      time.Time
	answers answers
	events  narrowed
	// stations returns the summaries of the stations, made on first use, the same in all
	// languages.
	stations func() []stationSummary

	mu sync.Mutex
	in map[*language]*snapshot // other languages
}

// translated returns the snapshot in a language. It shares the stream's events of s.
func (s *snapshot) translated(net *cta.Network, l *language) *snapshot {
	if l.kinds["train"] == english() {
		return s
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.in[l]
	if own == nil {
		own = &snapshot{speaks: l, status: l.translate(net, s.status), view: s.view, id: s.id + "-" + l.code, layout: s.layout, stations: s.stations}
		if s.in == nil {
			s.in = map[*language]*snapshot{}
		}
		s.in[l] = own
	}
	return own
}

// message is an update in the chain. next may be read once ready is closed.
type message struct {
	id     string
	update *update
	data   *chunk   // the whole update in wire format
	parts  narrowed // the update by filter
	ready  chan struct{}
	next   *message
}

func (m *message) bytes(net *cta.Network, f filter) *chunk {
	if f.all() {
		return m.data
	}
	return m.parts.event(net, f, "update", m.id, m.update)
}

// body is a rendering, plain and compressed, made once.
type body struct {
	once, zip sync.Once
	plain, gz []byte
	tag       string    // changes with the content, or as make sets it
	changed   time.Time // zero if that isn't told
	err       error
}

func (b *body) get(make func() ([]byte, error)) error {
	b.once.Do(func() {
		if b.plain, b.err = make(); b.tag == "" {
			b.tag = hash(string(b.plain))
		}
	})
	return b.err
}

// gzip needs a body that get has rendered.
func (b *body) gzip() []byte {
	b.zip.Do(func() { b.gz = compress(b.plain) })
	return b.gz
}

func compress(data []byte) []byte {
	var buf bytes.Buffer
	w, _ := gzip.NewWriterLevel(&buf, 5) // nothing fails in memory
	_, _ = w.Write(data)
	_ = w.Close()
	return buf.Bytes()
}

func newPublisher(m *Model, interval time.Duration, now func() time.Time, build string) *publisher {
	return &publisher{
		model: m, interval: interval, now: now, build: build,
		epoch: strings.ToLower(rand.Text()[:10]), closed: make(chan struct{}),
	}
}

// snapshot returns the newest snapshot, at most an interval old.
func (p *publisher) snapshot() *snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.advance()
}

// advance is called with mu held.
func (p *publisher) advance() *snapshot {
	now := p.now()
	if p.cur != nil && now.Sub(p.cur.at) < p.interval && !now.Before(p.cur.at) {
		return p.cur
	}
	return p.renew(now)
}

// renew makes a snapshot, unless nothing changed. It is called with mu held.
func (p *publisher) renew(now time.Time) *snapshot {
	look := p.model.look(now)
	st, urgent := look.status, look.urgent
	next := &snapshot{speaks: english(), status: st, view: look.view, urgent: urgent, at: now}
	next.stations = sync.OnceValue(func() []stationSummary { return next.summarize(p.model.net) })
	var from *Status
	if p.cur != nil {
		from = p.cur.status
		next.seq = p.cur.seq
		next.layout = p.cur.layout
	}
	if from == nil || look.layout != p.version {
		p.version = look.layout
		next.layout = layoutOf(st, p.build)
	}
	u := difference(from, st, next.layout)
	if from != nil && u.empty(from) && next.layout.id == p.cur.layout.id {
		// Readers see no difference: its id and renderings stay valid.
		p.cur.urgent, p.cur.at = urgent, now
		return p.cur
	}
	next.seq++
	next.id = p.epoch + "-" + strconv.FormatUint(next.seq, 10)
	p.cur = next
	p.publish(u, next)
	return next
}

// publish appends an update to the chain. It is called with mu held.
func (p *publisher) publish(u *update, s *snapshot) {
	data, err := json.Marshal(u)
	if err != nil { // only a NaN temperature could: readers of records refuse it
		data = []byte("{}")
	}
	m := &message{id: s.id, update: u, data: event("update", s.id, data), ready: make(chan struct{})}
	if p.tail != nil {
		p.tail.next = m
		close(p.tail.ready)
	}
	p.tail = m
	if len(p.recent) == backlog {
		p.recent = append(p.recent[:0:0], p.recent[backlog/2:]...)
	}
	p.recent = append(p.recent, m)
	if old := len(p.recent) - 1 - narrowedUpdates; old >= 0 {
		p.recent[old].parts.forget()
	}
}

// event returns an event in the format of the stream. data has no line breaks.
func event(name, id string, data []byte) *chunk {
	return &chunk{plain: fmt.Appendf(nil, "event: %s\nid: %s\ndata: %s\n\n", name, id, data)}
}

// chunk is a part of streams. It is compressed once for all streams. Its compressed
// form refers to nothing before it, so it fits at any place of a stream.
type chunk struct {
	plain  []byte
	zip    sync.Once
	packed []byte
}

// gzipBegins is the start of a compressed stream, which has no end.
var gzipBegins = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, 5) // the level is valid
	return w
}}

func (c *chunk) bytes(zip bool) []byte {
	if !zip {
		return c.plain
	}
	c.zip.Do(func() {
		var buf bytes.Buffer
		w := deflaters.Get().(*flate.Writer)
		w.Reset(&buf)
		_, _ = w.Write(c.plain) // nothing fails in memory
		_ = w.Flush()
		deflaters.Put(w)
		c.packed = buf.Bytes()
	})
	return c.packed
}

// join adds a stream, and returns its beginning: after the last update that its reader
// saw if that is still kept, else with a whole snapshot.
func (p *publisher) join(last string) (at *message, first *snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.advance()
	p.streams++
	if p.streams == 1 {
		p.quit = make(chan struct{})
		go p.loop(p.quit)
	}
	if epoch, n, ok := strings.Cut(last, "-"); ok && epoch == p.epoch {
		if seq, err := strconv.ParseUint(n, 10, 64); err == nil && seq <= s.seq {
			if i := len(p.recent) - 1 - int(s.seq-seq); s.seq-seq < backlog && i >= 0 {
				return p.recent[i], nil
			}
		}
	}
	return p.tail, s
}

func (p *publisher) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams--
	if p.streams == 0 {
		close(p.quit)
	}
}

// burst is the number of snapshots that may follow one another at once.
const burst = 5

// loop makes snapshots while there are streams: at once when something changes, every
// interval while much changes for long, every second while only time passes.
func (p *publisher) loop(quit <-chan struct{}) {
	tick := time.NewTimer(0)
	defer tick.Stop()
	var due time.Time // when the next is due at an even pace; a burst may run ahead of it
	for {
		p.mu.Lock()
		now := p.now()
		if early := now.Add(-burst * p.interval); due.Before(early) || due.After(now.Add(p.interval)) {
			due = early
		}
		due = due.Add(p.interval)
		s := p.renew(now)
		urgent := s.urgent
		p.mu.Unlock()
		tick.Reset(time.Second)
		select {
		case <-quit:
			return
		case <-p.closed:
			return
		case <-tick.C:
		case <-p.model.changed(urgent):
		}
		wait := due.Sub(p.now())
		if wait <= 0 {
			continue
		}
		tick.Reset(wait)
		select {
		case <-quit:
			return
		case <-p.closed:
			return
		case <-tick.C:
		}
	}
}

// layout holds what updates can't change on a page: its stations, their names and
// order, and the assets.
type layout struct {
	id    string           // changes with any part
	stops map[int][]string // the lines at each station

	searched sync.Once
	stations searchIndex
}

func (l *layout) index(st *Status, net *cta.Network) searchIndex {
	l.searched.Do(func() { l.stations = newSearchIndex(st, net) })
	return l.stations
}

func layoutOf(st *Status, build string) *layout {
	h := fnv.New64a()
	of := &layout{stops: map[int][]string{}}
	fmt.Fprintf(h, "%s\n%s\n", build, st.Network)
	for _, l := range st.Lines {
		fmt.Fprintf(h, "%q %q\n", l.ID, l.Name)
		for _, s := range l.Stations {
			fmt.Fprintf(h, "%d %q %q\n", s.ID, s.Name, s.Branch)
			of.stops[s.ID] = append(of.stops[s.ID], l.ID)
		}
	}
	of.id = strconv.FormatUint(h.Sum64(), 36)
	return of
}

// snapshotEvent returns a whole snapshot for the readers of a filter, as an update from
// nothing.
func (s *snapshot) snapshotEvent(net *cta.Network, f filter) *chunk {
	return s.events.event(net, f, "snapshot", s.id, difference(nil, s.status, s.layout))
}
