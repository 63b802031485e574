package ctastream

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// TurnstileSummary counts the entries at each station, and publishes the counts as
// [tables.TurnstileCount], under the text of the station's id.
//
// Every entry with a readable value counts, whatever its key. An entry in the topic or
// partition of another station is a dead letter (reason "wrong partition" or "wrong
// topic"): several workers could not count it exactly. So:
//
//   - Producers to a topic of several partitions choose the partition by the station,
//     as in [cta.PartitionKey].
//   - Change the number of partitions, or the layout, only while no worker runs.
//
// A published count has two headers: position, the partition and offset up to which
// entries are counted, and topic-id. So counts stay exact even if the group's own
// positions are lost. After a crash that loses a topic's last entries, the earlier ones
// are not counted again.
//
//   - If you delete and recreate a topic of entries, delete the topic of counts too.
//   - If you delete only the topic of counts, to count all again, choose another group.
//
// Counts of another engine, such as ksqlDB or Kafka Streams, lack these headers.
// Nothing exact can be added to them: see [ErrForeignCounts].
type TurnstileSummary struct {
	worker
	values *wire.Avro[cta.TurnstileEntry]

	tallies *tallies
	read    map[string]*reading // by the bytes of a value
	sizes   map[string]int32    // number of partitions by topic
}

// reading is a decoded value. A station's entries differ only in the line, so most
// values need no second decoding.
type reading struct {
	station int
	tally   *tally
	at      kafka.Partition // where entries with these bytes were found to belong
}

// ErrForeignCounts is returned by [TurnstileSummary.Run] when the topic of counts
// contains counts of another engine. To take over, end that engine, delete the topic,
// and start with a group that has not counted before. That group counts all entries
// that their topics still hold.
var ErrForeignCounts = errors.New("another engine, such as ksqlDB or Kafka Streams, has written counts here")

// maxReadings bounds the memory that foreign values can take.
const maxReadings = 1 << 16

// NewTurnstileSummary returns a summary that reads and writes through client. The
// error lists every wrong setting. Nothing is contacted before Run.
func NewTurnstileSummary(client *kafka.Client, reg *wire.Registry, cfg Config) (*TurnstileSummary, error) {
	cfg = cfg.withDefaults("turnstile-summary", cfg.Topics.TurnstileSummary())
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("ctastream: turnstile summary: %w", err)
	}
	values, err := wire.AvroValue[cta.TurnstileEntry](reg, schemas.TurnstileValue)
	if err != nil {
		return nil, fmt.Errorf("ctastream: turnstile summary: %w", err)
	}
	return &TurnstileSummary{
		worker: newWorker(client, cfg, cfg.Topics.IsTurnstiles),
		values: values,
	}, nil
}

// Run creates the topics that it writes to, and counts until ctx ends. Then it
// publishes its counts, leaves the group and returns nil, all within 5 s. Don't call it
// concurrently. It returns:
//
//   - [kafka.ErrFenced] when a newer worker of the same InstanceID has taken over
//   - [ErrForeignCounts]
//   - the error of a request that the cluster refused
func (s *TurnstileSummary) Run(ctx context.Context) error {
	s.tallies, s.sizes = newTallies(), make(map[string]int32)
	s.reread()
	if err := s.run(ctx, (*summarizer)(s)); err != nil {
		return fmt.Errorf("ctastream: turnstile summary: %w", err)
	}
	return nil
}

// reread forgets the readings, which point to tallies.
func (s *TurnstileSummary) reread() { s.read = make(map[string]*reading) }

// summarizer is a TurnstileSummary's kafka.Transformer.
type summarizer TurnstileSummary

// Needs returns the partitions of the output that hold the counts of an input
// partition's stations. Both topics use the same hash of the station, modulo their
// numbers of partitions. So both partitions are equal modulo the largest common
// divisor.
func (s *summarizer) Needs(g kafka.Assigned) (needs []kafka.Partition) {
	of, n := int32(len(s.output)), g.Partitions
	in := g.Partition.Partition
	if id, ok := cta.TopicStation(g.Topic); ok && n == 1 {
		n, in = of, kafka.PartitionOf(cta.PartitionKey(id), of)
	}
	for of != 0 {
		n, of = of, n%of // finally, n is the largest common divisor
	}
	for _, p := range s.output {
		if p.Partition%n == in%n {
			needs = append(needs, p)
		}
	}
	return needs
}

// Assign restores the counts of the stations in the gained partitions.
func (s *summarizer) Assign(ctx context.Context, gained []kafka.Assigned) (install func(), err error) {
	var from []kafka.Partition
	for _, g := range gained {
		from = append(from, s.Needs(g)...)
	}
	slices.SortFunc(from, func(a, b kafka.Partition) int { return cmp.Compare(a.Partition, b.Partition) })
	read, err := s.readCounts(ctx, slices.Compact(from))
	if err != nil {
		return nil, err
	}
	var short []kafka.Partition // partitions that end before their counted position
	begin, counted := make(map[kafka.Partition]position), read.counted()
	for _, g := range gained {
		at, all := s.resume(g, counted[g.Partition])
		if begin[g.Partition] = at; !all {
			short = append(short, g.Partition)
		}
	}
	return func() {
		s.dead.begin(gained)
		for _, g := range gained {
			s.sizes[g.Topic] = g.Partitions
		}
		s.tallies.adopt(read, begin)
		for _, p := range short {
			s.tallies.publishAll(p, func(station int) bool { return s.placed(station, p) == nil })
		}
		s.restored.Set(float64(len(s.tallies.stations)))
		(*TurnstileSummary)(s).reread()
	}, nil
}

