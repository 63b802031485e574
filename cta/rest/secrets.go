package rest

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// Secrets removes passwords from texts that come from outside: Kafka Connect
// echoes the configuration that it was given in some of its errors.
type Secrets struct {
	values []string // as they are, and in the ways that texts hold them
	keep   string   // never part of a secret, though a password may be a part of it
}

// Keep names a text that stays as it is, even where it holds a secret.
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
	// passwordMember is a member of JSON, of a Java map's text or of a properties file.
	passwordMember = regexp.MustCompile(`(?i)([\w.]*password\\?"?\s*[:=]\s*)(\\?"(?:[^"\\]|\\.)*"|[^,;}&\s]+)`)
	// userInfo is the part of a URL before its host.
	userInfo = regexp.MustCompile(`(://[^/\s:@"]*:)[^/\s@"]+@`)
)

// Scrub returns text without secrets: the known ones, and whatever stands where
// a password is expected.
func (s Secrets) Scrub(text string) string {
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
