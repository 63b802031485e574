package ctaweb

import (
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-921eec07/ctalive/cta"
)

// Every text that a page, the script or the code asks for is there, and none that
// nobody asks for.
func TestEveryTextIsUsed(t *testing.T) {
	asked := map[string]bool{"language": true}
	wanted := regexp.MustCompile(`(?:\{t |\(t |print |say\(|one\(|words\[)"([a-z-]+)"`)
	code, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, name := range append(slices.Clone(pageFiles), "live.js", "rider.js", "map.js") {
		text += read(name)
	}
	for _, f := range code {
		if strings.HasSuffix(f.Name(), ".go") && !strings.HasSuffix(f.Name(), "_test.go") {
			data, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			text += string(data)
		}
	}
	for _, m := range wanted.FindAllStringSubmatch(text, -1) {
		asked[m[1]] = true
	}
	for name := range english().words {
		begin, _, _ := strings.Cut(name, "-")
		if !asked[name] && !asked[begin+"-"] && !strings.Contains(text, `"`+name+`"`) && name != "thousands" {
			t.Errorf("nobody asks for %q", name)
		}
	}
	for name := range asked {
		if _, ok := english().words[name]; !ok && !strings.HasSuffix(name, "-") {
			t.Errorf("there is no text %q", name)
		}
	}
}

// foreign is a language in which every letter is Greek.
func foreign(t *testing.T) []byte {
	t.Helper()
	words := map[string]string{}
	for name, text := range english().words {
		inside := false
		words[name] = strings.Map(func(c rune) rune {
			switch {
			case c == '{':
				inside = true
			case c == '}':
				inside = false
			case !inside && unicode.IsLetter(c):
				return 'ω'
			}
			return c
		}, text)
	}
	data, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var (
	element = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`)
	spoken  = regexp.MustCompile(`(?:aria-label|title|placeholder|alt)="([^"]*)"`)
	word    = regexp.MustCompile(`[A-Za-z]{2,}`)
)

// visible is what a page says: its texts, and those of attributes.
func visible(page string) string {
	said := spoken.FindAllStringSubmatch(page, -1)
	text := element.ReplaceAllString(page, "\n")
	for _, s := range said {
		text += "\n" + s[1]
	}
	return html.UnescapeString(text)
}

// On no page is there a word that isn't of its language, but for names.
func TestPagesInAnotherLanguage(t *testing.T) {
	net := cta.Chicago()
	var names []string
	for _, l := range net.Lines {
		names = append(names, l.Name, strings.TrimSuffix(l.Name, " Line"))
		for _, s := range l.Stations {
			names = append(names, s.Branch)
		}
	}
	for _, s := range net.Stations {
		names = append(names, s.Name)
	}
	names = append(names, "Loop", "Pasillo", net.Name, "JSON")
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	m := busy()
	for _, s := range []step{
		weatherAt("08:00:00", 50, cta.WeatherPartlyCloudy), arrive("08:00:00", "red R1 b", jarvis, cta.TrainBrokenDown),
		arrive("07:59:00", "green G1 a", garfield), arrive("07:59:40", "blue O1 a", ohare, cta.TrainOutOfService),
		counted("08:00:05", 40380, 50_000),
	} {
		s(m)
	}
	files := fstest.MapFS{"words.el.json": {Data: foreign(t)}}
	h := newHandler(t, m, HandlerConfig{Languages: []string{"el"}, Files: files})
	pages := []string{
		"/", "/lines/green", "/lines/red", "/stations", "/stations?q=lake", "/stations/40380", "/stations/40170",
		"/trains/red0", "/trains/R1", "/trains/O1", "/board/40380", "/trains/gone",
	}
	for _, page := range pages {
		body := text(t, get(t, h, "GET", page))
		if !strings.Contains(body, `<html lang="el">`) {
			t.Errorf("%s isn't said to be in el", page)
		}
		said := visible(body)
		for _, n := range names {
			if n != "" {
				said = strings.ReplaceAll(said, n, "")
			}
		}
		for line := range strings.Lines(said) {
			for _, w := range word.FindAllString(line, -1) {
				if !regexp.MustCompile(`\b`+w+`\d+\b`).MatchString(line) && w != "gone" && w != "lake" { // ids of trains, what is searched for
					t.Errorf("%s says %q in %q", page, w, strings.TrimSpace(line))
				}
			}
		}
	}
	var status Status
	if err := json.Unmarshal([]byte(text(t, get(t, h, "GET", "/api/v1/status"))), &status); err != nil {
		t.Fatal(err)
	}
	for _, l := range status.Lines {
		for _, d := range l.Directions {
			if !strings.Contains(d.Sentence, "ω") {
				t.Errorf("the API says %q", d.Sentence)
			}
		}
	}
}

func TestSpanish(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	es := text(t, get(t, h, "GET", "/stations/40890", "Accept-Language", "es-MX,es;q=0.9,en;q=0.5"))
	for _, want := range []string{`<html lang="es">`, "con destino a", "Pasajeros de hoy", "Buscar una estación", `data-events="?lang=es&amp;station=40890"`} {
		if !strings.Contains(es, want) {
			t.Errorf("the station's page lacks %q", want)
		}
	}
	var got []string
	for _, d := range h.pub.snapshot().translated(h.model.net, h.spoken("es")).status.Lines[0].Directions {
		got = append(got, d.Sentence)
	}
	if d := cmp.Diff([]string{
		"Red Line con destino a 95th/Dan Ryan: hay trenes, previsto cada 4 min",
		"Red Line con destino a Howard: un tren lleva menos de un minuto detenido en Jarvis, y hay un intervalo de 65 min en Jarvis",
	}, got); d != "" {
		t.Errorf("sentences (-want +got):\n%s", d)
	}
}

