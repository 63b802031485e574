package cta

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"Clark/Lake":            "clark/lake",
		"Praça da Figueira":     "praca da figueira",
		"Ștefan cel Mare":       "stefan cel mare",
		"Bến Thành":             "ben thanh",
		"Đống Đa":               "dong da",
		"Ħamrun":                "hamrun",
		"Þingvellir":            "thingvellir",
		"ŁÓDŹ":                  "lodz",
		"Straße":                "strasse",
		"STRAẞE":                "strasse",
		"Ğ Çınar, İzmir":        "g cinar, izmir",
		"Cafe\u0301":            "cafe",
		"東京":                    "東京",
		"Σύνταγμα":              "σύνταγμα",
		"\xff":                  "\uFFFD",
		strings.Repeat("é", 99): strings.Repeat("e", 99),
	} {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}

// The table agrees with Unicode's decompositions of Latin letters.
func TestPlainAgreesWithUnicode(t *testing.T) {
	checked := 0
	for r := rune(0x80); r < 0x2000; r++ {
		parts := norm.NFKD.String(string(r))
		phonetic := 0x250 <= r && r < 0x1e00
		if !unicode.Is(unicode.Latin, r) || !unicode.IsLetter(r) || phonetic || parts == string(r) {
			continue
		}
		want := strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return unicode.ToLower(r)
		}, parts)
		if strings.Trim(want, "abcdefghijklmnopqrstuvwxyz") != "" {
			continue // n with an apostrophe, and the like
		}
		checked++
		if got := Plain(string(r)); got != want {
			t.Errorf("Plain(%q) = %q, want %q", r, got, want)
		}
	}
	if checked < 400 {
		t.Errorf("%d letters checked, want 400 or more", checked)
	}
}
