package ctaweb_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// The page inside somebody else's site.
func Example_mounted() {
	m := ctaweb.NewModel(cta.Chicago()) // to be fed by ctaweb.Consume
	trains := ctaweb.Default(m)
	defer trains.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "our own front page")
	})
	mux.Handle("/trains/", http.StripPrefix("/trains", trains))

	srv := httptest.NewServer(mux)
	defer srv.Close()
	for _, path := range []string{"/", "/trains/healthz", "/trains/readyz"} {
		r, err := http.Get(srv.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.StatusCode, string(body))
	}
	// Output:
	// 200 our own front page
	// 200 {"status":"alive"}
	//
	// 503 {"ready":false,"reason":"starting","age_seconds":0,"stale":true}
}
