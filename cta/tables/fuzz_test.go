package tables

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func FuzzParseStationRow(f *testing.F) {
	f.Add([]byte(clarkLake))
	f.Add([]byte(`{"schema":{"type":"struct"},"payload":` + clarkLake + `}`))
	f.Add([]byte(`{"stop_id":null,"x":[{}],"red":null}`))
	f.Add([]byte(`{"stop_id":1,"station_name":"S","station_id":2,"order":0,"red":1,"blue":"f","lift":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, lines := range [][]string{nil, {"red", "blue"}} {
			row, err := ParseStationRow(data, lines...)
			if err != nil {
				if !utf8.ValidString(err.Error()) {
					t.Errorf("error %q is not UTF-8", err)
				}
				continue
			}
			for _, f := range row.Lines {
				if lines != nil && f.Line != "red" && f.Line != "blue" {
					t.Errorf("%s became a line", f.Line)
				}
			}
			back, err := ParseStationRow(row.AppendJSON(nil), lines...)
			if d := cmp.Diff(row, back); d != "" || err != nil {
				t.Errorf("%s is written as %s: %v (-want +got):\n%s", data, row.AppendJSON(nil), err, d)
			}
			if Deleted(data) {
				t.Errorf("%s is a row, and a deletion", data)
			}
		}
	})
}

// JSON decoding returns the appended text.
func FuzzAppendJSONString(f *testing.F) {
	f.Add("Clark/Lake (Forest Pk-bound) & <O'Hare>")
	f.Add("\x00\b\t\n\v\f\r\x1f\"\\ é € \u2028 \U0001F687")
	f.Fuzz(func(t *testing.T, text string) {
		var back string
		got := AppendJSONString(nil, text)
		if err := json.Unmarshal(got, &back); err != nil || back != text && utf8.ValidString(text) {
			t.Errorf("%q is written as %s, %v", text, got, err)
		}
	})
}

func FuzzParseTurnstileCount(f *testing.F) {
	f.Add([]byte("40380"), []byte(`{"STATION_ID":40380,"COUNT":3}`))
	f.Add([]byte("\x00\x00\x9d\xbc"), []byte(`{"COUNT":3}`))
	f.Add([]byte(`{"STATION_ID":40380,"LINE":"blue"}`), []byte(`{"COUNT":3}`))
	f.Add([]byte("40380|+|Clark/Lake"), []byte(nil))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		k, v := bytes.Clone(key), bytes.Clone(value)
		count, deleted, err := ParseTurnstileCount(key, value)
		var counts TurnstileCounts
		if first, gone, errFirst := counts.Read(key, value); first != count || gone != deleted || (errFirst == nil) != (err == nil) {
			t.Errorf("as the first record it is %+v, %v, %v; alone %+v, %v, %v", first, gone, errFirst, count, deleted, err)
		}
		if !bytes.Equal(k, key) || !bytes.Equal(v, value) {
			t.Error("the record was changed")
		}
		switch {
		case err != nil && (deleted || count != TurnstileCount{} || !utf8.ValidString(err.Error())):
			t.Errorf("refused with %q, and %+v, %v", err, count, deleted)
		case err == nil && (count.StationID < 1 || count.Count < 0):
			t.Errorf("accepted as %+v", count)
		}
	})
}

// StopID finds the stop in a row or a key of any form.
func FuzzStopID(f *testing.F) {
	f.Add(`{"stop_id":30001,"order":null}`)
	f.Add(`{"schema":{"type":"struct"},"payload":{"stop_id":30001}}`)
	f.Add(`{"schema":null,"payload":30001}`)
	f.Add(`30001`)
	f.Add(`"30001"`)
	f.Add("\x00\x00\x00\x00\x01")
	f.Fuzz(func(t *testing.T, data string) {
		if id, err := StopID([]byte(data)); err == nil && id != 0 && !strings.ContainsAny(data, "123456789") {
			t.Errorf("%q is stop %d", data, id)
		}
	})
}
