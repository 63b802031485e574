package cta

import (
	"strings"
	"unicode"
)

// Plain returns text in lower case, with Latin letters reduced to a to z and combining
// marks removed: "Đống Đa" is "dong da", "Þingvellir" is "thingvellir". Other scripts
// are unchanged.
func Plain(text string) string {
	if isPlain(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		switch r = unicode.ToLower(r); {
		case r < unicode.MaxASCII:
			b.WriteByte(byte(r))
		case unicode.Is(unicode.Mn, r):
		default:
			if letters, ok := latin[r]; ok {
				b.WriteString(letters)
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// latin maps each lower-case Latin letter beyond ASCII to its plain form: the base
// letter of its Unicode decomposition, or the usual transliteration.
var latin = func() map[rune]string {
	m := make(map[rune]string, 300)
	for plain, letters := range map[string]string{
		"a":  "ªàáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ",
		"ae": "æǣǽ",
		"b":  "ḃḅḇɓ",
		"c":  "çćĉċčḉ",
		"d":  "ďđðḋḍḏḑḓɗ",
		"dz": "ǆǳ",
		"e":  "èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệə",
		"f":  "ḟ",
		"g":  "ĝğġģǥǧǵḡ",
		"h":  "ĥħȟḣḥḧḩḫẖ",
		"i":  "ìíîïĩīĭįıǐȉȋḭḯỉị",
		"ij": "ĳ",
		"j":  "ĵǰ",
		"k":  "ķƙǩḱḳḵ",
		"l":  "ĺļľŀłḷḹḻḽ",
		"lj": "ǉ",
		"m":  "ḿṁṃ",
		"n":  "ñńņňŋǹṅṇṉṋ",
		"nj": "ǌ",
		"o":  "ºòóôõöøōŏőơǒǫǭǿȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ",
		"oe": "œ",
		"p":  "ṕṗ",
		"r":  "ŕŗřȑȓṙṛṝṟ",
		"s":  "śŝşšſșṡṣṥṧṩẛ",
		"ss": "ß",
		"t":  "ţťŧțṫṭṯṱẗ",
		"th": "þ",
		"u":  "ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự",
		"v":  "ṽṿ",
		"w":  "ŵẁẃẅẇẉẘ",
		"x":  "ẋẍ",
		"y":  "ýÿŷȳẏẙỳỵỷỹ",
		"z":  "źżžƶẑẓẕ",
	} {
		for _, r := range letters {
			m[r] = plain
		}
	}
	return m
}()
