package ctaweb

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/seed-921eec07/ctalive/cta"
)

// language is one in which pages speak: the texts of its words file, by their
// names, with {placeholders}. It is read-only.
type language struct {
	code  string // as HTML has it
	words map[string]string
	// nouns are the words for what runs and where it stops, by placeholder: nounNames,
	// also with a capital where a sentence begins.
	nouns map[string]string
	kinds map[string]*language // the same language, by what runs
}

// kinds are what may run, as names of texts have it; any is where several do.
var kinds = []string{"train", "tram", "bus", "ferry", "any"}

// nounNames are the placeholders of the words in nouns-train, nouns-tram and so on.
var nounNames = []string{"vehicle", "vehicles", "place", "places", "platform"}

// kindOf is what runs on lines of those modes.
func kindOf(modes ...cta.Mode) string {
	kind := ""
	for _, m := range modes {
		k := string(m)
		if m == cta.ModeRail || m == cta.ModeMetro || m == "" {
			k = "train"
		}
		if kind != "" && k != kind {
			return "any"
		}
		kind = k
	}
	return cmp.Or(kind, "train")
}

// of is the language where vehicles of those modes run.
func (l *language) of(modes ...cta.Mode) *language { return l.kinds[kindOf(modes...)] }

// modes returns the modes of a network's lines, or of some of them.
func modes(net *cta.Network, lines ...string) []cta.Mode {
	var all []cta.Mode
	for _, l := range net.Lines {
		if len(lines) == 0 || slices.Contains(lines, l.ID) {
			all = append(all, l.Mode)
		}
	}
	return all
}

func speak(code string, words map[string]string) *language {
	all := make(map[string]*language, len(kinds))
	for _, kind := range kinds {
		nouns := make(map[string]string, 2*len(nounNames))
		for i, word := range strings.SplitN(words["nouns-"+kind], ",", len(nounNames)) {
			nouns[nounNames[i]], nouns[capital(nounNames[i])] = word, capital(word)
		}
		all[kind] = &language{code, words, nouns, all}
	}
	return all["train"]
}

// capital is a word as the first of a sentence.
func capital(word string) string {
	_, n := utf8.DecodeRuneInString(word)
	return strings.ToUpper(word[:n]) + word[n:]
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

// language reads a language: the embedded words, if any, and those of the user's file,
// which take precedence.
func (s source) language(code string) (*language, error) {
	words := map[string]string{}
	for _, text := range []string{read(wordsFile(code)), s.own(wordsFile(code))} {
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), &words); err != nil {
			return nil, fmt.Errorf("%s: %w", wordsFile(code), err)
		}
	}
	return speak(code, words), nil
}

var placeholder = regexp.MustCompile(`\{[A-Za-z]+\}`)

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
			if !strings.Contains(text, p) && english().nouns[strings.Trim(p, "{}")] == "" {
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
var lists = map[string]bool{
	"days": true, "days-short": true, "months-short": true,
	"nouns-train": true, "nouns-tram": true, "nouns-bus": true, "nouns-ferry": true, "nouns-any": true,
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
		b.WriteString(l.nouns[key])
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

// towards translates the destination of trains, which cta.Heading returns in English.
func (l *language) towards(text string) string {
	for _, word := range []string{"or", "via"} {
		text = strings.ReplaceAll(text, english().words[word], l.words[word])
	}
	return text
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

// script returns a script's beginning: the texts that the script names, the nouns of the
// network, and the nouns of each mode. A script names a text, or the beginning of
// several names, up to a hyphen.
func (l *language) script(source string) string {
	byMode := map[string]map[string]string{}
	for _, m := range append([]cta.Mode{""}, cta.Modes...) {
		byMode[string(m)] = l.of(m).nouns
	}
	words := map[string]string{}
	for name, text := range l.words {
		named := strings.Contains(source, `"`+name+`"`)
		for i, c := range name {
			named = named || c == '-' && strings.Contains(source, `"`+name[:i+1]+`"`)
		}
		if named {
			words[name] = text
		}
	}
	text, err := json.Marshal([]any{words, l.nouns, byMode})
	if err != nil { // texts can't fail
		text = []byte("[{},{},{}]")
	}
	return "const [words, nouns, nounsOf] = " + string(text) + ";\n"
}
