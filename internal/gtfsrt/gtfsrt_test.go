package gtfsrt

import (
	"bytes"
	"strings"
	"testing"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func header(t *testing.T) []byte {
	t.Helper()
	binary, _ := encoded(t, &pb.FeedMessage{Header: &pb.FeedHeader{GtfsRealtimeVersion: proto.String("2.0")}})
	return binary
}

// encoded returns a message in protobuf, and in JSON.
func encoded(t *testing.T, m *pb.FeedMessage) (binary, text []byte) {
	t.Helper()
	binary, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if text, err = protojson.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return binary, text
}

// A message is bounded in its entities, and an entity in its size.
func TestMessagesAreBounded(t *testing.T) {
	read := func(data []byte) (n, odd int, err error) {
		_, odd, err = Read(data, func(*pb.FeedEntity) { n++ })
		return n, odd, err
	}
	empty := []byte{0x12, 0}
	if n, _, err := read(append(header(t), bytes.Repeat(empty, MaxEntities)...)); err != nil || n != MaxEntities {
		t.Errorf("read %d empty entities, %v", n, err)
	}
	if _, _, err := read(append(header(t), bytes.Repeat(empty, MaxEntities+1)...)); err == nil || !strings.Contains(err.Error(), "entities") {
		t.Errorf("too many entities are read: %v", err)
	}
	text := strings.Repeat(",{}", MaxEntities+1)[1:]
	if _, _, err := read([]byte(`{"header":{"gtfsRealtimeVersion":"2.0"},"entity":[` + text + `]}`)); err == nil || !strings.Contains(err.Error(), "entities") {
		t.Errorf("too many entities are read from JSON: %v", err)
	}
	big, err := proto.Marshal(&pb.FeedMessage{
		Header: &pb.FeedHeader{GtfsRealtimeVersion: proto.String("2.0")},
		Entity: []*pb.FeedEntity{{Id: proto.String(strings.Repeat("x", MaxEntity))}, {Id: proto.String("1")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, odd, err := read(big); err != nil || odd != 1 || n != 1 {
		t.Errorf("read %d entities, %d odd, %v; want the small one alone", n, odd, err)
	}
}

// A feed in protobuf is read whatever characters its first bytes stand for. JSON may begin
// with a line feed, too.
func TestFeedsOfEachLengthAreRead(t *testing.T) {
	for n := range 300 {
		m := &pb.FeedMessage{Header: &pb.FeedHeader{GtfsRealtimeVersion: proto.String(strings.Repeat("2", n))}}
		binary, text := encoded(t, m)
		for _, data := range [][]byte{binary, append([]byte("\n"), text...)} {
			if h, _, err := Read(data, func(*pb.FeedEntity) {}); err != nil || len(h.GetGtfsRealtimeVersion()) != n {
				t.Errorf("a header with a version of %d bytes: %v, %v", n, h, err)
			}
		}
	}
}

// A feed of changes isn't read as a whole one, in which every train that is left out is
// missing.
func TestDifferentialFeedsAreRefused(t *testing.T) {
	m := &pb.FeedMessage{Header: &pb.FeedHeader{GtfsRealtimeVersion: proto.String("2.0"), Incrementality: pb.FeedHeader_DIFFERENTIAL.Enum()}}
	binary, text := encoded(t, m)
	for _, data := range [][]byte{binary, text} {
		if _, _, err := Read(data, func(*pb.FeedEntity) {}); err == nil || !strings.Contains(err.Error(), "want FULL_DATASET") {
			t.Errorf("Read returned %v", err)
		}
	}
}