// resume returns the position at which to continue in a partition, and whether all
// counted entries are still there. If not, another topic may have the name, or the
// cluster may have lost the end of the topic, such as after the crash of a machine.
func (s *summarizer) resume(g kafka.Assigned, counted position) (at position, all bool) {
	at = position{counted.next, g.TopicID}
	if g.End >= at.next {
		return at, true
	}
	at.next = 0
	msg := "the topic ends before the counted position; counting it as a new topic"
	if g.TopicID != "" && g.TopicID == counted.topicID {
		at.next = g.End
		msg = "the topic has lost entries that are already counted; continuing at its end"
	}
	s.cfg.Log.Warn(msg, "topic", g.Topic, "partition", g.Partition.Partition, "counted", counted.next, "end", g.End)
	return at, false
}

func (s *summarizer) readCounts(ctx context.Context, from []kafka.Partition) (*tallies, error) {
	read := newTallies()
	foreign := make(map[string]tables.TurnstileCount) // by key, the last count if it is another engine's
	broken := make(map[int]error)                     // by station, if the last count is unreadable
	var windowed error
	err := s.restore(ctx, from, func(r kafka.Record) {
		c, deleted, err := tables.ParseTurnstileCount(r.Key, r.Value)
		if errors.Is(err, tables.ErrWindowed) && r.Value != nil {
			windowed = err
			return
		}
		if err != nil {
			s.cfg.Log.Warn("cannot read a published count; left out", "topic", r.Topic, "offset", r.Offset, "err", err)
			if id, kerr := strconv.Atoi(string(r.Key)); kerr == nil {
				broken[id] = fmt.Errorf("offset %d: %w", r.Offset, err)
			}
			return
		}
		delete(foreign, string(r.Key))
		delete(broken, c.StationID)
		switch {
		case !deleted:
			if !read.restore(c, header(r, positionHeader), header(r, topicIDHeader)) {
				foreign[string(r.Key)] = c
			}
		case bytes.Equal(r.Key, cta.PartitionKey(c.StationID)): // other engines' keys may differ
			read.remove(c.StationID)
		}
	})
	if err != nil {
		return nil, err
	}
	for _, c := range foreign {
		err = fmt.Errorf("%w: %d counts (such as %d entries at station %d) lack the position they include", ErrForeignCounts, len(foreign), c.Count, c.StationID)
		break
	}
	if windowed != nil {
		err = fmt.Errorf("%w: %w", ErrForeignCounts, windowed)
	}
	hint := "delete the topic, and set a Group that has not counted before: it counts all stored entries"
	if err != nil {
		hint = "stop that engine, " + hint
	}
	// A station whose previous count is there is complete.
	for id, unread := range broken {
		if err == nil && read.stations[id] == nil {
			err = fmt.Errorf("the count of station %d can't be read: %w", id, unread)
		}
	}
	if err != nil {
		return nil, &cta.ServiceError{Service: "Kafka", Addr: "topic " + s.cfg.Output, Hint: hint, Err: err}
	}
	return read, nil
}

// Revoke drops the counts of stations that another worker counts from now on.
func (s *summarizer) Revoke(lost []kafka.Partition) {
	s.tallies.forget(lost)
	(*TurnstileSummary)(s).reread()
}

// Transform counts a batch of entries.
func (s *summarizer) Transform(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	var out []kafka.Record
	src := new(source)
	for i := range batch {
		r := &batch[i]
		if r.Partition != src.Partition.Partition || r.Topic != src.Topic {
			src = s.tallies.sources[kafka.Partition{Topic: r.Topic, Partition: r.Partition}]
		}
		if !src.take(r.Offset) {
			continue
		}
		rd := s.read[string(r.Value)]
		if rd == nil || rd.at.Partition != r.Partition || rd.at.Topic != r.Topic {
			var err error
			rd, err = s.decode(ctx, r)
			if err != nil {
				if ctx.Err() != nil {
					return nil, err
				}
				if out, err = s.dead.add(ctx, out, *r, err); err != nil {
					return nil, err
				}
				continue
			}
		}
		s.tallies.enter(rd.tally)
	}
	return s.tallies.publish(s.cfg.Output, out), nil
}

// decode reads an entry's value, and checks the entry's topic and partition.
func (s *summarizer) decode(ctx context.Context, r *kafka.Record) (*reading, error) {
	rd := s.read[string(r.Value)]
	if rd == nil {
		v, err := readable(ctx, &s.worker, func(ctx context.Context) (cta.TurnstileEntry, error) {
			return s.values.Decode(ctx, r.Value)
		})
		if err != nil {
			return nil, err
		}
		rd = &reading{station: v.StationID}
		if len(s.read) >= maxReadings {
			clear(s.read)
		}
		s.read[string(r.Value)] = rd
	}
	p := kafka.Partition{Topic: r.Topic, Partition: r.Partition}
	if err := s.placed(rd.station, p); err != nil {
		return nil, err
	}
	rd.tally, rd.at = s.tallies.station(rd.station, p), p
	return rd, nil
}

// placed returns an error if entries of that station don't belong in p.
func (s *summarizer) placed(station int, p kafka.Partition) error {
	if n := s.sizes[p.Topic]; n > 1 {
		if want := kafka.PartitionOf(cta.PartitionKey(station), n); want != p.Partition {
			return unreadable("wrong partition", fmt.Errorf("station %d belongs in partition %d of %d, not %d", station, want, n, p.Partition))
		}
		return nil
	}
	return inTopic(p.Topic, station)
}
