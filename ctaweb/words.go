package ctaweb

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// language is one in which the pages speak: the texts of its words file, by their
// names, with {placeholders}. It is read-only.
type language struct {
	code  string // as HTML has it
	words map[string]string
}

// english is what a [Model] speaks, and what other languages are held against.
var english = sync.OnceValue(func() *language {
	l, err := parseWords("en", read(wordsFile("en")))
	if err != nil {
		panic(err) // it is embedded, and every test reads it
	}
	return l
})

// wordsFile is the name of a language's file.
func wordsFile(code string) string { return "words." + code + ".json" }

func parseWords(code, text string) (*language, error) {
	l := &language{code: code}
	if err := json.Unmarshal([]byte(text), &l.words); err != nil {
		return nil, fmt.Errorf("%s: %w", wordsFile(code), err)
	}
	return l, nil
}

// say returns the text of a name, with values in place of its placeholders: pairs
// of a placeholder's name and its value.
func (l *language) say(name string, pairs ...string) string {
	text := l.words[name]
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		key, after, _ := strings.Cut(rest, "}")
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == key {
				b.WriteString(pairs[i+1])
			}
		}
		text = after
	}
}

// number writes n with a mark between its thousands.
func (l *language) number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteString(l.words["thousands"])
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// one is an entry of a list: the days of the week, the months.
func (l *language) one(list string, i int) string {
	all := strings.Split(l.words[list], ",")
	if i < 0 || i >= len(all) {
		return ""
	}
	return all[i]
}

// towards says where a line's trains run to, as cta.Line.Towards has it in English.
func (l *language) towards(text string) string {
	if or := l.words["or"]; or != " or " {
		return strings.ReplaceAll(text, " or ", or)
	}
	return text
}