func TestLanguageIsTheReaders(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	for name, tt := range map[string]struct{ url, accept, cookie, want string }{
		"nothing is said":          {"/", "", "", "en"},
		"none that we speak":       {"/", "de, fr;q=0.5", "", "en"},
		"a region's":               {"/", "es-US", "", "es"},
		"a region's, as of POSIX":  {"/", "es_MX", "", "es"},
		"the one liked better":     {"/", "es;q=0.3, en;q=0.8", "", "en"},
		"one that is refused":      {"/", "es;q=0", "", "en"},
		"a weight that isn't one":  {"/", "es;q=x", "", "en"},
		"chosen in the address":    {"/?lang=es", "en", "en", "es"},
		"chosen before":            {"/lines/blue", "en", "es", "es"},
		"chosen, but we don't":     {"/?lang=de", "", "fr", "en"},
		"in the API as on a page":  {"/api/v1/lines", "es", "", "es"},
		"of a page that isn't one": {"/trains/gone", "es", "", "es"},
	} {
		r := get(t, h, "GET", tt.url, "Accept-Language", tt.accept, "Cookie", languageCookie+"="+tt.cookie)
		if got := r.Header.Get("Content-Language"); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		if vary := strings.Join(r.Header.Values("Vary"), ", "); !strings.Contains(vary, "Accept-Language") || !strings.Contains(vary, "Cookie") {
			t.Errorf("%s: Vary is %q", name, vary)
		}
		if kept := r.Header.Get("Set-Cookie"); (kept != "") != (tt.url == "/?lang=es") {
			t.Errorf("%s: sets the cookie %q", name, kept)
		}
	}
	// The tag of one language isn't that of another.
	tag := get(t, h, "GET", "/").Header.Get("ETag")
	if r := get(t, h, "GET", "/", "Accept-Language", "es", "If-None-Match", tag); r.StatusCode != 200 {
		t.Errorf("the tag of the English page is taken for the Spanish one")
	}
	// A choice holds wherever the handler is mounted.
	mux := http.NewServeMux()
	mux.Handle("/transit/l/", http.StripPrefix("/transit/l", h))
	for _, address := range []string{"/transit/l/lines/blue?lang=es", "http://example.org/transit/l/lines/blue?lang=es"} {
		c := get(t, mux, "GET", address).Header.Get("Set-Cookie")
		if !strings.Contains(c, "Path=/transit/l/;") || strings.Contains(c, "Secure") {
			t.Errorf("%s: the cookie is %q, want one of the path /transit/l/", address, c)
		}
		if c := get(t, mux, "GET", address, "X-Forwarded-Proto", "https").Header.Get("Set-Cookie"); !strings.Contains(c, "Secure") {
			t.Errorf("%s over TLS: the cookie is %q, want a secure one", address, c)
		}
	}
	one := newHandler(t, small(), HandlerConfig{Languages: []string{"es"}})
	if body := text(t, get(t, one, "GET", "/?lang=en", "Accept-Language", "en")); !strings.Contains(body, `<html lang="es">`) || strings.Contains(body, `class="languages"`) {
		t.Error("a handler of one language speaks or offers another")
	}
}

func TestLanguagesThatLackWords(t *testing.T) {
	words := maps.Clone(english().words)
	delete(words, "due")
	words["days"] = "Montag"
	words["minutes"] = "{m} Minuten"
	data, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewHandler(small(), HandlerConfig{Languages: []string{"de", "fr"}, Files: fstest.MapFS{
		"words.de.json": {Data: data}, "words.fr.json": {Data: []byte("{")},
	}})
	want := `ctaweb: handler: Files: words.de.json: "days" has 1 words, want as many as the English "Sunday,Monday,Tuesday,Wednesday,Thursday,Friday,Saturday"
words.de.json: "minutes" has {m}, which isn't in the English "{n} min"
words.de.json: lacks "due", in English "Due"
words.fr.json: unexpected end of JSON input`
	if err == nil || err.Error() != want {
		t.Errorf("error is\n%v\nwant\n%s", err, want)
	}
	if err := (&language{code: "es", words: mustSpeak(t, "es").words}).complete(); err != nil {
		t.Error(err)
	}
}

func mustSpeak(t *testing.T, code string) *language {
	t.Helper()
	l, err := source{}.language(code)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A reader's stream speaks the language of the page, and so does the script.
func TestStreamInSpanish(t *testing.T) {
	m := NewModel(cta.Chicago())
	arriveNow(m, "1", ohare)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	next, cancel := follow(t, srv.URL+"/events?lang=es", "")
	defer cancel()
	first := next()
	if len(first.update.Lines) != 8 || !strings.Contains(first.update.Lines[1].Directions[0].Sentence, "con destino a") {
		t.Errorf("the stream begins with %+v", first.update.Lines)
	}
	for _, l := range first.update.Lines {
		for _, d := range l.Directions {
			if strings.Contains(d.Towards, " or ") {
				t.Errorf("the stream says %q", d.Towards)
			}
		}
	}

	b := browse(t)
	b.open(srv.URL + "/?lang=es")
	b.await(`document.documentElement.lang`, "es")
	m.SetReady()
	b.await(`document.querySelector("#fresh").textContent`, "en vivo")
	arriveNow(m, "2", rosemont)
	b.await(`document.querySelector("[data-t='2']").title`, "Tren 2 con destino a Forest Park, en Rosemont")
	b.open(srv.URL + "/lines/blue") // the choice holds
	b.await(`document.documentElement.lang + document.querySelector("#fresh").textContent`, "esen vivo")
	b.clean(host(srv.URL))
}
