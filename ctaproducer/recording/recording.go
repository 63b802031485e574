// Package recording keeps the raw answers of sources of trains, and plays them back.
//
// A recording is a folder of files that tar and gzip read, such as
// 20261007T120000.000Z.tar.gz. There is a new file each hour, and at each start. Each
// entry is an answer as it came: its name is the time, in UTC, and the feed. A file that
// was cut short, as by a kill, is read as far as it goes.
package recording

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Answer is an answer of a feed, and when it came.
type Answer struct {
	Feed string // such as "vehicles": no space, no slash
	Came time.Time
	Body []byte
}

const (
	layout   = "20060102T150405.000Z"
	suffix   = ".tar.gz"
	rotation = time.Hour
	maxBody  = 64 << 20 // bytes
)

// Recorder writes a recording. It is safe for concurrent use. The zero value isn't
// ready: use [New].
type Recorder struct {
	dir string

	mu    sync.Mutex
	file  *os.File
	zip   *gzip.Writer
	tar   *tar.Writer
	until time.Time // of the file
}

// New returns a recorder that writes into a folder, which it creates.
func New(dir string) (*Recorder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return &Recorder{dir: dir}, nil
}

// Add writes an answer. It is in the file when Add returns.
func (r *Recorder) Add(a Answer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.add(a)
	if err != nil {
		return fmt.Errorf("recording: %w", errors.Join(err, r.close())) // the next answer begins another file
	}
	return nil
}

func (r *Recorder) add(a Answer) error {
	came := a.Came.UTC()
	if r.file == nil || !came.Before(r.until) {
		if err := r.close(); err != nil {
			return err
		}
		file, err := os.OpenFile(filepath.Join(r.dir, came.Format(layout)+suffix), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		r.file, r.until = file, came.Truncate(rotation).Add(rotation)
		r.zip = gzip.NewWriter(file)
		r.tar = tar.NewWriter(r.zip)
	}
	header := &tar.Header{Name: came.Format(layout) + " " + a.Feed, Mode: 0o644, Size: int64(len(a.Body)), ModTime: came.Truncate(time.Second)}
	if err := r.tar.WriteHeader(header); err != nil {
		return err
	}
	if _, err := r.tar.Write(a.Body); err != nil {
		return err
	}
	return errors.Join(r.tar.Flush(), r.zip.Flush())
}

// Close completes the last file. A later Add begins another.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.close(); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return nil
}

func (r *Recorder) close() error {
	if r.file == nil {
		return nil
	}
	err := errors.Join(r.tar.Close(), r.zip.Close(), r.file.Close())
	r.file = nil
	return err
}

// ErrNoAnswer is a recording without any answer of the feeds that Play was asked for.
var ErrNoAnswer = errors.New("recording: no answer")

// Play calls take with each answer of a recording, in order, at the recording's pace
// times speed; math.Inf(1) is as fast as take allows. With feeds, take gets only their
// answers. Play returns nil at the end and when ctx ends, or an error: [ErrNoAnswer] for
// a recording without such answers, or the first error of take or of a file.
func Play(ctx context.Context, dir string, speed float64, take func(Answer) error, feeds ...string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	if len(files) == 0 {
		return fmt.Errorf("recording: folder %s contains no recording (no file *%s)", dir, suffix)
	}
	slices.Sort(files)
	var first, begun time.Time
	taken := len(feeds) == 0
	for _, file := range files {
		err := read(file, func(a Answer) error {
			if first.IsZero() {
				first, begun = a.Came, time.Now()
			}
			due := begun.Add(time.Duration(float64(a.Came.Sub(first)) / speed))
			if wait := time.Until(due); wait > 0 {
				if err := retry.Pause(ctx, wait); err != nil {
					return err
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if len(feeds) > 0 && !slices.Contains(feeds, a.Feed) {
				return nil
			}
			taken = true
			return take(a)
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if !taken {
		return ErrNoAnswer
	}
	return nil
}

// read calls take with each answer of a file.
func read(name string, take func(Answer) error) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	defer file.Close()
	cut := func(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
	zip, err := gzip.NewReader(file)
	if cut(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recording: %s: %w", name, err)
	}
	for r := tar.NewReader(zip); ; {
		header, err := r.Next()
		var body []byte
		if err == nil {
			if header.Size > maxBody {
				return fmt.Errorf("recording: %s: %s has over %d bytes", name, header.Name, maxBody)
			}
			body, err = io.ReadAll(r)
		}
		if cut(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("recording: %s: %w", name, err)
		}
		stamp, feed, _ := strings.Cut(header.Name, " ")
		came, err := time.Parse(layout, stamp)
		if err != nil {
			return fmt.Errorf("recording: %s: entry %q, want a time as %s and a feed", name, header.Name, layout)
		}
		if err := take(Answer{feed, came, body}); err != nil {
			return err
		}
	}
}
