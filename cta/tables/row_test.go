package tables

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-921eec07/ctalive/cta"

	"github.com/google/go-cmp/cmp"
)

// clarkLake is a row as a JDBC source wrote it (Aiven's, on Kafka Connect
// 4.3.1), for a table with three lines.
const clarkLake = `{"stop_id":30374,"direction_id":"S","stop_name":"Clark/Lake (Forest Pk-bound)","station_name":"Clark/Lake","station_descriptive_name":"Clark/Lake (Blue, Brown, Green, Orange, Purple & Pink Lines)","station_id":40380,"order":16,"red":false,"blue":true,"green":false}`

func TestRowIsWhatConnectWrites(t *testing.T) {
	net, err := cta.Chicago().Only("red", "blue", "green")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range Rows(net) {
		if row.StopID == 30374 {
			if d := cmp.Diff(clarkLake, string(row.AppendJSON(nil))); d != "" {
				t.Errorf("row (-want +got):\n%s", d)
			}
			return
		}
	}
	t.Error("no stop 30374")
}

func TestRowEscapesAsConnect(t *testing.T) {
	row := StationRow{StopName: "a\"b\\c/d<&>'\u2028é東\uFFFD\U0001F687", StationName: "\b\t\n\f\r\x00\x1f\x7f", DirectionID: "\xff"}
	want := `{"stop_id":0,"direction_id":"` + "\uFFFD" + `","stop_name":"a\"b\\c/d<&>'` + "\u2028é東\uFFFD" + `\uD83D\uDE87` +
		`","station_name":"\b\t\n\f\r\u0000\u001F` + "\x7f" + `","station_descriptive_name":"","station_id":0,"order":0}`
	if d := cmp.Diff(want, string(row.AppendJSON(nil))); d != "" {
		t.Errorf("row (-want +got):\n%s", d)
	}
}

func TestEveryRowIsReadAsWritten(t *testing.T) {
	for _, row := range Rows(cta.Chicago()) {
		data := row.AppendJSON([]byte("x"))[1:]
		if !json.Valid(data) {
			t.Errorf("stop %d is not JSON: %s", row.StopID, data)
		}
		got, err := ParseStationRow(data)
		if d := cmp.Diff(row, got); d != "" || err != nil {
			t.Errorf("stop %d: %v (-want +got):\n%s", row.StopID, err, d)
		}
	}
}

func TestParseStationRow(t *testing.T) {
	want := StationRow{1, "E", "Stop", "Station", "Station (A)", 2, 0, []LineFlag{{"b", true}, {"a", false}}}
	bare := `{"stop_id":1,"direction_id":"E","stop_name":"Stop","station_name":"Station","station_descriptive_name":"Station (A)","station_id":2,"order":0,"b":true,"a":false}`
	sparse := StationRow{StopID: 1, StationName: "Station", StationID: 2}
	for _, c := range []struct {
		name, data string
		want       StationRow
	}{
		{"bare", bare, want},
		{"in an envelope", `{"schema":{"type":"struct","fields":[],"optional":false,"name":"stations"},"payload":` + bare + `}`, want},
		{"in an envelope, payload first", `{"payload":` + bare + `,"schema":null}`, want},
		{"with white space", " {\n" + strings.ReplaceAll(bare[1:], ",", " ,\t") + "\n", want},
		{"in another order", `{"b":true,"order":0,"station_id":2,"a":false,"station_descriptive_name":"Station (A)","station_name":"Station","stop_name":"Stop","direction_id":"E","stop_id":1}`, want},
		{"with members of other kinds", bare[:len(bare)-1] + `,"opened":"1895","depth":1.5,"exits":[{"a":true}],"lift":{"b":true}}`, want},
		{"texts that are null", `{"stop_id":1,"direction_id":null,"stop_name":null,"station_name":"Station","station_descriptive_name":null,"station_id":2,"order":0}`, sparse},
		{"texts that are missing", `{"stop_id":1,"station_name":"Station","station_id":2,"order":0}`, sparse},
		{"a deletion that Debezium rewrites", bare[:len(bare)-1] + `,"__deleted":"true"}`, StationRow{StopID: 1}},
		{"one of which the key alone is known", `{"stop_id":1,"station_name":null,"station_id":null,"order":null,"b":null,"__deleted":true}`, StationRow{StopID: 1}},
		{"a row that Debezium doesn't delete", bare[:len(bare)-1] + `,"__deleted":"false"}`, want},
		{"a line that is null", `{"stop_id":1,"station_name":"Station","station_id":2,"order":0,"red":null}`, sparse},
		{"a line called schema", `{"stop_id":1,"station_name":"Station","station_id":2,"order":0,"schema":true,"payload":false}`,
			StationRow{StopID: 1, StationName: "Station", StationID: 2, Lines: []LineFlag{{"schema", true}, {"payload", false}}}},
	} {
		got, err := ParseStationRow([]byte(c.data))
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, d)
		}
	}
}

