package embedded

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/seed-921eec07/ctalive/cta/wire"
)

// registry adds to srfake the missing parts of the contract of Confluent's Schema
// Registry 7.4: compatibility checks, checks of Avro schemas, a few paths and codes, and
// JSON for every error. It also keeps a journal on disk.
type registry struct {
	mux *http.ServeMux
	log *slog.Logger

	mu      sync.RWMutex // locked over a change and its line in the journal
	fake    *srfake.Registry
	journal *journal // nil without a data directory
}

// maxRegistryBody is srfake's bound, too.
const maxRegistryBody = 1 << 20

// registryType is the content type of every answer.
const registryType = "application/vnd.schemaregistry.v1+json"

// openRegistry returns a registry with the content of the journal at path; without a
// path, the registry keeps no journal.
func openRegistry(path string, log *slog.Logger) (*registry, error) {
	r := &registry{fake: srfake.NewRegistry(), mux: http.NewServeMux(), log: log}
	r.mux.HandleFunc("GET /{$}", answer(struct{}{}))
	r.mux.HandleFunc("GET /schemas/types", answer([]string{"JSON", "PROTOBUF", "AVRO"}))
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /schemas/ids/{id}/schema":                      r.rawSchema,
		"GET /subjects/{subject}/versions/{version}":        r.version,
		"GET /subjects/{subject}/versions/{version}/schema": r.rawSchema,
		"GET /config/{subject}":                             r.subjectConfig,
		"GET /subjects":                                     r.subjects,
		"GET /subjects/{subject}/versions":                  r.subjectVersions,
	} {
		r.mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
			r.mu.RLock()
			defer r.mu.RUnlock()
			h(w, req)
		})
	}
	// These read a body first, and lock then: a client may send it slowly.
	r.mux.HandleFunc("POST /subjects/{subject}", r.lookUp)
	r.mux.HandleFunc("POST /compatibility/subjects/{subject}/versions", r.compatibility)
	r.mux.HandleFunc("POST /compatibility/subjects/{subject}/versions/{version}", r.compatibility)
	r.mux.HandleFunc("POST /subjects/{subject}/versions", r.register)
	r.mux.HandleFunc("/", r.pass)
	if path != "" {
		j, err := openJournal(path, r.again)
		if err != nil {
			return nil, fmt.Errorf("embedded: schema registry: %w", err)
		}
		r.journal = j
	}
	return r, nil
}

func (r *registry) again(c change) error {
	if status, body := r.apply(c); status >= 300 {
		return fmt.Errorf("%s %s answers %d: %s", c.Method, c.Path, status, bytes.TrimSpace(body))
	}
	return nil
}

func (r *registry) close() error {
	if r.journal == nil {
		return nil
	}
	return r.journal.f.Close()
}

// ServeHTTP answers a request. What no part of the registry knows is a JSON 404:
// clients look at the body even to find out that a path is too new for a registry.
func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	req, version := latestVersion(req)
	req.Body = http.MaxBytesReader(w, req.Body, maxRegistryBody)
	var buf answerBuffer
	switch n, err := strconv.Atoi(version); {
	case !takes(req):
		buf.WriteHeader(http.StatusUnsupportedMediaType)
	case version != "" && version != "latest" && (err != nil || n < 1 || n > math.MaxInt32):
		fail(&buf, http.StatusUnprocessableEntity, 42202, "The specified version '"+version+
			"' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"")
	default:
		r.mux.ServeHTTP(&buf, req)
	}
	status, body := buf.result()
	if h := w.Header(); h.Get("Content-Type") == "" {
		h.Set("Content-Type", registryType)
	}
	reply(w, status, body)
}

// latestVersion returns the version of a subject that a request names, and the request with
// latest in place of -1, which is another name of it.
func latestVersion(req *http.Request) (*http.Request, string) {
	parts := strings.Split(req.URL.EscapedPath(), "/")
	of := parts[1:] // subjects, subject, versions, version; of GET * none
	if len(of) > 0 && of[0] == "compatibility" {
		of = of[1:]
	}
	if len(of) < 4 || of[0] != "subjects" || of[2] != "versions" {
		return req, ""
	}
	if of[3] != "-1" {
		return req, of[3]
	}
	of[3] = "latest"
	u := *req.URL
	u.RawPath = strings.Join(parts, "/")
	var err error
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return req, of[3]
	}
	req = req.Clone(req.Context())
	req.URL = &u
	return req, of[3]
}

// takes reports whether the registry reads bodies of the request's content type. It
// reads no body without a type or with a form's type: any web page can make a browser
// send those.
func takes(req *http.Request) bool {
	if req.Method != http.MethodPost && req.Method != http.MethodPut {
		return true
	}
	switch kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type")); kind {
	case registryType, "application/vnd.schemaregistry+json", "application/json", "application/octet-stream":
		return true
	}
	return false
}

