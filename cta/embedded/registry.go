package embedded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/seed-921eec07/ctalive/cta/wire"
)

// registry is srfake behind what it leaves out of the contract of Confluent's
// Schema Registry 7.4: compatibility checks, checks of Avro schemas, a few
// paths and codes, JSON for every error, and a journal on disk.
type registry struct {
	fake *srfake.Registry
	mux  *http.ServeMux
	log  *slog.Logger

	mu      sync.Mutex // held over a change and its line in the journal
	journal *journal   // nil without a data directory
}

// maxRegistryBody is srfake's bound, too.
const maxRegistryBody = 1 << 20

// registryType is the content type of every answer.
const registryType = "application/vnd.schemaregistry.v1+json"

// openRegistry returns a registry with what the journal at path holds; without
// a path it keeps none.
func openRegistry(path string, log *slog.Logger) (*registry, error) {
	r := &registry{fake: srfake.NewRegistry(), mux: http.NewServeMux(), log: log}
	r.mux.HandleFunc("GET /{$}", answer(struct{}{}))
	r.mux.HandleFunc("GET /schemas/types", answer([]string{"JSON", "PROTOBUF", "AVRO"}))
	r.mux.HandleFunc("GET /schemas/ids/{id}/schema", r.rawSchema)
	r.mux.HandleFunc("GET /subjects/{subject}/versions/{version}/schema", r.rawSchema)
	r.mux.HandleFunc("POST /subjects/{subject}", r.lookUp)
	r.mux.HandleFunc("POST /subjects/{subject}/versions", r.register)
	r.mux.HandleFunc("POST /compatibility/subjects/{subject}/versions", r.compatibility)
	r.mux.HandleFunc("POST /compatibility/subjects/{subject}/versions/{version}", r.compatibility)
	r.mux.HandleFunc("GET /config/{subject}", r.subjectConfig)
	r.mux.HandleFunc("/", r.pass)
	if path != "" {
		j, err := openJournal(path, func(c change) error {
			if status, body := r.call(c.Method, c.Path, c.Body); status >= 300 {
				return fmt.Errorf("%s %s answers %d: %s", c.Method, c.Path, status, bytes.TrimSpace(body))
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("embedded: schema registry: %w", err)
		}
		r.journal = j
	}
	return r, nil
}

func (r *registry) close() error {
	if r.journal == nil {
		return nil
	}
	return r.journal.close()
}

// ServeHTTP answers a request. What no part of the registry knows is a JSON 404:
// clients look at the body even to find out that a path is too new for a registry.
func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if p := req.URL.EscapedPath(); strings.HasSuffix(p, "/versions/-1") {
		u := *req.URL // -1 is another name of latest
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "-1")+"latest", ""
		if strings.Contains(p, "%") {
			u.RawPath = strings.TrimSuffix(p, "-1") + "latest"
		}
		req = req.Clone(req.Context())
		req.URL = &u
	}
	req.Body = http.MaxBytesReader(w, req.Body, maxRegistryBody)
	var buf answerBuffer
	if takes(req) {
		r.mux.ServeHTTP(&buf, req)
	} else {
		buf.WriteHeader(http.StatusUnsupportedMediaType)
	}
	status, body := buf.result()
	if h := w.Header(); h.Get("Content-Type") == "" {
		h.Set("Content-Type", registryType)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; nobody else wants to know
}

// takes reports whether the registry reads bodies of the request's type. One
// without a type it does, but curl's for forms it doesn't.
func takes(req *http.Request) bool {
	if req.Method != http.MethodPost && req.Method != http.MethodPut {
		return true
	}
	given := req.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(given)
	switch kind {
	case registryType, "application/vnd.schemaregistry+json", "application/json", "application/octet-stream":
		return true
	}
	return given == "" && err != nil
}

// pass has srfake answer, and writes a change down.
func (r *registry) pass(w http.ResponseWriter, req *http.Request) {
	body, ok := readBody(w, req)
	if !ok {
		return
	}
	path := req.URL.RequestURI()
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		status, answer := r.call(req.Method, path, nil)
		reply(w, status, answer)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(w, change{Method: req.Method, Path: path, Body: body})
}

// change has srfake make a change, writes it down, and only then answers. r.mu is held.
func (r *registry) change(w http.ResponseWriter, c change) {
	status, body := r.call(c.Method, c.Path, c.Body)
	if status < 300 && r.journal != nil {
		if err := r.journal.append(c); err != nil {
			r.log.Error("embedded registry: the change is made, but will be lost at a restart", "err", err)
			fail(w, http.StatusInternalServerError, 50001, "the registry's journal can't be written")
			return
		}
	}
	reply(w, status, body)
}

// call asks srfake.
func (r *registry) call(method, path string, body []byte) (status int, answer []byte) {
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return http.StatusNotFound, nil
	}
	req := &http.Request{
		Method: method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Host: "registry", Body: io.NopCloser(bytes.NewReader(body)),
	}
	var buf answerBuffer
	r.fake.Handler().ServeHTTP(&buf, req)
	return buf.result()
}

