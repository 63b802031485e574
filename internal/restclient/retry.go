package restclient

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
)

// ByStatus reports whether a retry may succeed, by the refusal's HTTP status alone.
func ByStatus(e *rest.Error) bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return e.Status >= http.StatusInternalServerError
}

// passes reports whether a retry may succeed.
func (c *Client) passes(err error) bool {
	if refused, ok := errors.AsType[*rest.Error](err); ok {
		return c.cfg.Passes(refused)
	}
	return errors.As(err, new(*noAnswer)) && untrusted(err) == ""
}

// Retry calls try until it succeeds, fails permanently, or limit is over. A missing answer
// is retried, and so are refusals that [Config.Passes] accepts. The error contains the
// number of tries; when ctx ends, it wraps ctx's error.
func (c *Client) Retry(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	err := c.Clock.Run(ctx, limit, func(err error) (after time.Duration, again bool) {
		if !c.passes(err) {
			return 0, false
		}
		c.ill(err)
		c.cfg.Retried()
		if refused, ok := errors.AsType[*rest.Error](err); ok {
			after = min(refused.After, time.Minute) // the caller waits
		}
		return after, true
	}, try)
	if err == nil {
		c.well()
	}
	return err
}

// maxSaid bounds the remembered reasons.
const maxSaid = 64

// ill logs a reason to wait, once until the service recovers. Reasons that differ only
// in numbers, such as ports, count as one.
func (c *Client) ill(err error) {
	reason := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, err.Error())
	c.mu.Lock()
	known := c.said[reason] || len(c.said) >= maxSaid
	c.said[reason] = true
	c.mu.Unlock()
	if !known {
		c.cfg.Log.Warn("waiting for the "+c.cfg.Service, "addr", cta.Redacted(c.base), "err", err)
	}
}

func (c *Client) well() {
	c.mu.Lock()
	was := len(c.said) > 0
	clear(c.said)
	c.mu.Unlock()
	if was {
		c.cfg.Log.Info("the "+c.cfg.Service+" answers again", "addr", cta.Redacted(c.base))
	}
}