// A database without a boolean type has other flags, and may have flags that are not
// lines.
func TestLinesOfRows(t *testing.T) {
	row := func(flags string) string {
		return `{"stop_id":109,"direction_id":"S","stop_name":"n","station_name":"S","station_descriptive_name":"d","station_id":50109,"order":3` + flags + `}`
	}
	for flags, want := range map[string][]LineFlag{
		`,"blue":1,"red":0`:                      {{"blue", true}, {"red", false}},
		`,"blue":"true","red":"false"`:           {{"blue", true}, {"red", false}},
		`,"blue":"t","red":"f"`:                  {{"blue", true}, {"red", false}},
		`,"blue":true,"ada":true,"lift":false`:   {{"blue", true}},
		`,"ada":7,"blue":null,"photo":"x"`:       nil,
		`,"red":"TRUE","ada":1`:                  {{"red", true}},
		`,"BLUE":true`:                           nil,
		``:                                       nil,
		`,"schema":true,"blue":true,"payload":0`: {{"blue", true}},
	} {
		got, err := ParseStationRow([]byte(row(flags)), "blue", "red")
		if d := cmp.Diff(want, got.Lines); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", flags, err, d)
		}
	}
	for value, want := range map[string]string{
		`2`: "2", `"x"`: `\"x\"`, `1.0`: "1.0", `-1`: "-1", `""`: `\"\"`, `[true]`: "[true]", `{}`: "{}", `"yes"`: `\"yes\"`,
	} {
		_, err := ParseStationRow([]byte(row(`,"blue":`+value)), "blue", "red")
		if want := `station row: member "blue" is "` + want + `", want true or false`; err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", value, err, want)
		}
	}
	// The lines are not given.
	got, err := ParseStationRow([]byte(row(`,"blue":true,"floors":1,"kind":"t"`)))
	if d := cmp.Diff([]LineFlag{{"blue", true}}, got.Lines); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