// pass has srfake answer, and writes a change down.
func (r *registry) pass(w http.ResponseWriter, req *http.Request) {
	body, ok := readBody(w, req)
	if !ok {
		return
	}
	path := req.URL.RequestURI()
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		r.mu.RLock()
		defer r.mu.RUnlock()
		status, answer := r.call(req.Method, path, nil)
		reply(w, status, answer)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(w, change{Method: req.Method, Path: path, Body: body})
}

// change makes a change, writes it down, and only then answers. One that can't be
// written down is taken back. r.mu is locked.
func (r *registry) change(w http.ResponseWriter, c change) {
	status, body := r.apply(c)
	if status < 300 && r.journal != nil {
		if err := r.journal.append(c); err != nil {
			r.fake = srfake.NewRegistry()
			err = errors.Join(err, r.journal.replay(r.again))
			r.log.Error("embedded registry: a change is refused, because its journal can't be written", "err", err)
			fail(w, http.StatusInternalServerError, 50001, "the registry's journal can't be written")
			return
		}
	}
	reply(w, status, body)
}

// apply has srfake make a change. Deletions are put right first: srfake's of a
// subject starts its versions again, and needs no soft one before.
func (r *registry) apply(c change) (status int, body []byte) {
	u, err := url.ParseRequestURI(c.Path)
	if err != nil || c.Method != http.MethodDelete {
		return r.call(c.Method, c.Path, c.Body)
	}
	subject, version, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/subjects/"), "/versions/")
	subject, err = url.PathUnescape(subject)
	if !strings.HasPrefix(u.EscapedPath(), "/subjects/") || err != nil || strings.Contains(version, "/") {
		return r.call(c.Method, c.Path, c.Body)
	}
	var answer answerBuffer
	r.remove(&answer, subject, version, u.Query().Get("permanent") == "true")
	return answer.result()
}

// remove deletes a version of a subject, or all of them when version is empty.
func (r *registry) remove(w http.ResponseWriter, subject, version string, permanent bool) {
	live, gone := r.versions(subject, ""), r.versions(subject, "?deletedOnly=true")
	path := subjectPath(subject)
	switch {
	case len(live)+len(gone) == 0:
		fail(w, http.StatusNotFound, 40401, "Subject '"+subject+"' not found.")
	case version == "" && !permanent && len(live) == 0:
		fail(w, http.StatusNotFound, 40404, "Subject '"+subject+"' was soft deleted. Set permanent=true to delete permanently")
	case version == "" && !permanent:
		for _, v := range live {
			if status, body := r.call(http.MethodGet, path+"/versions/"+v+"/referencedby", nil); status == http.StatusOK && string(bytes.TrimSpace(body)) != "[]" {
				fail(w, http.StatusUnprocessableEntity, 42206, "One or more references exist to the schema of version "+v+" of subject "+subject)
				return
			}
		}
		for _, v := range live {
			if status, body := r.call(http.MethodDelete, path+"/versions/"+v, nil); status >= 300 {
				reply(w, status, body)
				return
			}
		}
		reply(w, http.StatusOK, []byte("["+strings.Join(live, ",")+"]"))
	case version == "" && len(live) > 0:
		fail(w, http.StatusNotFound, 40405, "Subject '"+subject+"' was not deleted first before being permanently deleted")
	case version == "":
		status, body := r.call(http.MethodDelete, path+"?permanent=true", nil)
		reply(w, status, body)
	default:
		r.removeVersion(w, subject, version, permanent, live, gone)
	}
}

func (r *registry) removeVersion(w http.ResponseWriter, subject, version string, permanent bool, live, gone []string) {
	if version == "latest" {
		all := live
		if permanent {
			all = gone
		}
		if len(all) == 0 {
			fail(w, http.StatusNotFound, 40402, "Version latest not found.")
			return
		}
		version = all[len(all)-1]
	}
	path := subjectPath(subject) + "/versions/" + version
	switch {
	case permanent && slices.Contains(live, version):
		fail(w, http.StatusNotFound, 40407, "Subject '"+subject+"' Version "+version+" was not deleted first before being permanently deleted")
	case permanent && len(live) == 0 && len(gone) == 1 && gone[0] == version:
		// The last one: the subject ends, as it does at once.
		if status, body := r.call(http.MethodDelete, subjectPath(subject)+"?permanent=true", nil); status >= 300 {
			reply(w, status, body)
			return
		}
		reply(w, http.StatusOK, []byte(version))
	case permanent:
		status, body := r.call(http.MethodDelete, path+"?permanent=true", nil)
		reply(w, status, body)
	case slices.Contains(gone, version):
		fail(w, http.StatusNotFound, 40406, "Subject '"+subject+"' Version "+version+" was soft deleted. Set permanent=true to delete permanently")
	default:
		status, body := r.call(http.MethodDelete, path, nil)
		reply(w, status, body)
	}
}

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

