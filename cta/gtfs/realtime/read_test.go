package realtime

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
)

func alertFeed(t *testing.T, alerts ...*pb.Alert) []byte {
	t.Helper()
	feed := &pb.FeedMessage{Header: &pb.FeedHeader{GtfsRealtimeVersion: proto.String("2.0")}}
	for _, a := range alerts {
		feed.Entity = append(feed.Entity, &pb.FeedEntity{Id: proto.String("x"), Alert: a})
	}
	data, err := proto.Marshal(feed)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A selector is the line, station, direction or mode that its ids mean; one with an id
// that the network lacks selects nobody.
func TestSelectors(t *testing.T) {
	net, err := gtfs.WithFrequencies(cta.Chicago())
	if err != nil {
		t.Fatal(err)
	}
	brown := net.Line("brown").Patterns[0]
	red := net.Line("red")
	trip := red.Patterns[0].Trips[0]
	direction := red.Patterns[0].Calls[0].Direction
	directionNumber, ok := directionID(red, direction)
	if !ok {
		t.Fatal("the Red Line's trips have no direction")
	}
	s := proto.String
	for name, c := range map[string]struct {
		in   *pb.EntitySelector
		want alert.Informed
		ok   bool
	}{
		"agency":                {&pb.EntitySelector{AgencyId: s("CTA")}, alert.Informed{}, true},
		"nothing":               {&pb.EntitySelector{}, alert.Informed{}, false},
		"route":                 {&pb.EntitySelector{AgencyId: s("CTA"), RouteId: s("red")}, alert.Informed{Line: "red"}, true},
		"unknown route":         {&pb.EntitySelector{AgencyId: s("CTA"), RouteId: s("22")}, alert.Informed{}, false},
		"station":               {&pb.EntitySelector{StopId: s("40380")}, alert.Informed{Station: 40380}, true},
		"platform":              {&pb.EntitySelector{StopId: s("30075")}, alert.Informed{Station: 40380}, true},
		"unknown stop":          {&pb.EntitySelector{StopId: s("17")}, alert.Informed{}, false},
		"route at a station":    {&pb.EntitySelector{RouteId: s("brown"), StopId: s("40380")}, alert.Informed{Line: "brown", Station: 40380}, true},
		"route elsewhere":       {&pb.EntitySelector{RouteId: s("red"), StopId: s("40380")}, alert.Informed{}, false},
		"route type":            {&pb.EntitySelector{RouteType: proto.Int32(1)}, alert.Informed{Mode: cta.ModeMetro}, true},
		"another type":          {&pb.EntitySelector{RouteType: proto.Int32(3)}, alert.Informed{}, false},
		"direction":             {&pb.EntitySelector{RouteId: s("red"), DirectionId: &directionNumber}, alert.Informed{Line: "red", Direction: direction}, true},
		"trip":                  {&pb.EntitySelector{Trip: &pb.TripDescriptor{TripId: &trip.ID}}, alert.Informed{Line: "red", Direction: direction}, true},
		"trip that turns":       {&pb.EntitySelector{Trip: &pb.TripDescriptor{TripId: &brown.Trips[0].ID}}, alert.Informed{Line: "brown"}, true},
		"unknown trip":          {&pb.EntitySelector{Trip: &pb.TripDescriptor{TripId: s("x")}}, alert.Informed{}, false},
		"unknown trip of route": {&pb.EntitySelector{Trip: &pb.TripDescriptor{TripId: s("x"), RouteId: s("red")}}, alert.Informed{Line: "red"}, true},
		"trip of another route": {&pb.EntitySelector{RouteId: s("blue"), Trip: &pb.TripDescriptor{TripId: &trip.ID}}, alert.Informed{}, false},
	} {
		if got, ok := NewReader(net).informed(c.in); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, got, ok, c.want, c.ok)
		}
	}
}

