package embedded

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ownHosts serves h to requests that name this machine as their host. A web page of
// anywhere can have its own name lead to this machine, and would then count as the
// services' own page in a browser.
func ownHosts(h http.Handler, names []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own(r, names) {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fail(w, http.StatusMisdirectedRequest, http.StatusMisdirectedRequest,
			fmt.Sprintf("the host %q is none of this machine's: name it in the setting Hosts, or ask for localhost", r.Host))
	})
}

// own reports whether a request's host is a loopback name or address, the address
// that it came to, or one of names.
func own(r *http.Request, names []string) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(names, host) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if ip.Unmap().IsLoopback() {
		return true
	}
	at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	local, err := netip.ParseAddrPort(at.String())
	return err == nil && local.Addr().Unmap() == ip.Unmap()
}
