package ctaweb

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// searchData is what a search found.
type searchData struct {
	common
	Found []foundView
}

type foundView struct {
	ID    int
	Name  string
	Lines []lineRef
}

const (
	maxQuery = 60 // bytes of a search
	maxFound = 300
)

// serveSearch finds stations by a part of their name; all of them without one.
func (h *Handler) serveSearch(w http.ResponseWriter, r *http.Request) {
	s, l := h.snapshot(w, r)
	h.remember(w, r)
	query := r.URL.Query().Get("q")
	query = strings.ToValidUTF8(query[:min(len(query), maxQuery)], "")
	d := searchData{common: h.common(s, l, "search", "", l.say("stations")).choices(h, l, url.Values{}, url.Values{"q": {query}})}
	d.Query = query
	want := plain(query)
	for _, st := range h.stations(s) {
		if want == "" && strings.TrimSpace(query) != "" {
			break // nothing that a name could have
		}
		if len(d.Found) < maxFound && strings.Contains(plain(st.Name), want) {
			f := foundView{ID: st.ID, Name: st.Name}
			for _, id := range st.Lines {
				f.Lines = append(f.Lines, ref(s, id))
			}
			d.Found = append(d.Found, f)
		}
	}
	sortFound(d.Found, want)
	b := &body{}
	if _, err := b.get(func() ([]byte, error) { return h.execute(l, "stations.html", d) }); err != nil {
		h.failed(w, r, err)
		return
	}
	serveBody(w, r, "text/html; charset=utf-8", "no-cache", b)
}

// plain is a text as it is searched: letters and digits in lower case, without
// accents.
func plain(text string) string {
	return unaccented.Replace(strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, text))
}

// unaccented has what keyboards may lack: the accented letters of Latin script.
var unaccented = func() *strings.Replacer {
	var pairs []string
	for plain, accented := range map[string]string{
		"a": "àáâãäåāăą", "ae": "æ", "c": "çćč", "d": "ďđ", "e": "èéêëēěę", "g": "ğ", "i": "ìíîïīı", "l": "ľł",
		"n": "ñńň", "o": "òóôõöøōő", "oe": "œ", "r": "ř", "s": "śšş", "ss": "ß", "t": "ťţ", "u": "ùúûüūůű", "y": "ýÿ", "z": "źżž",
	} {
		for _, c := range accented {
			pairs = append(pairs, string(c), plain)
		}
	}
	return strings.NewReplacer(pairs...)
}()

// sortFound puts names that begin with what was searched for first, then by name.
func sortFound(found []foundView, want string) {
	slices.SortStableFunc(found, func(a, b foundView) int {
		x, y := plain(a.Name), plain(b.Name)
		first := func(name string) int {
			if strings.HasPrefix(name, want) {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(x), first(y)), cmp.Compare(x, y), cmp.Compare(a.ID, b.ID))
	})
}
