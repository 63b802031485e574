package embedded

import (
	"log/slog"
	"net/http"
)

type proxy struct{}

func newProxy(broker, registry string, log *slog.Logger) *proxy { return &proxy{} }

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
func (p *proxy) Close() error                                     { return nil }
