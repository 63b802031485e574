package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// tokenFile is a file with a token, which somebody else keeps fresh: it is read for
// each connection.
type tokenFile string

// Token reads the file.
func (f tokenFile) Token(context.Context) (kafka.Token, error) {
	b, err := os.ReadFile(string(f))
	return kafka.Token{Value: string(bytes.TrimSpace(b))}, err
}

// tokenCommand is a command of the shell that prints a token.
type tokenCommand string

// Token runs the command. Its standard error is the error's text.
func (c tokenCommand) Token(ctx context.Context) (kafka.Token, error) {
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, shell, flag, string(c))
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = 100 * time.Millisecond // then not for the shell's children, which may outlive it
	if err := cmd.Run(); err != nil {
		last := strings.TrimSpace(said.String())
		return kafka.Token{}, fmt.Errorf("-sasl-token-command: %w: %s", err, cmp.Or(last[strings.LastIndexByte(last, '\n')+1:], "no message"))
	}
	return kafka.Token{Value: strings.TrimSpace(out.String())}, nil
}