// rawSchema answers with the schema itself, where srfake answers with a JSON
// string that holds it.
func (r *registry) rawSchema(w http.ResponseWriter, req *http.Request) {
	status, body := r.call(req.Method, req.URL.RequestURI(), nil)
	var schema string
	if status == http.StatusOK && json.Unmarshal(body, &schema) == nil {
		body = []byte(schema)
	}
	reply(w, status, body)
}

// subjectConfig answers that a subject has no level of its own, unless the
// client wants the global one then.
func (r *registry) subjectConfig(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	if q.Get("defaultToGlobal") != "true" {
		q.Set("defaultToGlobal", "false")
	}
	status, body := r.call(req.Method, req.URL.EscapedPath()+"?"+q.Encode(), nil)
	if status == http.StatusNotFound {
		fail(w, status, 40408, fmt.Sprintf("Subject '%s' does not have subject-level compatibility configured", req.PathValue("subject")))
		return
	}
	reply(w, status, body)
}

// schemaBody is what clients send of a schema. Members that newer clients add
// are dropped, where srfake would refuse them.
type schemaBody struct {
	Schema     string          `json:"schema"`
	Type       string          `json:"schemaType,omitempty"`
	References json.RawMessage `json:"references,omitempty"`
}

func (s schemaBody) avro() bool { return s.Type == "" || s.Type == "AVRO" }

// alone reports whether the schema is Avro and complete in itself, so that it
// can be checked: what it refers to in other subjects is not followed.
func (s schemaBody) alone() bool {
	return s.avro() && (len(s.References) == 0 || string(s.References) == "[]" || string(s.References) == "null")
}

func (s schemaBody) json() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return nil // strings and JSON that was read: it can't fail
	}
	return b
}

// readSchema reads and checks the schema in a request, or answers what is wrong.
func readSchema(w http.ResponseWriter, req *http.Request) (schemaBody, bool) {
	s, ok := decodeSchema(w, req)
	return s, ok && s.check(w)
}

// decodeSchema reads the schema in a request, or answers what is wrong.
func decodeSchema(w http.ResponseWriter, req *http.Request) (schemaBody, bool) {
	var s schemaBody
	body, ok := readBody(w, req)
	if !ok {
		return s, false
	}
	if err := json.Unmarshal(body, &s); err != nil {
		fail(w, http.StatusBadRequest, 400, "Malformed JSON: "+err.Error())
		return s, false
	}
	return s, true
}

// check reports whether the schema can be one, or answers what is wrong.
func (s schemaBody) check(w http.ResponseWriter) bool {
	if s.Schema == "" {
		fail(w, http.StatusUnprocessableEntity, 42201, "Empty schema")
		return false
	}
	if s.alone() {
		if err := wire.ParseSchema(s.Schema); err != nil {
			fail(w, http.StatusUnprocessableEntity, 42201, "Invalid schema: "+err.Error())
			return false
		}
	}
	return true
}

