// Package gtfsrt reads GTFS-Realtime messages entity by entity, so that a fault in one
// entity doesn't cost the others.
package gtfsrt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The limits of a message.
const (
	MaxEntities = 50_000
	MaxEntity   = 1 << 20 // bytes
)

// ErrNotFeed is returned by [Read] for data that is not a GTFS-Realtime message, such as
// an HTML page.
var ErrNotFeed = errors.New("the answer is not GTFS-Realtime")

// errDifferential is about a message with the changes alone. The specification leaves open
// how to apply them.
var errDifferential = errors.New("the feed has incrementality DIFFERENTIAL, want FULL_DATASET: ask the agency for a feed of the full state")

// Read reads a message, in protobuf or in its JSON mapping. It calls each with every
// entity that isn't deleted; required fields may be missing. odd counts the entities that
// can't be read.
func Read(data []byte, each func(*pb.FeedEntity)) (header *pb.FeedHeader, odd int, err error) {
	m := &message{each: each}
	text := bytes.TrimLeft(data, " \t\r\n\ufeff")
	// In protobuf, a header of 123 bytes begins with a line feed and a brace.
	if bytes.HasPrefix(text, []byte("{")) && (data[0] != '\n' || json.Valid(text)) {
		err = m.json(text)
	} else {
		err = m.protobuf(data)
	}
	switch {
	case err != nil:
	case m.header == nil || m.header.GtfsRealtimeVersion == nil:
		err = fmt.Errorf("%w: it has no header", ErrNotFeed)
	case m.header.GetIncrementality() == pb.FeedHeader_DIFFERENTIAL:
		err = errDifferential
	}
	return m.header, m.odd, err
}

// message is what has been read of one.
type message struct {
	each          func(*pb.FeedEntity)
	header        *pb.FeedHeader
	entities, odd int
}

// protobuf reads the wire format. The header is field 1, each entity is a field 2.
func (m *message) protobuf(data []byte) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return ErrNotFeed
		}
		data = data[n:]
		if n = protowire.ConsumeFieldValue(number, kind, data); n < 0 {
			return fmt.Errorf("%w, or cut short", ErrNotFeed)
		}
		value := data[:n]
		data = data[n:]
		if kind != protowire.BytesType || number > 2 {
			continue
		}
		value, _ = protowire.ConsumeBytes(value)
		read := func(to proto.Message) error {
			return proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(value, to)
		}
		if number == 2 {
			if err := m.entity(len(value), read); err != nil {
				return err
			}
			continue
		}
		m.header = &pb.FeedHeader{}
		if read(m.header) != nil {
			return ErrNotFeed
		}
	}
	return nil
}

// json reads the JSON mapping. A field of the header that can't be read counts as missing.
func (m *message) json(text []byte) error {
	var feed struct {
		Header map[string]json.RawMessage
		Entity []json.RawMessage
	}
	if err := json.Unmarshal(text, &feed); err != nil {
		return fmt.Errorf("%w: %w", ErrNotFeed, err)
	}
	options := protojson.UnmarshalOptions{AllowPartial: true, DiscardUnknown: true}
	m.header = &pb.FeedHeader{}
	for name, value := range feed.Header {
		var one pb.FeedHeader
		if field, err := json.Marshal(map[string]json.RawMessage{name: value}); err == nil && options.Unmarshal(field, &one) == nil {
			proto.Merge(m.header, &one)
		}
	}
	for _, value := range feed.Entity {
		err := m.entity(len(value), func(to proto.Message) error { return options.Unmarshal(value, to) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *message) entity(size int, read func(proto.Message) error) error {
	if m.entities++; m.entities > MaxEntities {
		return fmt.Errorf("the feed has over %d entities", MaxEntities)
	}
	var e pb.FeedEntity
	if size > MaxEntity || read(&e) != nil {
		m.odd++
	} else if !e.GetIsDeleted() {
		m.each(&e)
	}
	return nil
}