// version answers with a version of a subject, if there is that subject.
func (r *registry) version(w http.ResponseWriter, req *http.Request) {
	subject, query := req.PathValue("subject"), ""
	if req.URL.Query().Get("deleted") == "true" {
		query = "?deleted=true"
	}
	if len(r.versions(subject, query)) == 0 {
		fail(w, http.StatusNotFound, 40401, "Subject '"+subject+"' not found.")
		return
	}
	status, body := r.call(req.Method, req.URL.RequestURI(), nil)
	reply(w, status, body)
}

// rawSchema answers with the schema itself, where srfake answers with a JSON
// string or member that holds it.
func (r *registry) rawSchema(w http.ResponseWriter, req *http.Request) {
	status, body := r.call(req.Method, req.URL.RequestURI(), nil)
	var schema string
	var member struct{ Schema string }
	switch {
	case status != http.StatusOK:
	case json.Unmarshal(body, &schema) == nil:
		body = []byte(schema)
	case json.Unmarshal(body, &member) == nil:
		body = []byte(member.Schema)
	}
	reply(w, status, body)
}

// subjects answers with the subjects that have versions, or had some where the
// client asks for deleted ones. srfake deletes versions one by one, as remove has it do.
func (r *registry) subjects(w http.ResponseWriter, req *http.Request) {
	status, body := r.call(req.Method, req.URL.RequestURI(), nil)
	var all []string
	q := req.URL.Query()
	if status != http.StatusOK || json.Unmarshal(body, &all) != nil {
		reply(w, status, body)
		return
	}
	if q.Get("deletedOnly") == "true" { // for srfake, none is
		q.Del("deletedOnly")
		_, body = r.call(req.Method, req.URL.Path+"?"+q.Encode(), nil)
		_ = json.Unmarshal(body, &all) // as before
		all = slices.DeleteFunc(all, func(s string) bool { return len(r.versions(s, "")) > 0 })
	} else if q.Get("deleted") != "true" {
		all = slices.DeleteFunc(all, func(s string) bool { return len(r.versions(s, "")) == 0 })
	}
	answer(all)(w, req)
}

func (r *registry) subjectVersions(w http.ResponseWriter, req *http.Request) {
	status, body := r.call(req.Method, req.URL.RequestURI(), nil)
	if status == http.StatusOK && string(bytes.TrimSpace(body)) == "null" {
		fail(w, http.StatusNotFound, 40401, "Subject '"+req.PathValue("subject")+"' not found.")
		return
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

// alone reports whether the schema is Avro without references to other subjects, so that
// it can be checked.
func (s schemaBody) alone() bool {
	return (s.Type == "" || s.Type == "AVRO") && (len(s.References) == 0 || string(s.References) == "[]" || string(s.References) == "null")
}

func (s schemaBody) json() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return nil // strings and JSON that was read: it can't fail
	}
	return b
}

// readSchema reads and checks the schema in a request, or answers with the fault.
func readSchema(w http.ResponseWriter, req *http.Request) (schemaBody, bool) {
	s, ok := decodeSchema(w, req)
	return s, ok && s.check(w)
}

// decodeSchema reads the schema in a request, or answers with the fault.
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

// check reports whether the schema is valid, or answers with the fault.
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
	r.mu.RLock()
	defer r.mu.RUnlock()
	subject := req.PathValue("subject")
	if len(r.versions(subject, "")) == 0 && req.URL.Query().Get("deleted") != "true" {
		fail(w, http.StatusNotFound, 40401, "Subject '"+subject+"' not found.")
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
	if name := req.PathValue("subject"); name == "." || name == ".." { // a part of no path: it could never be read
		fail(w, http.StatusUnprocessableEntity, 42208, "The specified subject '"+name+"' is not a valid subject name")
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
	r.change(w, change{Method: http.MethodPost, Path: req.URL.RequestURI(), Body: s.json()})
}

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
	b.status = cmp.Or(b.status, status)
}

func (b *answerBuffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

// result returns the answer, an error in the registry's form.
func (b *answerBuffer) result() (status int, body []byte) {
	status, body = b.status, b.body.Bytes()
	status = cmp.Or(status, http.StatusOK)
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
	return status, errorBody(e.Code, e.Message)
}

func reply(w http.ResponseWriter, status int, body []byte) {
	w.WriteHeader(status)
	_, _ = w.Write(body) // a failure means that the client is gone; nobody else wants to know
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
	reply(w, status, errorBody(code, message))
}

func errorBody(code int, message string) []byte {
	body, err := json.Marshal(map[string]any{"error_code": code, "message": message})
	if err != nil {
		return nil // an int and a string: it can't fail
	}
	return body
}
