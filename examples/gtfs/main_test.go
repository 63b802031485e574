package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// Chicago becomes a folder, the folder a feed, and both tell the same.
func TestThereAndBack(t *testing.T) {
	dir := t.TempDir()
	folder, feed := filepath.Join(dir, "town"), filepath.Join(dir, "town.zip")
	told := func(args ...string) string {
		t.Helper()
		var out, notes bytes.Buffer
		if err := run(context.Background(), args, &out, &notes); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, notes.String())
		}
		return out.String()
	}
	before := told("-lines", "yellow,pink", "-day", "2026-10-07", "-o", folder)
	first := told("-day", "2026-10-07", "-o", feed, folder)
	if second := told("-day", "2026-10-07", feed); second != first {
		t.Errorf("the folder tells\n%s\nand the feed of it\n%s", first, second)
	}
	if !strings.Contains(before, "headways") || !strings.Contains(first, "Pink Line") || !strings.Contains(first, " trips ") {
		t.Errorf("Chicago tells\n%s\nand the folder\n%s", before, first)
	}
	if err := run(context.Background(), []string{"-lines", "yellow", "-o", folder}, &bytes.Buffer{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("over another network: %v", err)
	}
}
