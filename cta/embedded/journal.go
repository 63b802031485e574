package embedded

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// journal is a file of the changes made to the registry, one JSON object a
// line, in order. Made again in that order they give the same registry, with
// the same ids. The first line is the format's version.
type journal struct {
	f   *os.File
	end int64 // where the last whole line ends
}

// change is one request that changed the registry.
type change struct {
	Method string          `json:"method"`
	Path   string          `json:"path"` // with its query
	Body   json.RawMessage `json:"body,omitempty"`
}

type journalHeader struct {
	Version int `json:"version"`
}

// journalVersion is the version written, and the only one read.
const journalVersion = 1

// openJournal opens the journal at path, applies its changes, and leaves it ready for
// more. An incomplete last line is cut off: its change was not acknowledged.
func openJournal(path string, apply func(change) error) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	j := &journal{f: f}
	if err := j.load(apply); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return j, nil
}

func (j *journal) replay(apply func(change) error) error {
	_, err := readChanges(io.NewSectionReader(j.f, 0, j.end), apply)
	return err
}

func (j *journal) load(apply func(change) error) (err error) {
	if j.end, err = readChanges(j.f, apply); err != nil {
		return err
	}
	if err := j.f.Truncate(j.end); err != nil {
		return err
	}
	if j.end == 0 {
		return j.write(journalHeader{journalVersion})
	}
	return nil
}

// readChanges makes the changes of a journal's whole lines, and returns where they end.
func readChanges(from io.Reader, apply func(change) error) (end int64, err error) {
	in := bufio.NewReader(from)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return end, err
		}
		if n == 1 {
			var h journalHeader
			if err := json.Unmarshal(line, &h); err != nil {
				return end, fmt.Errorf("line 1: %w", err)
			}
			if h.Version != journalVersion {
				return end, fmt.Errorf("format %d, want %d: it was written by another version of this program", h.Version, journalVersion)
			}
		} else {
			var c change
			if err := json.Unmarshal(line, &c); err != nil {
				return end, fmt.Errorf("line %d: %w", n, err)
			}
			if err := apply(c); err != nil {
				return end, fmt.Errorf("line %d: %w", n, err)
			}
		}
		end += int64(len(line))
	}
}

// append writes a change down, on disk when it returns.
func (j *journal) append(c change) error {
	if len(bytes.TrimSpace(c.Body)) == 0 {
		c.Body = nil
	}
	return j.write(c)
}

func (j *journal) write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	// Written at the end of the last whole line, so that what a failed write has
	// left of its own is overwritten by the next.
	n, err := j.f.WriteAt(append(line, '\n'), j.end)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		return errors.Join(err, j.f.Truncate(j.end))
	}
	j.end += int64(n)
	return nil
}
