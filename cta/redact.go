package cta

import (
	"regexp"
	"strings"
)

// hidden replaces parts of an address that may contain a secret.
const hidden = "***"

// urlHost is a host with an optional port; both may be left out.
const urlHost = `(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)?(?::[0-9]{1,5})?`

var (
	// plainHost is a host with an optional port and path.
	plainHost = regexp.MustCompile(`^[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[\w./-]*)?$`)
	// urlScheme is what precedes "://", with JDBC's own prefix.
	urlScheme = regexp.MustCompile(`^(jdbc:)?[A-Za-z][A-Za-z0-9+.-]*$`)
	// urlPlace is a list of hosts with optional ports, and a path.
	urlPlace = regexp.MustCompile(`^` + urlHost + `(?:,` + urlHost + `)*(?:/[\w./%~+-]*)?`)
)

// Redacted returns a service's address for messages and logs: scheme, hosts, ports and
// path. Everything else, such as user, password and query, is replaced by ***. A text
// in which the password can't be located, such as "host=db password=…", is replaced
// whole. It never fails.
func Redacted(address string) string {
	scheme, rest, isURL := strings.Cut(address, "://")
	if !isURL {
		if address == "" || plainHost.MatchString(address) {
			return address
		}
		return hidden
	}
	if !urlScheme.MatchString(scheme) {
		return hidden
	}
	shown := scheme + "://"
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		// The password contains a query delimiter, or a parameter contains an @.
		if strings.ContainsAny(rest[:at], "?#;=") {
			return shown + hidden
		}
		shown += hidden + "@"
		rest = rest[at+1:]
	}
	place := urlPlace.FindString(rest)
	if more := rest[len(place):]; more != "" {
		if !strings.Contains(place, "/") && !strings.ContainsAny(more[:1], "?#;") {
			// No port follows the colon, so it may be a password.
			place, _, _ = strings.Cut(place, ":")
		}
		place += hidden
	}
	return shown + place
}
