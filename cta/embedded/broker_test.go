package embedded_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/seed-921eec07/ctalive/cta/embedded"
)

// TestUnknownGroup asks for the position of a group that has none, in both
// shapes of the request: Kafka answers -1 without an error.
func TestUnknownGroup(t *testing.T) {
	s := start(t, embedded.Config{})
	for name, versions := range map[string]*kversion.Versions{"one group": kversion.V2_6_0(), "many groups": kversion.V3_7_0()} {
		t.Run(name, func(t *testing.T) {
			c := client(t, s, kgo.MaxVersions(versions))
			req := kmsg.NewPtrOffsetFetchRequest()
			req.Group = "nobody"
			req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "numbers", Partitions: []int32{0, 1}}}
			req.Groups = []kmsg.OffsetFetchRequestGroup{{
				Group: "nobody", MemberEpoch: -1,
				Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: "numbers", Partitions: []int32{0, 1}}},
			}}
			resp, err := req.RequestWith(deadline(t), c)
			if err != nil {
				t.Fatal(err)
			}
			type position struct {
				partition int32
				offset    int64
				code      int16
			}
			var got []position
			if len(resp.Groups) > 0 {
				if code := resp.Groups[0].ErrorCode; code != 0 {
					t.Fatal(kerr.ErrorForCode(code))
				}
				for _, p := range resp.Groups[0].Topics[0].Partitions {
					got = append(got, position{p.Partition, p.Offset, p.ErrorCode})
				}
			} else {
				if resp.ErrorCode != 0 {
					t.Fatal(kerr.ErrorForCode(resp.ErrorCode))
				}
				for _, p := range resp.Topics[0].Partitions {
					got = append(got, position{p.Partition, p.Offset, p.ErrorCode})
				}
			}
			want := []position{{0, -1, 0}, {1, -1, 0}}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(position{})); diff != "" {
				t.Error("positions (-want +got):\n" + diff)
			}
		})
	}
}

// TestManyOffsetFetches passes the point at which the control is renewed.
func TestManyOffsetFetches(t *testing.T) {
	s := start(t, embedded.Config{})
	c := client(t, s)
	ctx := deadline(t)
	for i := range 2500 {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "nobody", MemberEpoch: -1}}
		resp, err := req.RequestWith(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		if code := resp.Groups[0].ErrorCode; code != 0 {
			t.Fatalf("request %d: %v", i, kerr.ErrorForCode(code))
		}
	}
}

func TestTopicsOnDemand(t *testing.T) {
	s := start(t, embedded.Config{})
	c := client(t, s)
	ask := func(topic string, create bool) (kmsg.MetadataResponseTopic, error) {
		req := kmsg.NewPtrMetadataRequest()
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = &topic
		req.Topics = append(req.Topics, rt)
		req.AllowAutoTopicCreation = create
		resp, err := req.RequestWith(deadline(t), c)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Topics[0], kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if _, err := ask("wanted", false); err != kerr.UnknownTopicOrPartition {
		t.Errorf("only asked about: %v, want an unknown topic", err)
	}
	if got, err := ask("wanted", true); err != nil || len(got.Partitions) != 1 {
		t.Errorf("asked for: %v, %d partitions, want 1", err, len(got.Partitions))
	}
	for _, name := range []string{".", "..", "a/b", "a b", strings.Repeat("a", 250)} {
		if _, err := ask(name, true); err != kerr.InvalidTopicException {
			t.Errorf("topic %q: %v, want an invalid topic", name, err)
		}
	}
	if _, err := ask("", true); err != kerr.UnknownTopicOrPartition {
		t.Errorf("no name: %v, want an unknown topic", err)
	}
	if _, err := ask("wanted", true); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestStrayBytes sends what isn't Kafka's protocol; the broker hangs up and lives on.
func TestStrayBytes(t *testing.T) {
	s := start(t, embedded.Config{})
	for name, bytes := range map[string]string{
		"HTTP":            "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"TLS":             "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"unknown request": "\x00\x00\x00\x0e\x03\xe7\x00\x00\x00\x00\x00\x01\x00\x04abcd",
		"negative size":   "\xff\xff\xff\xff\x00\x00\x00\x00",
		"nothing":         "\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.DialTimeout("tcp", s.Brokers()[0], 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte(bytes)); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read %d bytes, error %v, want the end of the connection", n, err)
			}
		})
	}
	if err := client(t, s).Ping(deadline(t)); err != nil {
		t.Errorf("the broker afterwards: %v", err)
	}
}
