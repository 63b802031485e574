package ctaweb_test

import (
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing/fstest"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// A site of one's own: another title, logo and page, and German beside English. The
// files are usually an embed.FS or os.DirFS; those that they lack are the package's.
func ExampleHandlerConfig_ownLook() {
	words, err := os.ReadFile("assets/words.en.json") // a translation begins as a copy of English
	if err != nil {
		log.Fatal(err)
	}
	german := strings.Replace(string(words), `"Not found"`, `"Nicht gefunden"`, 1)
	h, err := ctaweb.NewHandler(ctaweb.NewModel(cta.Chicago()), ctaweb.HandlerConfig{
		Title:     "Our trains",
		Languages: []string{"en", "de"},
		Files: fstest.MapFS{
			"icon.svg":      {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1H0z"/></svg>`)},
			"words.de.json": {Data: []byte(german)},
			"words.en.json": {Data: []byte(`{"not-found": "We looked everywhere"}`)},
			"missing.html":  {Data: []byte(`{{template "top" .}}<main id="main"><h1>{{t "not-found"}}</h1></main>{{template "end" .}}`)},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()

	said := regexp.MustCompile(`<html lang="\w+">|<title>.*</title>|<h1>.*</h1>`)
	for _, language := range []string{"en", "de"} {
		r := httptest.NewRequest("GET", "/lines/violet", nil)
		r.Header.Set("Accept-Language", language)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(strings.Join(said.FindAllString(w.Body.String(), -1), " "))
	}
	// Output:
	// <html lang="en"> <title>We looked everywhere · Our trains</title> <h1>We looked everywhere</h1>
	// <html lang="de"> <title>Nicht gefunden · Our trains</title> <h1>Nicht gefunden</h1>
}
