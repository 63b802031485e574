// Package form reads what the CTA's services have in common: values that are texts,
// lists that may be single objects, and the ids of lines.
package form

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Lines are the lines of cta.Chicago by the CTA's ids of routes in lower case, as the
// documentation of the Train Tracker lists them.
var Lines = map[string]string{
	"red": "red", "blue": "blue", "brn": "brown", "g": "green", "org": "orange", "p": "purple", "pink": "pink", "y": "yellow",
}

// Text is a value of an answer. The CTA writes each as a JSON string, or null; other
// writers of the same shape write numbers and booleans as such. A CDATA section is an
// object with the string.
type Text string

// UnmarshalJSON reads a value. An empty element, as translated from XML, is empty.
func (t *Text) UnmarshalJSON(b []byte) error {
	var s string
	var section struct {
		Text *string `json:"#cdata-section"`
	}
	switch {
	case string(b) == "null" || b[0] == '[':
	case b[0] == '{':
		if json.Unmarshal(b, &section) == nil && section.Text != nil {
			*t = Text(strings.TrimSpace(*section.Text))
		}
	case json.Unmarshal(b, &s) == nil:
		*t = Text(strings.TrimSpace(s))
	default:
		*t = Text(b)
	}
	return nil
}

// Number returns the value as a number; 0 if it isn't one, or is below 0.
func (t Text) Number() int {
	n, err := strconv.Atoi(string(t))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Set reports whether the value is true.
func (t Text) Set() bool { return t == "1" || strings.EqualFold(string(t), "true") }

// List is a JSON list, or in its place a single object, null, or nothing.
type List[T any] struct {
	Of  []T
	Odd int // elements that aren't objects of the kind
}

// UnmarshalJSON reads a list.
func (l *List[T]) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if json.Unmarshal(b, &raw) != nil {
		raw = []json.RawMessage{b}
	}
	for _, r := range raw {
		var v T
		switch {
		case string(r) == "null" || string(r) == `""`:
		case len(r) == 0 || r[0] != '{' || json.Unmarshal(r, &v) != nil:
			l.Odd++
		default:
			l.Of = append(l.Of, v)
		}
	}
	return nil
}
