// Package app is the common part of the example programs: flags with environment
// variables, the choice of services, a clean end.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/services"
)

// Leave is the time that a program has for its clean end after the first Ctrl+C.
const Leave = 5 * time.Second

// Program is one example program.
type Program struct {
	Name  string // as in "go run ./examples/<name>"
	About string // a sentence or two for -h
	Flags Group  // the groups of flags it has, beside those of the services
	// Network returns the network of the program. Default: [cta.Chicago].
	Network func() (*cta.Network, error)
	// Services is the default of -services. Default: auto.
	Services string
	// Run does the work until ctx ends. Nothing is started before Run asks s for it.
	Run func(ctx context.Context, s *Settings) error
}

// usageError is a fault in the command line: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Main runs p as the whole process and ends it: with code 0 after a clean end, 2 after
// a wrong flag, else 1 with one message. A second signal ends it at once.
func Main(p Program) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop() // from here on a signal has its usual effect
		time.AfterFunc(Leave, func() {
			fmt.Fprintf(os.Stderr, "%s: did not stop within %v; exiting\n", p.Name, Leave)
			os.Exit(1)
		})
	})
	os.Exit(p.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Main runs p with those arguments until ctx ends, and returns the exit code.
func (p Program) Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	network := cta.Chicago()
	if p.Network != nil {
		var err error
		if network, err = p.Network(); err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
			return 1
		}
	}
	s, err := p.parse(network, args, os.Getenv, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		if _, ok := errors.AsType[*cta.DataError](err); ok {
			return 1 // the flags are right, the network isn't
		}
		fmt.Fprintln(stderr, "(run with -h to see every flag)")
		return 2
	}
	if s.ask {
		err = s.askReady(ctx)
	} else {
		err = p.Run(ctx, s)
		err = errors.Join(err, s.close())
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // told to end, and did
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
	if errors.As(err, new(usageError)) {
		return 2
	}
	if down, ok := errors.AsType[*cta.ServiceError](err); ok && flagOf[down.Service] != "" {
		fmt.Fprintf(stderr, "(set its address with %s)\n", flagOf[down.Service])
	}
	return 1
}

// flagOf is the flag that gives a service's address: the library's errors name none.
var flagOf = map[string]string{
	"schema registry": "-registry", "REST Proxy": "-rest-proxy", "Kafka Connect": "-connect", "ksqlDB": "-ksql", "PostgreSQL": "-postgres",
	"Train Tracker": "-train-tracker",
}

// Close closes side by side what may wait for a service, a few seconds each: there is no time
// for one after the other.
func Close(all ...io.Closer) error {
	var parts []func(context.Context) error
	for _, c := range all {
		parts = append(parts, func(context.Context) error { return c.Close() })
	}
	return services.Together(context.Background(), parts...)
}

// newLog writes one line an event, without the date: a terminal's log.
func newLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.String(slog.TimeKey, a.Value.Time().Format("15:04:05.000"))
			}
			return a
		},
	}))
}