func TestDeleted(t *testing.T) {
	for value, want := range map[string]bool{
		"null": true, " null\n": true, `{"schema":null,"payload":null}`: true, `{ "payload" : null, "schema" : {"type":"struct"} }`: true,
		"": false, "{}": false, `{"payload":null}`: false, `{"payload":null,"x":1}`: false, `{"schema":null,"payload":{}}`: false, `{"schema":null,"payload":null`: false, clarkLake: false,
	} {
		if got := Deleted([]byte(value)); got != want {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
	if !Deleted(nil) {
		t.Error("no value is none that deletes")
	}
}

func TestParseStationRowRefuses(t *testing.T) {
	with := func(old, new string) string {
		if strings.Count(clarkLake, old) != 1 {
			t.Fatalf("%q is not in the row once", old)
		}
		return strings.Replace(clarkLake, old, new, 1)
	}
	for _, c := range []struct{ name, data, want string }{
		{"nothing", "", `not JSON: ends too early`},
		{"cut short", clarkLake[:50], `not JSON: ends too early`},
		{"two rows", clarkLake + clarkLake, `not JSON: more after the object`},
		{"random bytes", "\x00\x00\x00\x00\x07\xf8", `not UTF-8`},
		{"no JSON", "hello", `not JSON: invalid character 'h' looking for beginning of value`},
		{"a list", "[1]", `is "[1]", want a JSON object`},
		{"null", "null", `is "null", want a JSON object`},
		{"empty envelope", `{"schema":null,"payload":null}`, `is "null", want a JSON object`},
		{"another object", `{"station_id":40380}`, `member "stop_id" is missing; member "station_name" is missing; member "order" is missing`},
		{"text for a number", with(`"stop_id":30374`, `"stop_id":"30374"`), `member "stop_id" is "\"30374\"", want an integer from 1 to 2147483647`},
		{"fraction", with(`"order":16`, `"order":1.5`), `member "order" is "1.5", want an integer from 0 to 2147483647`},
		{"negative", with(`"order":16`, `"order":-1`), `member "order" is "-1", want an integer from 0 to 2147483647`},
		{"64 bits", with(`"station_id":40380`, `"station_id":2147483648`), `member "station_id" is "2147483648", want an integer from 1 to 2147483647`},
		{"null for a number", with(`"stop_id":30374`, `"stop_id":null`), `member "stop_id" is "null", want an integer from 1 to 2147483647`},
		{"null for a name", with(`"station_name":"Clark/Lake"`, `"station_name":null`), `member "station_name" is "null", want a text`},
		{"no name", with(`"station_name":"Clark/Lake"`, `"station_name":""`), `member "station_name" is "\"\"", want a text`},
		{"no name that anybody reads", with(`"station_name":"Clark/Lake"`, `"station_name":"`+strings.Repeat("é", 150)+`"`), `member "station_name" has 300 bytes, want up to 200`},
		{"a change event of Debezium", `{"before":null,"after":` + clarkLake + `,"op":"c","ts_ms":1}`, `is a change event of Debezium, want the row in it: give the connector the transform ExtractNewRecordState`},
		{"one in an envelope", `{"schema":{},"payload":{"before":` + clarkLake + `,"after":null,"op":"d"}}`, `is a change event of Debezium, want the row in it: give the connector the transform ExtractNewRecordState`},
		{"number for a text", with(`"direction_id":"S"`, `"direction_id":7`), `member "direction_id" is "7", want a text`},
		{"twice", with(`"red":false`, `"blue":false`), `member "blue" is there twice`},
		{"all at once", with(`"stop_id":30374,"direction_id":"S"`, `"stop_id":0,"direction_id":[]`), `member "stop_id" is "0", want an integer from 1 to 2147483647; member "direction_id" is "[]", want a text`},
	} {
		_, err := ParseStationRow([]byte(c.data))
		if want := "station row: " + c.want; err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", c.name, err, want)
		}
	}
}

func TestRowErrorsStaySmall(t *testing.T) {
	data := `{"stop_id":"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat(`,"`+strings.Repeat("y", 1000)+`":true`, 1000) + `}`
	_, err := ParseStationRow([]byte(data))
	if err == nil || len(err.Error()) > 2000 {
		t.Errorf("error %.3000v, want one of up to 2000 bytes", err)
	}
}

func BenchmarkParseStationRow(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseStationRow([]byte(clarkLake)); err != nil {
			b.Fatal(err)
		}
	}
}

func TestStopID(t *testing.T) {
	for text, want := range map[string]string{
		`30001`: "30001", ` 30001 `: "30001",
		`{"stop_id":30001}`:                                     "30001",
		`{"schema":{"type":"int32"},"payload":30001}`:           "30001",
		`{"payload":{"stop_id":30001,"order":1},"schema":null}`: "30001",
		`{"stop_id":30001,"payload":{"stop_id":2}}`:             "30001",
		`{"stop_id":null}`:                                      `member "stop_id" is "null", want an integer`,
		`{"stop":1}`:                                            `member "stop_id" is missing`,
		`{"schema":null,"payload":null}`:                        `is "null", want a JSON object`,
		``:                                                      "not JSON: ends too early",
	} {
		id, err := StopID([]byte(text))
		got := fmt.Sprint(id)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestRowsAreTheStationsTable(t *testing.T) {
	rows := Rows(cta.Chicago())
	if len(rows) != 300 {
		t.Errorf("%d stops, want 300", len(rows))
	}
	if !slices.IsSortedFunc(rows, func(a, b StationRow) int { return a.StopID - b.StopID }) {
		t.Error("rows are not in the order of stop ids")
	}
	for _, row := range rows {
		switch row.StopID {
		case 30375: // Clark/Lake on the Blue Line
			want := StationRow{30375, "N", "Clark/Lake (O'Hare-bound)", "Clark/Lake",
				"Clark/Lake (Blue, Brown, Green, Orange, Purple & Pink Lines)", 40380, 16, flags("blue")}
			if d := cmp.Diff(want, row); d != "" {
				t.Errorf("row (-want +got):\n%s", d)
			}
		case 30075: // Clark/Lake, outer Loop: brown comes before green
			want := StationRow{30075, "W", "Clark/Lake (Outer Loop)", "Clark/Lake",
				"Clark/Lake (Blue, Brown, Green, Orange, Purple & Pink Lines)", 40380, 26, flags("brown", "green")}
			if d := cmp.Diff(want, row); d != "" {
				t.Errorf("row (-want +got):\n%s", d)
			}
		}
	}
}

// flags returns the flags of a row of the Chicago table.
func flags(set ...string) []LineFlag {
	var f []LineFlag
	for _, id := range strings.Fields("red blue green brown orange pink purple yellow") {
		f = append(f, LineFlag{id, slices.Contains(set, id)})
	}
	return f
}