func TestReadAlerts(t *testing.T) {
	net := cta.Chicago()
	text := func(pairs ...string) *pb.TranslatedString {
		out := &pb.TranslatedString{}
		for i := 0; i < len(pairs); i += 2 {
			tr := &pb.TranslatedString_Translation{Text: &pairs[i+1]}
			if pairs[i] != "" {
				tr.Language = &pairs[i]
			}
			out.Translation = append(out.Translation, tr)
		}
		return out
	}
	red := []*pb.EntitySelector{{RouteId: proto.String("red")}}
	full := &pb.Alert{
		InformedEntity: append(red, red[0], &pb.EntitySelector{RouteId: proto.String("22")}),
		ActivePeriod:   []*pb.TimeRange{{Start: proto.Uint64(100), End: proto.Uint64(200)}, {Start: proto.Uint64(300)}, {End: proto.Uint64(1<<64 - 1)}},
		Cause:          pb.Alert_STRIKE.Enum(), Effect: pb.Alert_NO_SERVICE.Enum(), SeverityLevel: pb.Alert_SEVERE.Enum(),
		HeaderText: text("en", "Strike", "es", "Huelga"), DescriptionText: text("", "All day"), Url: text("", "https://agency.example"),
	}
	odd := &pb.Alert{InformedEntity: red, Cause: pb.Alert_Cause(99).Enum(), Effect: pb.Alert_Effect(99).Enum(), SeverityLevel: pb.Alert_SeverityLevel(99).Enum(), HeaderText: text("", "x")}
	elsewhere := &pb.Alert{InformedEntity: []*pb.EntitySelector{{RouteId: proto.String("22")}}, HeaderText: text("", "bus")}
	want := []alert.Alert{{
		ID: "x", Informed: []alert.Informed{{Line: "red"}}, Active: []alert.Period{{From: 100_000, Until: 200_000}, {From: 300_000}, {}},
		Cause: alert.CauseStrike, Effect: alert.EffectNoService, Severity: alert.SeveritySevere,
		Header: []alert.Text{{Language: "en", Text: "Strike"}, {Language: "es", Text: "Huelga"}}, Description: []alert.Text{{Text: "All day"}}, URL: []alert.Text{{Text: "https://agency.example"}},
	}, {
		ID: "x", Informed: []alert.Informed{{Line: "red"}}, Cause: alert.CauseUnknown, Effect: alert.EffectUnknown, Severity: alert.SeverityUnknown, Header: []alert.Text{{Text: "x"}},
	}}
	data := alertFeed(t, full, odd, elsewhere, &pb.Alert{HeaderText: text("", "nobody")})
	var message pb.FeedMessage
	if err := proto.Unmarshal(data, &message); err != nil {
		t.Fatal(err)
	}
	asJSON, err := protojson.Marshal(&message)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"protobuf": data, "JSON": asJSON} {
		got, unknown, err := NewReader(net).Alerts(body)
		if d := cmp.Diff(want, got); err != nil || unknown != 4 || d != "" {
			t.Errorf("%s: %d unknown, %v (-want +got):\n%s", name, unknown, err, d)
		}
	}
	for _, body := range []string{"no feed", `{"header":`, "{}"} {
		if got, _, err := NewReader(net).Alerts([]byte(body)); err == nil {
			t.Errorf("%q is read as %v", body, got)
		}
	}
}

