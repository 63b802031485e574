package ctastream

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// cluster is the model: what Kafka keeps, and members as kafka.Transform runs them.
type cluster struct {
	entries   map[kafka.Partition][]int // stations, in the order of their entries
	positions map[kafka.Partition]int   // committed
	published map[int]int64             // committed
	headers   map[int]string            // position, committed with published
	members   []*member
}

// member counts what it is given. Its batches are committed in their order, and
// it may work on one while another is being committed.
type member struct {
	tallies *tallies
	next    map[kafka.Partition]int // of the partitions assigned to it
	pending []transaction
}

type transaction struct {
	counts    map[int]int64
	headers   map[int]string
	positions map[kafka.Partition]int
}

// stationsOf gives each partition stations of its own.
func stationsOf(p kafka.Partition) []int {
	return []int{int(p.Partition)*10 + 1, int(p.Partition)*10 + 2, int(p.Partition)*10 + 3}
}

func newCluster(partitions, members int) *cluster {
	c := &cluster{
		entries:   make(map[kafka.Partition][]int),
		positions: make(map[kafka.Partition]int),
		published: make(map[int]int64),
		headers:   make(map[int]string),
	}
	for i := range partitions {
		c.entries[kafka.Partition{Topic: "t", Partition: int32(i)}] = nil
	}
	for range members {
		c.members = append(c.members, &member{tallies: newTallies(), next: make(map[kafka.Partition]int)})
	}
	return c
}

func (c *cluster) partitions() []kafka.Partition {
	return slices.SortedFunc(maps.Keys(c.entries), func(a, b kafka.Partition) int { return int(a.Partition - b.Partition) })
}

// enter gives m up to n records of each of its partitions.
func (c *cluster) enter(m *member, n int) {
	for p, next := range m.next {
		end := min(next+n, len(c.entries[p]))
		for i, station := range c.entries[p][next:end] {
			if m.tallies.sources[p].take(int64(next + i)) {
				m.tallies.enter(m.tallies.station(station, p))
			}
		}
		m.next[p] = end
	}
}

// work has m transform a batch.
func (c *cluster) work(m *member, n int) {
	c.enter(m, n)
	tx := transaction{counts: make(map[int]int64), headers: make(map[int]string), positions: maps.Clone(m.next)}
	for _, r := range m.tallies.publish("out", nil) {
		v, _, err := tables.ParseTurnstileCount(r.Key, r.Value)
		if err != nil {
			panic(err)
		}
		tx.counts[v.StationID] = v.Count
		tx.headers[v.StationID] = header(r, positionHeader)
	}
	m.pending = append(m.pending, tx)
}

// commit commits the oldest pending transaction of m. Every count published has
// to be the number of the station's entries below the positions.
func (c *cluster) commit(t *rapid.T, m *member) {
	tx := m.pending[0]
	m.pending = m.pending[1:]
	for p, next := range tx.positions {
		c.positions[p] = max(c.positions[p], next) // lower when positions had been lost
	}
	maps.Copy(c.headers, tx.headers)
	for station, count := range tx.counts {
		if count <= c.published[station] {
			t.Fatalf("count of station %d goes from %d to %d", station, c.published[station], count)
		}
		c.published[station] = count
	}
	for p := range tx.positions {
		for _, station := range stationsOf(p) {
			var want int64
			for _, s := range c.entries[p][:c.positions[p]] {
				if s == station {
					want++
				}
			}
			if c.published[station] != want {
				t.Fatalf("published count of station %d is %d, want %d", station, c.published[station], want)
			}
		}
	}
}

// read returns what is published.
func (c *cluster) read() *tallies {
	read := newTallies()
	for station, count := range c.published {
		read.restore(tables.TurnstileCount{StationID: station, Count: count}, c.headers[station], "")
	}
	return read
}

// assign gives m partitions that nobody has.
func (c *cluster) assign(m *member, gained ...kafka.Partition) { c.adopt(m, c.read(), gained...) }

