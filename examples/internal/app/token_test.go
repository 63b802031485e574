package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A token is that of now, from a file or a command; a command that fails is quoted.
func TestTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	for _, want := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := tokenFile(file).Token(t.Context()); err != nil || got.Value != want {
			t.Errorf("file: %+v, %v, want %s", got, err, want)
		}
		if got, err := tokenCommand("cat '" + file + "'").Token(t.Context()); err != nil || got.Value != want {
			t.Errorf("command: %+v, %v, want %s", got, err, want)
		}
	}
	if _, err := tokenFile(file + ".none").Token(t.Context()); err == nil {
		t.Error("no error without a file")
	}
	if _, err := tokenCommand("echo denied >&2; exit 3").Token(t.Context()); err == nil || !strings.Contains(err.Error(), "denied") || !strings.Contains(err.Error(), "-sasl-token-command") {
		t.Errorf("command that fails: %v", err)
	}
}

// The shell ends with ctx. A pipeline of its children may keep its output open.
func TestTokenCommandEndsWithItsContext(t *testing.T) {
	begun := filepath.Join(t.TempDir(), "begun")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := tokenCommand("sleep 30 | (touch '" + begun + "'; cat)").Token(ctx)
		ended <- err
	}()
	for _, err := os.Stat(begun); err != nil; _, err = os.Stat(begun) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error without a token")
		}
	case <-time.After(20 * time.Second):
		t.Error("the command is still waited for")
	}
}