// What one entity has wrong, or lacks, doesn't cost the others.
func TestOddEntityCostsNoOther(t *testing.T) {
	good := func(id string) *pb.FeedEntity {
		return &pb.FeedEntity{Id: &id, Alert: &pb.Alert{InformedEntity: []*pb.EntitySelector{{RouteId: proto.String("red")}},
			HeaderText: &pb.TranslatedString{Translation: []*pb.TranslatedString_Translation{{Text: proto.String("Delays")}}}}}
	}
	oneText := good("b")
	oneText.Alert.HeaderText.Translation = append(oneText.Alert.HeaderText.Translation, &pb.TranslatedString_Translation{Language: proto.String("es")})
	nameless := good("")
	nameless.Id = nil
	bodies := map[string][]byte{}
	for name, odd := range map[string]*pb.FeedEntity{
		"a translation without text":  oneText,
		"a vehicle without longitude": {Id: proto.String("b"), Vehicle: &pb.VehiclePosition{Position: &pb.Position{Latitude: proto.Float32(1)}}},
		"an update without a trip":    {Id: proto.String("b"), TripUpdate: &pb.TripUpdate{}},
		"an alert without an id":      nameless,
	} {
		m := &pb.FeedMessage{Header: &pb.FeedHeader{GtfsRealtimeVersion: proto.String("2.0")}, Entity: []*pb.FeedEntity{good("a"), odd, good("c")}}
		body, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		bodies[name] = body
	}
	// An alert whose bytes are none: field 5 of the entity ends in the middle of a tag.
	bodies["bytes that are no alert"] = slices.Concat([]byte("\x0a\x05\x0a\x032.0"), entityBytes(t, good("a")), []byte("\x12\x06\x0a\x01b\x2a\x01\xff"), entityBytes(t, good("c")))
	const alerted = `"alert":{"informed_entity":[{"route_id":"red"}],"header_text":{"translation":[{"text":"Delays"}]}%s}`
	plain := fmt.Sprintf(alerted, "")
	for name, odd := range map[string]string{
		"JSON: text null":           `{"id":"b","alert":{"informed_entity":[{"route_id":"red"}],"header_text":{"translation":[{"text":null}]}}}`,
		"JSON: an end before 1970":  `{"id":"b",` + fmt.Sprintf(alerted, `,"active_period":[{"end":-1}]`) + `}`,
		"JSON: a number for an id":  `{"id":7,` + plain + `}`,
		"JSON: an entity that is 7": `7`,
	} {
		bodies[name] = []byte(`{"header":{"gtfs_realtime_version":"2.0","timestamp":1700000000.5},"entity":[{"id":"a",` + plain + `},` + odd + `,{"id":"c",` + plain + `}]}`)
	}
	for name, body := range bodies {
		alerts, leftOut, err := NewReader(cta.Chicago()).Alerts(body)
		var ids []string
		for _, a := range alerts {
			if a.Check() == nil {
				ids = append(ids, a.ID)
			}
		}
		want := "a c"
		if name == "a translation without text" {
			want = "a b c" // its other text is right
		}
		if got := strings.Join(ids, " "); got != want || err != nil {
			t.Errorf("%s: read the alerts %q, left out %d, %v; want %q", name, got, leftOut, err, want)
		}
	}
}

// entityBytes returns an entity as a field of a message.
func entityBytes(t *testing.T, e *pb.FeedEntity) []byte {
	t.Helper()
	body, err := proto.MarshalOptions{AllowPartial: true}.Marshal(&pb.FeedMessage{Entity: []*pb.FeedEntity{e}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// What the publisher writes of alerts, the reader reads.
func TestAlertsComeBack(t *testing.T) {
	net := cta.Chicago()
	p := publisher(t, net)
	want := []alert.Alert{{
		ID: "1", Informed: []alert.Informed{{Line: "red"}, {Station: 40380}}, Active: []alert.Period{{From: 1_000, Until: 2_000}},
		Cause: alert.CauseConstruction, Effect: alert.EffectDetour, Severity: alert.SeverityWarning, Header: []alert.Text{{Language: "en", Text: "x"}},
	}}
	got, unknown, err := NewReader(net).Alerts(alertFeed(t, p.alert(&want[0]).Alert))
	for i := range got {
		got[i].ID = "1"
	}
	if d := cmp.Diff(want, got); d != "" || unknown > 0 || err != nil {
		t.Errorf("%d, %v (-want +got):\n%s", unknown, err, d)
	}
}
