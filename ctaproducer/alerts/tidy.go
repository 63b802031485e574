package alerts

import (
	"slices"
	"strings"
	"unicode"

	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/internal/sheet"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Bounds of an alert's parts.
const (
	maxHeader      = 300  // bytes of a header
	maxDescription = 4000 // bytes of a description
	maxURL         = 1000 // bytes of a link
	maxLanguages   = 8
	maxAlerts      = 500 // of an answer
)

// tidy returns an alert with plain texts within bounds; ok is false if no text is left.
func tidy(a alert.Alert) (_ alert.Alert, ok bool) {
	a.Header, a.Description = plain(a.Header, maxHeader), plain(a.Description, maxDescription)
	if len(a.Header) == 0 {
		for _, t := range a.Description {
			a.Header = append(a.Header, alert.Text{Language: t.Language, Text: cut(t.Text, maxHeader)})
		}
	}
	var links []alert.Text
	for _, t := range a.URL {
		t.Language = language(t.Language)
		if t.Text = strings.TrimSpace(t.Text); len(t.Text) <= maxURL && alert.WebURL(t.Text) && len(links) < maxLanguages {
			links = append(links, t)
		}
	}
	a.URL = links
	a.Active = a.Active[:min(len(a.Active), alert.MaxParts)]
	for i, p := range a.Active {
		if p.Until > 0 && p.Until <= p.From { // the end is wrong, as the alert is still published
			a.Active[i].Until = 0
		}
	}
	a.Informed = a.Informed[:min(len(a.Informed), alert.MaxParts)]
	return a, a.Check() == nil
}

// language returns a language code without anything else.
func language(code string) string {
	if len(code) > 35 || strings.ContainsFunc(code, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	}) {
		return ""
	}
	return code
}

// plain returns texts without markup, each in up to most bytes, and leaves out those
// that are empty.
func plain(texts []alert.Text, most int) (list []alert.Text) {
	for _, t := range texts {
		if p := cut(unmarked(t.Text), most); p != "" && len(list) < maxLanguages {
			list = append(list, alert.Text{Language: language(t.Language), Text: p})
		}
	}
	return list
}

// cut returns s in up to most bytes, at a word's end.
func cut(s string, most int) string {
	const dots = "…"
	if len(s) <= most {
		return s
	}
	s = sheet.Cut(s, most-len(dots))
	if at := strings.LastIndexAny(s, " \n"); at > most/2 {
		s = s[:at]
	}
	return s + dots
}

// unmarked returns the text of HTML: paragraphs in lines, words with single spaces.
// Characters that a reader can't see are left out.
func unmarked(s string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(strings.ToValidUTF8(s, "\ufffd")))
	hidden := atom.Atom(0) // the element within which nothing is shown
	for {
		kind := z.Next()
		if kind == html.ErrorToken { // the end
			break
		}
		switch t := z.Token(); {
		case kind == html.EndTagToken && t.DataAtom == hidden:
			hidden = 0
		case hidden != 0:
		case kind == html.StartTagToken && slices.Contains([]atom.Atom{atom.Script, atom.Style, atom.Title, atom.Template, atom.Noscript}, t.DataAtom):
			hidden = t.DataAtom
		case kind == html.TextToken:
			b.WriteString(strings.Map(func(r rune) rune {
				switch {
				case unicode.IsSpace(r) && r != '\n':
					return ' '
				case !unicode.IsPrint(r) && r != '\n':
					return -1
				}
				return r
			}, t.Data))
		case slices.Contains([]atom.Atom{atom.P, atom.Br, atom.Div, atom.Li, atom.Ul, atom.Ol, atom.Tr, atom.Td, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6}, t.DataAtom):
			b.WriteByte('\n')
		}
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if words := strings.Fields(line); len(words) > 0 {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	return strings.Join(lines, "\n")
}