func (c *cluster) adopt(m *member, read *tallies, gained ...kafka.Partition) {
	begin, counted := make(map[kafka.Partition]position), read.counted()
	for _, p := range gained {
		begin[p] = counted[p]
		m.next[p] = c.positions[p]
	}
	m.tallies.adopt(read, begin)
}

// lose ends a session of m: nothing pending is committed.
func (c *cluster) lose(m *member) (lost []kafka.Partition) {
	for _, p := range c.partitions() {
		if _, ok := m.next[p]; ok {
			lost = append(lost, p)
		}
	}
	m.pending = nil
	m.tallies.forget(lost)
	clear(m.next)
	return lost
}

func (c *cluster) owner(p kafka.Partition) *member {
	for _, m := range c.members {
		if _, ok := m.next[p]; ok {
			return m
		}
	}
	return nil
}

// Whatever is delivered, aborted, moved and restarted, and in whatever order, the
// published counts are those of the entries.
func TestTalliesAreExactUnderAnyFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCluster(rapid.IntRange(1, 4).Draw(t, "partitions"), rapid.IntRange(1, 3).Draw(t, "members"))
		partition := rapid.SampledFrom(c.partitions())
		memberOf := rapid.SampledFrom(c.members)
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				p := partition.Draw(t, "partition")
				for range rapid.IntRange(1, 5).Draw(t, "n") {
					c.entries[p] = append(c.entries[p], rapid.SampledFrom(stationsOf(p)).Draw(t, "station"))
				}
			},
			"work": func(t *rapid.T) {
				if m := memberOf.Draw(t, "member"); len(m.next) > 0 && len(m.pending) < 2 {
					c.work(m, rapid.IntRange(1, 4).Draw(t, "n"))
				}
			},
			"commit": func(t *rapid.T) {
				if m := memberOf.Draw(t, "member"); len(m.pending) > 0 {
					c.commit(t, m)
				}
			},
			"abort": func(t *rapid.T) {
				m := memberOf.Draw(t, "member")
				c.assign(m, c.lose(m)...)
			},
			"abort within a batch": func(t *rapid.T) {
				m := memberOf.Draw(t, "member")
				c.enter(m, rapid.IntRange(1, 4).Draw(t, "n"))
				c.assign(m, c.lose(m)...)
			},
			"lose positions": func(t *rapid.T) {
				m := memberOf.Draw(t, "member")
				lost := c.lose(m)
				c.assign(m, lost...)
				for _, p := range lost {
					m.next[p] = rapid.IntRange(0, c.positions[p]).Draw(t, "position")
				}
			},
			"kill": func(t *rapid.T) {
				m := memberOf.Draw(t, "member")
				lost := c.lose(m)
				m.tallies = newTallies()
				if heir := memberOf.Draw(t, "heir"); len(lost) > 0 {
					c.assign(heir, lost...)
				}
			},
			"move": func(t *rapid.T) {
				p, to := partition.Draw(t, "partition"), memberOf.Draw(t, "to")
				from := c.owner(p)
				if from == to {
					return
				}
				if from != nil {
					for len(from.pending) > 0 {
						c.commit(t, from) // a claim is given up when all of it is committed
					}
					delete(from.next, p)
					from.tallies.forget([]kafka.Partition{p})
				}
				read := c.read()
				for range rapid.IntRange(0, 2).Draw(t, "batches while the state is read") {
					c.work(to, 2)
					if len(to.pending) == 2 {
						c.commit(t, to)
					}
				}
				c.adopt(to, read, p)
			},
		})
		for _, p := range c.partitions() {
			if c.owner(p) == nil {
				c.assign(c.members[0], p)
			}
		}
		for _, m := range c.members {
			c.work(m, len(c.entries)*1000)
			for len(m.pending) > 0 {
				c.commit(t, m)
			}
		}
	})
}
