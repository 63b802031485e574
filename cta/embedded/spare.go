package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
)

// spare keeps the compacted partitions of a broker's data directory while kfake rewrites
// them. kfake deletes a partition's files first, and then writes the new ones. After a
// kill in between, the broker's next start restores the spare files. They are links:
// kfake creates new files instead of changing these, and appends nothing while it
// compacts. One name decides whether they are valid.
type spare struct {
	dir string // the broker's; empty when it's in memory
}

func (s spare) path() string            { return filepath.Join(s.dir, "compacting") }
func (s spare) partitions() string      { return filepath.Join(s.dir, "partitions") }
func (s spare) beside(of string) string { return s.path() + of }

// keep makes the spare files of partitions. They count once the directory has its name.
func (s spare) keep(partitions map[string][]int32) error {
	if s.dir == "" {
		return nil
	}
	fresh := s.beside(".new")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	for topic, numbers := range partitions {
		for _, n := range numbers {
			name := fmt.Sprintf("%s-%d", url.PathEscape(topic), n)
			if err := linkAll(filepath.Join(s.partitions(), name), filepath.Join(fresh, name)); err != nil {
				return err
			}
		}
	}
	return os.Rename(fresh, s.path())
}

// linkAll makes a directory with the files of another one, which may be missing.
func linkAll(from, to string) error {
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		err = errors.Join(err, os.Link(filepath.Join(from, f.Name()), filepath.Join(to, f.Name())))
	}
	return err
}

// drop deletes the spare files, from when on the new ones count.
func (s spare) drop(log *slog.Logger) {
	if s.dir == "" {
		return
	}
	done := s.beside(".done")
	if err := os.Rename(s.path(), done); err != nil {
		log.Error("embedded broker: the files from before a compaction are still there; delete them before the next start, which would go back to them",
			"dir", s.path(), "err", err)
	} else if err := os.RemoveAll(done); err != nil {
		log.Warn("embedded broker: files from before a compaction are left", "dir", done, "err", err)
	}
}

// restore puts back what a compaction that was cut short may have lost.
func (s spare) restore() error {
	partitions, err := os.ReadDir(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, p := range partitions {
		to := filepath.Join(s.partitions(), p.Name())
		err = errors.Join(err, os.RemoveAll(to))
		if err == nil { // else the next start tries again
			err = os.Rename(filepath.Join(s.path(), p.Name()), to)
		}
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(s.path())
}
