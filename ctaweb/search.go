package ctaweb

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/seed-921eec07/ctalive/cta"
)

type searchData struct {
	common
	Found []foundView // the best, maxFound at most
	All   int64       // how many matched
	More  bool        // whether some of them are left out
}

type foundView struct {
	ID     int
	Name   string
	Closed bool
	Code   string // by which riders tell it from others of its name
	Lines  []lineRef
}

const (
	maxQuery = 100 // bytes of a query; the rest is ignored
	maxFound = 300
)

// serveSearch finds stations by name and line; without a query, all of them, a page that
// is kept.
func (h *Handler) serveSearch(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query().Get("q")
	query = strings.ToValidUTF8(query[:min(len(query), maxQuery)], "")
	key := ""
	if strings.TrimSpace(query) == "" {
		query, key = "", keyOf(r)
	}
	h.servePage(w, r, key, "stations.html", func(s *snapshot, l *language, _ *http.Request) any { return h.searchPage(s, l, query) })
}

func (h *Handler) searchPage(s *snapshot, l *language, query string) searchData {
	d := searchData{common: h.common(s, l, "search", "", l.say("stations")).choices(h, l, url.Values{}, url.Values{"q": {query}})}
	d.Query = query
	found := s.layout.index(s.status, h.model.net).find(query)
	d.All = int64(len(found))
	for _, st := range found[:min(len(found), maxFound)] {
		f := foundView{ID: st.id, Name: st.name, Closed: st.closed}
		if code := stationCode(h.model.net.Station(st.id)); code != "" {
			f.Code = l.say("stop-code", "code", code)
		}
		for _, id := range st.lines {
			f.Lines = append(f.Lines, ref(s, id))
		}
		d.Found = append(d.Found, f)
	}
	d.More = len(found) > len(d.Found)
	return d
}

// searchIndex holds the stations in the form in which they are searched.
type searchIndex []searchStation

type searchStation struct {
	id     int
	name   string
	closed bool
	lines  []string // ids

	code   string   // by which riders know it, plain
	words  []string // of the name, plain
	joined string   // the words without spaces
	onLine []string // the words that tell its lines from others
	also   []string // the words of well-known places there
}

// newSearchIndex lists the stations of all lines, each once, by name.
// A station can also be found by its code.
func newSearchIndex(st *Status, net *cta.Network) searchIndex {
	at := map[int]int{}
	named := map[string]int{} // by word: lines that have it in their names
	for _, l := range st.Lines {
		for _, w := range plainWords(l.Name) {
			named[w]++
		}
	}
	var x searchIndex
	for _, l := range st.Lines {
		words := slices.DeleteFunc(append(plainWords(l.Name), plainWords(l.ID)...), func(w string) bool {
			return len(st.Lines) > 1 && named[w] == len(st.Lines) // "Line"
		})
		for _, s := range l.Stations {
			i, ok := at[s.ID]
			if !ok {
				i = len(x)
				at[s.ID] = i
				w := plainWords(s.Name)
				x = append(x, searchStation{id: s.ID, name: s.Name, closed: s.Closed, also: placeWords(net.Station(s.ID)), words: w, joined: strings.Join(w, ""), code: strings.Join(plainWords(stationCode(net.Station(s.ID))), "")})
			}
			x[i].lines = append(x[i].lines, l.ID)
			x[i].onLine = append(x[i].onLine, words...)
		}
	}
	slices.SortFunc(x, func(a, b searchStation) int {
		return cmp.Or(slices.Compare(a.words, b.words), cmp.Compare(a.id, b.id))
	})
	return x
}

// placeWords are the words of the well-known places at a station.
func placeWords(s *cta.Station) []string {
	if s == nil { // only the stations table has it
		return nil
	}
	return plainWords(strings.Join(s.Also, " "))
}

// find returns the stations that match every word of a query, in any order, the
// best first; all stations for a blank query. A word matches a part of the name, or
// the start of a word of a line or of a well-known place there. Typing errors are
// forgiven only if nothing matches otherwise.
func (x searchIndex) find(query string) []searchStation {
	if strings.TrimSpace(query) == "" {
		return x
	}
	words := plainWords(query)
	if len(words) > 1 { // "State and Lake" is State/Lake
		words = slices.DeleteFunc(words, func(w string) bool { return w == "and" })
	}
	if len(words) == 0 {
		return nil // nothing that a name could have
	}
	found := x.match(words, false)
	if len(found) == 0 {
		found = x.match(words, true)
	}
	return found
}

func (x searchIndex) match(words []string, forgiving bool) []searchStation {
	type match struct {
		searchStation
		rank int
	}
	var found []match
	joined := strings.Join(words, "")
	for _, s := range x {
		if rank, ok := s.rank(words, joined, forgiving); ok {
			found = append(found, match{s, rank})
		}
	}
	slices.SortStableFunc(found, func(a, b match) int { return cmp.Compare(a.rank, b.rank) })
	list := make([]searchStation, len(found))
	for i, f := range found {
		list[i] = f.searchStation
	}
	return list
}

// Ranks of a match of one word, the best first.
const (
	rankWord = iota
	rankStart
	rankInside
	rankPlace
	rankLine
	rankError
	ranks
)

// rank returns how well words match a station, 0 for the best. The whole name
// comes first, then names that begin with the query, then the others by the sum of
// the ranks of their words.
func (s *searchStation) rank(words []string, joined string, forgiving bool) (int, bool) {
	sum := 0
	for _, w := range words {
		r := s.rankOf(w, forgiving)
		if r == ranks {
			if len(words) == 1 || !strings.Contains(s.joined, joined) {
				return 0, false
			}
			r = rankInside // the words are spaced otherwise in the name
		}
		sum += r
	}
	switch {
	case s.joined == joined:
		return 0, true
	case strings.HasPrefix(s.joined, joined):
		return 1, true
	}
	return 2 + sum, true
}

func (s *searchStation) rankOf(word string, forgiving bool) int {
	starts := func(w string) bool { return strings.HasPrefix(w, word) }
	switch {
	case slices.Contains(s.words, word), word == s.code:
		return rankWord
	case slices.ContainsFunc(s.words, starts):
		return rankStart
	case len(word) > 1 && strings.Contains(s.joined, word):
		return rankInside
	case slices.ContainsFunc(s.also, starts):
		return rankPlace
	case slices.ContainsFunc(s.onLine, starts):
		return rankLine
	case forgiving && utf8.RuneCountInString(word) >= 4 &&
		slices.ContainsFunc(slices.Concat(s.words, s.also), func(w string) bool { return nearly(word, w) }):
		return rankError
	}
	return ranks
}

// nearly reports whether one typing error turns the start of word into typed: a
// letter that is wrong, missing or too many, or two neighbours swapped.
func nearly(typed, word string) bool {
	a, b := []rune(typed), []rune(word)
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	starts := func(b, a []rune) bool { return len(b) >= len(a) && slices.Equal(b[:len(a)], a) }
	switch {
	case len(a) == 0:
		return true
	case starts(b, a[1:]): // too many, the last of all
		return true
	case len(b) == 0:
		return false
	case starts(b[1:], a[1:]), starts(b[1:], a): // wrong, missing
		return true
	}
	return len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] && starts(b[2:], a[2:])
}

// plainWords are the words of a text as they are searched: letters and digits in
// lower case, without accents in any script. An apostrophe joins, all else parts.
func plainWords(text string) []string {
	text = cta.Plain(norm.NFKD.String(text))
	text = strings.NewReplacer("'", "", "’", "", "‘", "", "ʻ", "", "ʼ", "", "ς", "σ").Replace(text)
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}
