package ctaweb

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// language is one in which pages speak: the texts of its words file, by their
// names, with {placeholders}. It is read-only.
type language struct {
	code  string // as HTML has it
	words map[string]string
}

// english is what a [Model] speaks, and what other languages are held against.
var english = sync.OnceValue(func() *language {
	l, err := source{}.language("en")
	if err != nil {
		panic(err) // it is embedded, and every test reads it
	}
	return l
})

// wordsFile is the name of a language's file.
func wordsFile(code string) string { return "words." + code + ".json" }

// language reads a language: the words that are embedded, if there are, and over
// them those of a file of one's own.
func (s source) language(code string) (*language, error) {
	l := &language{code: code, words: map[string]string{}}
	for _, text := range []string{read(wordsFile(code)), s.own(wordsFile(code))} {
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), &l.words); err != nil {
			return nil, fmt.Errorf("%s: %w", wordsFile(code), err)
		}
	}
	return l, nil
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// complete reports what a language lacks of English: texts, and the placeholders
// in them.
func (l *language) complete() error {
	var faults []error
	for name, text := range english().words {
		own, ok := l.words[name]
		if !ok {
			faults = append(faults, fmt.Errorf("%s: lacks %q, in English %q", wordsFile(l.code), name, text))
			continue
		}
		for _, p := range placeholder.FindAllString(own, -1) {
			if !strings.Contains(text, p) {
				faults = append(faults, fmt.Errorf("%s: %q has %s, which isn't in the English %q", wordsFile(l.code), name, p, text))
			}
		}
		if n := strings.Count(own, ","); lists[name] && n != strings.Count(text, ",") {
			faults = append(faults, fmt.Errorf("%s: %q has %d words, want as many as the English %q", wordsFile(l.code), name, n+1, text))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// lists are the texts that are several words, with commas between.
var lists = map[string]bool{"days": true, "days-short": true, "months-short": true}

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

// one is a word of a list: the days of the week from Sunday, the months.
func (l *language) one(list string, i int) string { return strings.Split(l.words[list], ",")[i] }

// towards says where a line's trains run to, which cta.Line.Towards has in English.
func (l *language) towards(text string) string {
	return strings.ReplaceAll(text, english().words["or"], l.words["or"])
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

// script is the words as a script has them, in front of live.js.
func (l *language) script() string {
	text, err := json.Marshal(l.words)
	if err != nil { // texts can't fail
		text = []byte("{}")
	}
	return "const words = " + string(text) + ";\n"
}