func (r *registry) lookUp(w http.ResponseWriter, req *http.Request) {
	s, ok := readSchema(w, req)
	if !ok {
		return
	}
	status, body := r.call(req.Method, req.URL.RequestURI(), s.json())
	reply(w, status, body)
}

func (r *registry) register(w http.ResponseWriter, req *http.Request) {
	s, ok := decodeSchema(w, req)
	if !ok {
		return
	}
	subject := subjectPath(req.PathValue("subject"))
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.Schema == "" { // stands for the latest one, if there is one
		if status, body := r.call(http.MethodGet, subject+"/versions/latest", nil); status == http.StatusOK {
			answerID(w, req, body)
			return
		}
	}
	if !s.check(w) {
		return
	}
	if status, body := r.call(http.MethodPost, subject, s.json()); status == http.StatusOK {
		answerID(w, req, body)
		return
	}
	if msgs := r.conflicts(req.PathValue("subject"), s, ""); len(msgs) > 0 {
		fail(w, http.StatusConflict, 409, "Schema being registered is incompatible with an earlier schema for subject \""+
			req.PathValue("subject")+"\", details: "+strings.Join(msgs, "; "))
		return
	}
	c := change{Method: http.MethodPost, Path: req.URL.RequestURI(), Body: s.json()}
	if status, _ := r.call(http.MethodGet, subject+"/versions?deletedOnly=true", nil); status == http.StatusOK &&
		!r.fake.SubjectExists(req.PathValue("subject")) {
		// The subject was deleted softly: srfake then takes no more schemas.
		var gone answerBuffer
		if r.change(&gone, change{Method: http.MethodDelete, Path: subject + "?permanent=true"}); gone.status >= 300 {
			reply(w, gone.status, gone.body.Bytes())
			return
		}
	}
	r.change(w, c)
}

// answerID answers with the id of a schema, as a registration does.
func answerID(w http.ResponseWriter, req *http.Request, schema []byte) {
	var known struct {
		ID int `json:"id"`
	}
	if err := json.Unmarshal(schema, &known); err != nil {
		fail(w, http.StatusInternalServerError, 50001, "the registry's own answer can't be read")
		return
	}
	answer(known)(w, req)
}

func subjectPath(subject string) string { return "/subjects/" + url.PathEscape(subject) }

// readBody reads a bounded body, or answers that it is too large.
func readBody(w http.ResponseWriter, req *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, 413, "the request body is larger than "+strconv.Itoa(maxRegistryBody)+" bytes, or broken off")
		return nil, false
	}
	return body, true
}

// answerBuffer holds an answer, so that one that is not the registry's own can
// be put in its form.
type answerBuffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *answerBuffer) Header() http.Header {
	if b.header == nil {
		b.header = make(http.Header)
	}
	return b.header
}

func (b *answerBuffer) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *answerBuffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

// result returns the answer, an error in the registry's form.
func (b *answerBuffer) result() (status int, body []byte) {
	status, body = b.status, b.body.Bytes()
	if status == 0 {
		status = http.StatusOK
	}
	if status < 300 {
		return status, body
	}
	var e struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) != nil || e.Code == 0 {
		if status < 400 {
			status = http.StatusNotFound // the mux's redirect to a cleaner path
		}
		e.Code, e.Message = status, fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))
	}
	if e.Code/100 == 422 {
		status = http.StatusUnprocessableEntity // srfake has 400 for some
	}
	body, err := json.Marshal(map[string]any{"error_code": e.Code, "message": e.Message})
	if err != nil {
		return http.StatusInternalServerError, nil // an int and a string: it can't fail
	}
	return status, body
}

func reply(w http.ResponseWriter, status int, body []byte) {
	w.WriteHeader(status)
	_, _ = w.Write(body) // into an answerBuffer
}

func answer(v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(v)
		if err != nil {
			fail(w, http.StatusInternalServerError, 500, err.Error())
			return
		}
		reply(w, http.StatusOK, body)
	}
}

func fail(w http.ResponseWriter, status, code int, message string) {
	body, err := json.Marshal(map[string]any{"error_code": code, "message": message})
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	reply(w, status, body)
}
