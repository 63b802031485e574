package embedded

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-921eec07/ctalive/cta/wire"
)

// compatibility answers whether a schema could be registered, against one
// version or, without one, against those that the subject's level names.
func (r *registry) compatibility(w http.ResponseWriter, req *http.Request) {
	s, ok := readSchema(w, req)
	if !ok {
		return
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	subject, version := req.PathValue("subject"), req.PathValue("version")
	if version != "" && version != "latest" { // there need not be a latest one
		if status, body := r.call(http.MethodGet, subjectPath(subject)+"/versions/"+url.PathEscape(version), nil); status != http.StatusOK {
			reply(w, status, body)
			return
		}
	}
	msgs := r.conflicts(subject, s, version)
	result := map[string]any{"is_compatible": len(msgs) == 0}
	if req.URL.Query().Get("verbose") == "true" {
		result["messages"] = append([]string{}, msgs...)
	}
	answer(result)(w, req)
}

// conflicts returns why a schema doesn't go with the versions of a subject, by
// the subject's level: empty when it does. version names the one to look at;
// empty means the latest, or every one when the level is transitive. Only Avro
// schemas without references are looked at.
func (r *registry) conflicts(subject string, s schemaBody, version string) []string {
	if !s.alone() {
		return nil
	}
	level := r.level(subject)
	if level == "NONE" {
		return nil
	}
	versions := []string{version}
	if version == "" {
		versions = r.versions(subject, "")
		if n := len(versions); n > 1 && !strings.HasSuffix(level, "_TRANSITIVE") {
			versions = versions[n-1:]
		}
	}
	var msgs []string
	for _, v := range versions {
		var old schemaBody
		status, body := r.call(http.MethodGet, subjectPath(subject)+"/versions/"+url.PathEscape(v), nil)
		if status != http.StatusOK || json.Unmarshal(body, &old) != nil || !old.alone() {
			continue
		}
		// New readers read old data, old readers read new data, or both.
		if !strings.HasPrefix(level, "FORWARD") {
			if err := wire.Compatible(s.Schema, old.Schema); err != nil {
				msgs = append(msgs, fmt.Sprintf("version %s as writer: %v", v, err))
			}
		}
		if !strings.HasPrefix(level, "BACKWARD") {
			if err := wire.Compatible(old.Schema, s.Schema); err != nil {
				msgs = append(msgs, fmt.Sprintf("version %s as reader: %v", v, err))
			}
		}
	}
	return msgs
}

// level is the subject's compatibility level, or the global one.
func (r *registry) level(subject string) string {
	var c struct {
		Level string `json:"compatibilityLevel"`
	}
	_, body := r.call(http.MethodGet, "/config/"+url.PathEscape(subject), nil)
	if json.Unmarshal(body, &c) != nil || c.Level == "" {
		return "BACKWARD"
	}
	return c.Level
}

// versions are the subject's versions, oldest first; query may ask for those that
// are deleted.
func (r *registry) versions(subject, query string) []string {
	var numbers []json.Number
	status, body := r.call(http.MethodGet, subjectPath(subject)+"/versions"+query, nil)
	if status != http.StatusOK || json.Unmarshal(body, &numbers) != nil {
		return nil
	}
	versions := make([]string, len(numbers))
	for i, n := range numbers {
		versions[i] = n.String()
	}
	return versions
}
