package cta_test

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
)

func TestRedacted(t *testing.T) {
	for _, c := range []struct{ address, want string }{
		{"http://127.0.0.1:8081", "http://127.0.0.1:8081"},
		{"https://registry.example.org/api/v1/", "https://registry.example.org/api/v1/"},
		{"http://[::1]:8081", "http://[::1]:8081"},
		{"connect:8083", "connect:8083"},
		{"", ""},
		{"http://u:secret@registry:8081", "http://***@registry:8081"},
		{"http://token@registry:8081", "http://***@registry:8081"},
		{"postgres://u:se/cr@et@db:5432/cta", "postgres://***@db:5432/cta"},
		{"postgres://u:secret@db1:5432,db2:5433/cta?sslmode=nonsense", "postgres://***@db1:5432,db2:5433/cta***"},
		{"postgres:///cta?host=db&password=secret", "postgres:///cta***"},
		{"postgres://db/cta?password=sec@ret", "postgres://***"},
		{"postgres://u:12?34@db/cta", "postgres://***"},
		{"postgres://db:secret/cta", "postgres://db***"},
		{"postgres://db:12secret/cta", "postgres://db***"},
		{"postgres://u:secret@db:port/cta", "postgres://***@db***"},
		{"jdbc:postgresql://db:5432/cta?user=u&password=secret", "jdbc:postgresql://db:5432/cta***"},
		{"jdbc:sqlserver://db:1433;password=secret", "jdbc:sqlserver://db:1433***"},
		{"host=db user=u password=secret dbname=cta", "***"},
		{"user:secret@db:5432", "***"},
		{"user:secret", "***"},
	} {
		if got := cta.Redacted(c.address); got != c.want {
			t.Errorf("%q: %q, want %q", c.address, got, c.want)
		}
	}
}

// secretForms are addresses with a password in place of %s.
var secretForms = []string{
	"postgres://user:%s@host:5432/base",
	"postgres://user:%s@host:port/base",
	"postgres://user:%s@/base?host=host&sslmode=nonsense",
	"postgres://user:%s@[::1",
	"postgres://:%s@host/base",
	"postgresql://user@/base?host=host&password=%s",
	"postgresql://host/base?password=%s&sslmode=nonsense",
	"postgresql://host/base#password=%s",
	"jdbc:postgresql://host:5432/base?user=user&password=%s",
	"jdbc:postgresql:base?password=%s",
	"jdbc:sqlserver://host:1433;password=%s",
	"host=host user=user password=%s dbname=base",
	"host=host password = '%s'",
	"user:%s@host:5432",
	"//user:%s@host:8081",
	"http://user:%s@host:8081",
	"http://%s@host:8081/path",
	"http://user:%s@",
	"http://host:8081/?basic.auth.user.info=user:%s",
}

// No form of an address reveals its password, whatever characters the password has.
func TestRedactedHidesPasswords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.SampledFrom(secretForms).Draw(t, "form")
		// Letters that occur in no form, and all characters with a meaning in
		// addresses.
		password := rapid.StringOf(rapid.SampledFrom([]rune("QXZ@/?#:;=&%'\" \\[],é"))).Draw(t, "password")
		address := strings.Replace(form, "%s", "Q"+password+"Z", 1)
		if got := cta.Redacted(address); strings.ContainsAny(got, "QXZ") {
			t.Fatalf("%q is shown as %q", address, got)
		}
	})
}

func FuzzRedacted(f *testing.F) {
	for i := range secretForms {
		f.Add(uint8(i), "s3cret")
	}
	f.Fuzz(func(t *testing.T, form uint8, password string) {
		if !strings.ContainsFunc(password, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			t.Skip("all of it may be in the rest of an address, such as //")
		}
		before := secretForms[int(form)%len(secretForms)]
		address := strings.Replace(before, "%s", password, 1)
		got := cta.Redacted(address)
		shown := strings.ReplaceAll(got, "***", "\x00")
		if strings.Contains(shown, password) && !strings.Contains(before, password) && !strings.Contains(password, "\x00") {
			t.Errorf("%q is shown as %q", address, got)
		}
	})
}
