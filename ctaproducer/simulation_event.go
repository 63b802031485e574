package ctaproducer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// EventKind is the kind of an [Event].
type EventKind uint8

// Every EventKind.
const (
	EventArrival EventKind = iota + 1
	EventEntry
	EventWeather
)

// String is the kind's name, as "arrival".
func (k EventKind) String() string {
	switch k {
	case EventArrival:
		return "arrival"
	case EventEntry:
		return "entry"
	case EventWeather:
		return "weather"
	}
	return "unknown"
}

// Event is something that happens in a simulation, at a whole millisecond.
type Event struct {
	At      time.Time
	Kind    EventKind
	Arrival cta.Arrival        // of an EventArrival
	Entry   cta.TurnstileEntry // of an EventEntry
	Weather cta.Weather        // of an EventWeather
}

// digest is a hash over events in order: for each its kind, its time in
// milliseconds and its values, numbers in eight bytes, texts with their length
// before them. Nothing of the wire is in it, so that it doesn't depend on topics,
// layout or schema ids.
type digest struct {
	hash hash.Hash
	buf  []byte
}

func newDigest() *digest { return &digest{hash: sha256.New(), buf: make([]byte, 0, 8192)} }

func (d *digest) add(e *Event) {
	if len(d.buf) > 7000 {
		d.flush()
	}
	d.buf = append(d.buf, byte(e.Kind))
	d.number(e.At.UnixMilli())
	switch e.Kind {
	case EventArrival:
		a := &e.Arrival
		d.number(int64(a.StationID))
		d.text(a.TrainID)
		d.text(string(a.Direction))
		d.text(a.Line)
		d.text(string(a.TrainStatus))
		if a.PrevStationID == nil || a.PrevDirection == nil {
			d.buf = append(d.buf, 0)
		} else {
			d.buf = append(d.buf, 1)
			d.number(int64(*a.PrevStationID))
			d.text(string(*a.PrevDirection))
		}
		if a.Destination != nil {
			d.number(int64(*a.Destination))
		}
	case EventEntry:
		d.number(int64(e.Entry.StationID))
		d.text(e.Entry.Line)
	case EventWeather:
		d.number(int64(math.Float32bits(e.Weather.Temperature)))
		d.text(string(e.Weather.Status))
	}
}

func (d *digest) number(n int64) { d.buf = binary.BigEndian.AppendUint64(d.buf, uint64(n)) }

func (d *digest) text(s string) {
	d.buf = binary.BigEndian.AppendUint32(d.buf, uint32(len(s)))
	d.buf = append(d.buf, s...)
}

func (d *digest) flush() {
	d.hash.Write(d.buf)
	d.buf = d.buf[:0]
}

func (d *digest) sum() string {
	d.flush()
	return hex.EncodeToString(d.hash.Sum(nil))
}
