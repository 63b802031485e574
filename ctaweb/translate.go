package ctaweb

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// languageCookie remembers the language that a reader has chosen on a page.
const languageCookie = "ctalive_language"

// translate returns a status in another language, which shares everything without words.
func (l *language) translate(net *cta.Network, st *Status) *Status {
	own := *st
	own.Alerts = l.notified(st.Alerts)
	own.Lines = make([]*LineStatus, len(st.Lines))
	for i, from := range st.Lines {
		to := *from
		to.Towards = Towards{l.towards(from.Towards.A), l.towards(from.Towards.B)}
		to.Directions = l.of(from.Mode).directions(net, from.called(), from.Directions, st.AsOf)
		to.Trains = l.trains(from.Trains)
		own.Lines[i] = &to
	}
	return &own
}

func (l *language) directions(net *cta.Network, line string, of []DirectionStatus, now time.Time) []DirectionStatus {
	own := make([]DirectionStatus, len(of))
	for i, d := range of {
		d.Towards = l.towards(d.Towards)
		d.Sentence = l.sentence(net, line, d.Facts, now)
		own[i] = d
	}
	return own
}

func (l *language) trains(of []*Train) []*Train {
	own := make([]*Train, len(of))
	for i, t := range of {
		own[i] = t
		if towards := l.towards(t.Towards); towards != t.Towards {
			other := *t
			other.Towards = towards
			own[i] = &other
		}
	}
	return own
}

// language returns the language for a request: by the query's lang, the cookie,
// Accept-Language, or the first. A choice in the address of a page is stored in the
// cookie.
func (h *Handler) language(w http.ResponseWriter, r *http.Request) *language {
	if len(h.languages) == 1 {
		return h.languages[0]
	}
	w.Header().Add("Vary", "Accept-Language, Cookie")
	if l := h.spoken(r.URL.Query().Get("lang")); l != nil {
		return l
	}
	if c, err := r.Cookie(languageCookie); err == nil {
		if l := h.spoken(c.Value); l != nil {
			return l
		}
	}
	best, most := h.languages[0], 0.0
	for field := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		code, params, _ := strings.Cut(field, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64) // 0, which is none, if it isn't a number
		}
		if l := h.spoken(strings.TrimSpace(code)); l != nil && weight > most {
			best, most = l, weight
		}
	}
	return best
}

// spoken is the language of a code, or of the same without its region; nil when
// there is none. Some browsers write es_MX for es-MX.
func (h *Handler) spoken(code string) *language {
	for code = strings.ReplaceAll(code, "_", "-"); code != ""; code = code[:max(strings.LastIndexByte(code, '-'), 0)] {
		for _, l := range h.languages {
			if strings.EqualFold(l.code, code) {
				return l
			}
		}
	}
	return nil
}

// remember keeps a language that was asked for in the address of a page.
func (h *Handler) remember(w http.ResponseWriter, r *http.Request) {
	if l := h.spoken(r.URL.Query().Get("lang")); l != nil && len(h.languages) > 1 {
		setCookie(w, r, languageCookie, l.code)
	}
}

// setCookie keeps a choice of a reader for a year.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	// Where the handler is mounted, as far as the request shows. A proxy may request the
	// whole address, and may end TLS.
	full := r.RequestURI
	if u, err := url.ParseRequestURI(full); err == nil {
		full = u.EscapedPath()
	}
	path := strings.TrimSuffix(full, r.URL.EscapedPath()) + "/"
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}
