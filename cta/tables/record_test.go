package tables

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestStationKey(t *testing.T) {
	key := StationRecord{StationID: 40380, StationName: "Clark/Lake", Order: 16, Line: "blue"}.Key()
	if key != "40380/blue" {
		t.Errorf("key is %s, want 40380/blue", key)
	}
	if id, line, err := ParseStationKey(key); id != 40380 || line != "blue" || err != nil {
		t.Errorf("%s is read as %d, %s, %v", key, id, line, err)
	}
	if id, line, err := ParseStationKey(`"40380/blue"`); id != 40380 || line != "blue" || err != nil {
		t.Errorf("a key in quotes is read as %d, %s, %v", id, line, err)
	}
	for _, bad := range []string{"", `"`, `"40380/blue`, `"40380/"`, "40380", "40380/", "/blue", "x/blue", "-1/blue", "0/blue", "2147483648/blue"} {
		if _, _, err := ParseStationKey(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

func TestTurnstileCountIsWrittenAsKSQLDoes(t *testing.T) {
	got, err := json.Marshal(TurnstileCount{40380, 3})
	if want := `{"STATION_ID":40380,"COUNT":3}`; string(got) != want || err != nil {
		t.Errorf("count is %s, %v; want %s", got, err, want)
	}
}

func TestParseTurnstileCount(t *testing.T) {
	const full, bare = `{"STATION_ID":40380,"COUNT":3}`, `{"COUNT":3}`
	for _, c := range []struct{ name, key, value string }{
		{"our own, and KSQL 5", "40380", full},
		{"KSQL 5, grouped by name too", "40380|+|Clark/Lake", `{"STATION_ID":40380,"STATION_NAME":"Clark/Lake","COUNT":3}`},
		{"KSQL 5, grouped, without the id", "40380|+|Clark/Lake", bare},
		{"ksqlDB, INT", "\x00\x00\x9d\xbc", bare},
		{"ksqlDB, INT, with the id", "\x00\x00\x9d\xbc", full},
		{"ksqlDB, BIGINT", "\x00\x00\x00\x00\x00\x00\x9d\xbc", bare},
		{"ksqlDB, JSON key", "40380", bare},
		{"ksqlDB, JSON string", `"40380"`, bare},
		{"ksqlDB, JSON string of several columns", `"40380|+|blue"`, bare},
		{"ksqlDB, JSON object", `{"STATION_ID":40380,"LINE":"blue"}`, bare},
		{"ksqlDB, JSON object, another name", `{"STATION_KEY":40380,"LINE":"blue"}`, bare},
		{"ksqlDB, JSON object of one", `{"ID":40380}`, bare},
		{"the id in the value goes first", "40010", full},
		{"no key", "", full},
		{"a key that says nothing", "\xff\xfe", full},
		{"quoted column names", "40380", `{"station_id":40380,"count":3}`},
		{"an id that is null", "40380", `{"STATION_ID":null,"COUNT":3}`},
		{"an id that is a text", "", `{"STATION_ID":"40380","COUNT":3}`},
		{"a key's id that is a text", `{"STATION_ID":"40380"}`, bare},
		{"in an envelope", "40380", `{"schema":{"type":"struct"},"payload":` + bare + `}`},
	} {
		got, deleted, err := ParseTurnstileCount([]byte(c.key), []byte(c.value))
		if (got != TurnstileCount{40380, 3}) || deleted || err != nil {
			t.Errorf("%s: %+v, %v, %v", c.name, got, deleted, err)
		}
	}
	// Binary keys that look like the start of a text.
	for key, want := range map[string]int{"1234": 1234, "12345678": 12345678, "\"\x00\x00\x00": 0x22000000, "{\x00\x00\x01": 0x7b000001} {
		if got, _, err := ParseTurnstileCount([]byte(key), []byte(bare)); got.StationID != want || err != nil {
			t.Errorf("key %q is station %d, %v; want %d", key, got.StationID, err, want)
		}
	}
}

// A window's count is not the station's, in any form.
func TestWindowedCountsAreRefused(t *testing.T) {
	const start, end = "\x00\x00\x01\x72\x33\x35\x3c\x00", "\x00\x00\x01\x72\x33\x6c\x2a\x80"
	for _, key := range []string{
		"40380" + start, "40380" + end + start, "\x00\x00\x9d\xbc" + start, "\x00\x00\x9d\xbc" + end + start,
		"\x00\x00\x00\x00\x00\x00\x9d\xbc" + start, `{"STATION_ID":40380}` + start, `"40380"` + start, "40380|+|blue" + start,
		"[40380@1590000000000/1590003600000]", "40380@1590000000000/1590003600000", "40380 : Window{start=1590000000000 end=-}",
	} {
		for _, value := range []string{`{"COUNT":3}`, `{"STATION_ID":40380,"COUNT":3}`, `null`} {
			if _, _, err := ParseTurnstileCount([]byte(key), []byte(value)); !errors.Is(err, ErrWindowed) {
				t.Errorf("%q, %s: %v", key, value, err)
			}
		}
	}
	if _, _, err := ParseTurnstileCount([]byte("40380"), []byte(`{"STATION_ID":40380,"WINDOWSTART":1590000000000,"COUNT":3}`)); !errors.Is(err, ErrWindowed) {
		t.Errorf("value with a window: %v", err)
	}
	for _, key := range []string{"40380|+|Museum @ 5th/6th", "40380|+|a@b", "40380|+|\x00\x00\x00\x00\x00\x00\x00"} {
		if _, _, err := ParseTurnstileCount([]byte(key), []byte(`{"COUNT":3}`)); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestParseTurnstileTombstone(t *testing.T) {
	for _, value := range [][]byte{nil, []byte("null"), []byte(`{"schema":null,"payload":null}`)} {
		got, deleted, err := ParseTurnstileCount([]byte("40380"), value)
		if (got != TurnstileCount{StationID: 40380}) || !deleted || err != nil {
			t.Errorf("value %q: %+v, %v, %v", value, got, deleted, err)
		}
	}
	if _, _, err := ParseTurnstileCount(nil, nil); err == nil {
		t.Error("a tombstone of nothing is accepted")
	}
}

func TestParseTurnstileCountRefuses(t *testing.T) {
	for _, c := range []struct{ name, key, value, want string }{
		{"no value", "40380", "", `value: not JSON: ends too early`},
		{"a number", "40380", "3", `value: is "3", want a JSON object`},
		{"no count", "40380", `{"STATION_ID":40380}`, `value: member "COUNT" is missing`},
		{"a count that is null", "40380", `{"COUNT":null}`, `value: member "COUNT" is "null", want an integer from 0 to 1000000000000`},
		{"a negative count", "40380", `{"COUNT":-1}`, `value: member "COUNT" is "-1", want an integer from 0 to 1000000000000`},
		{"a fraction", "40380", `{"COUNT":1.5}`, `value: member "COUNT" is "1.5", want an integer from 0 to 1000000000000`},
		{"more than can be added up", "40380", `{"COUNT":9223372036854775807}`, `value: member "COUNT" is "9223372036854775807", want an integer from 0 to 1000000000000`},
		{"a wrong id in the value", "40380", `{"STATION_ID":"Howard","COUNT":1}`, `value: member "STATION_ID" is "\"Howard\"", want an integer from 1 to 2147483647`},
		{"no id", "", `{"COUNT":1}`, `key is "", want a station id, as text, JSON or a 4 or 8 byte integer`},
		{"a name", "Howard", `{"COUNT":1}`, `key is "Howard", want a station id, as text, JSON or a 4 or 8 byte integer`},
		{"a negative integer", "\xff\xff\xff\xff", `{"COUNT":1}`, `key is "` + "\uFFFD" + `", want a station id, as text, JSON or a 4 or 8 byte integer`},
		{"a large integer", "\x00\x00\x00\x01\x00\x00\x9d\xbc", `{"COUNT":1}`, `key is "\x00\x00\x00\x01\x00\x00` + "\uFFFD" + `", want a station id, as text, JSON or a 4 or 8 byte integer`},
		{"a signed text", "+4038", `{"COUNT":1}`, `key is "+4038", want a station id, as text, JSON or a 4 or 8 byte integer`},
	} {
		_, deleted, err := ParseTurnstileCount([]byte(c.key), []byte(c.value))
		if want := "turnstile count: " + c.want; err == nil || err.Error() != want || deleted {
			t.Errorf("%s: error %v, %v; want %s", c.name, err, deleted, want)
		}
	}
}

func BenchmarkParseTurnstileCount(b *testing.B) {
	key, value := []byte("40380"), []byte(`{"STATION_ID":40380,"COUNT":3}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseTurnstileCount(key, value); err != nil {
			b.Fatal(err)
		}
	}
}
