package restclient

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// Secrets removes passwords from foreign texts: some errors of Kafka Connect echo the
// configuration they were sent.
type Secrets struct {
	values []string // as they are, and as encoded in texts
	keep   string   // never treated as a secret, even if it contains a password
}

// Keep excludes a text from scrubbing, even where it contains a secret.
func (s *Secrets) Keep(text string) { s.keep = text }

// Hide adds a secret.
func (s *Secrets) Hide(secret string) {
	if secret == "" {
		return
	}
	quoted, _ := json.Marshal(secret)
	s.values = append(s.values[:len(s.values):len(s.values)], secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`))
}

const masked = "***"

var (
	// passwordMember matches a member of JSON, of a Java map's text or of a properties file.
	passwordMember = regexp.MustCompile(`(?i)([\w.]*password\\?"?\s*[:=]\s*)(\\?"(?:[^"\\]|\\.)*"|[^,;}&\s]+)`)
	// userInfo matches the part of a URL before its host.
	userInfo = regexp.MustCompile(`(://[^/\s:@"]*:)[^/\s@"]+@`)
)

// Scrub returns text without secrets: the known ones, and any value where a password is
// expected.
func (s Secrets) Scrub(text string) string {
	for _, v := range s.values {
		if s.keep != "" && strings.Contains(v, s.keep) {
			text = strings.ReplaceAll(text, v, masked)
		}
	}
	parts := []string{text}
	if s.keep != "" {
		parts = strings.Split(text, s.keep)
	}
	for i, part := range parts {
		for _, v := range s.values {
			part = strings.ReplaceAll(part, v, masked)
		}
		parts[i] = part
	}
	text = strings.Join(parts, s.keep)
	text = passwordMember.ReplaceAllString(text, "${1}"+masked)
	return userInfo.ReplaceAllString(text, "${1}"+masked+"@")
}
