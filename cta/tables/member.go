package tables

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

func (m member) null() bool { return string(m.value) == "null" }

// Deleted reports whether a record's value marks its key as deleted: no value, or JSON null,
// bare or in Connect's envelope. Connect's JsonConverter writes such a null for a deletion
// with a schema. Some transforms of Debezium leave it.
func Deleted(value []byte) bool {
	value = payload(value)
	return value == nil || string(bytes.TrimSpace(value)) == "null"
}

// StopID returns the stop_id of a row or of a row's key. It accepts a bare number, as
// the usual transforms of Connect leave it, or an object, bare or in the envelope.
func StopID(data []byte) (int64, error) {
	data = payload(data)
	if id, err := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64); err == nil {
		return id, nil
	}
	members, err := objectMembers(data)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(members, func(m member) bool { return m.name == colStopID })
	if i < 0 {
		return 0, fmt.Errorf("member %q is missing", colStopID)
	}
	id, err := strconv.ParseInt(string(members[i].value), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("member %q is %s, want an integer", colStopID, excerpt(members[i].value))
	}
	return id, nil
}

// payload returns the payload in Connect's envelope of schema and payload, or data
// itself if there is no envelope.
func payload(data []byte) []byte {
	if !bytes.Contains(data, []byte(`"payload"`)) {
		return data
	}
	members, err := objectMembers(data)
	i := slices.IndexFunc(members, func(m member) bool { return m.name == "payload" })
	if err != nil || len(members) != 2 || i < 0 || members[1-i].name != "schema" {
		return data
	}
	return members[i].value
}

// objectMembers returns the members of a JSON object in order.
func objectMembers(data []byte) ([]member, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	start, err := dec.Token()
	if err != nil {
		return nil, notJSON(err)
	}
	if start != json.Delim('{') {
		return nil, fmt.Errorf("is %s, want a JSON object", excerpt(data))
	}
	var members []member
	for dec.More() {
		var m member
		name, err := dec.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		m.name, _ = name.(string) // always a string here
		if err := dec.Decode(&m.value); err != nil {
			return nil, notJSON(err)
		}
		members = append(members, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, notJSON(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("not JSON: more after the object")
	}
	return members, nil
}

func notJSON(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("not JSON: ends too early")
	}
	return fmt.Errorf("not JSON: %w", err)
}

// memberFaults collects the faults of one object's members, for a one-line message in
// headers and logs.
type memberFaults []string

// maxMemberFaults bounds an error's text, which foreign bytes determine.
const maxMemberFaults = 16

func (f *memberFaults) add(name, format string, args ...any) {
	if len(*f) < maxMemberFaults {
		*f = append(*f, "member "+excerpt([]byte(name))+" "+fmt.Sprintf(format, args...))
	}
}

func (f memberFaults) err() error {
	if len(f) == 0 {
		return nil
	}
	return errors.New(strings.Join(f, "; "))
}

// integer returns a member's value, which must be a 32-bit integer from low.
func (f *memberFaults) integer(m member, low int64) int {
	n, err := strconv.ParseInt(string(m.value), 10, 64)
	if err != nil || n < low || n > math.MaxInt32 {
		f.add(m.name, "is %s, want an integer from %d to %d", excerpt(m.value), low, math.MaxInt32)
	}
	return int(n)
}

// text returns a member's value, which must be a string; null counts as empty if
// mayBeEmpty.
func (f *memberFaults) text(m member, mayBeEmpty bool) string {
	if mayBeEmpty && m.null() {
		return ""
	}
	var s string
	if m.null() || json.Unmarshal(m.value, &s) != nil || s == "" && !mayBeEmpty {
		f.add(m.name, "is %s, want a text", excerpt(m.value))
	}
	return s
}

// excerpt returns the beginning of data, quoted for an error's text.
func excerpt(data []byte) string { return sheet.Quote(string(data)) }
