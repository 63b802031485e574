package embedded

import (
	"fmt"
	"os"
	"path/filepath"
)

// dirLock keeps a second process out of a data directory. The operating system
// gives it up when the process ends, however it ends.
type dirLock struct{ f *os.File }

func lockDir(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("embedded: data directory: %w", err)
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("embedded: data directory %s is used by another process: stop that, or choose another directory (%w)", dir, err)
	}
	return &dirLock{f}, nil
}

// release gives the directory free. The file stays: to remove it would let two
// processes hold locks on two files of the same name.
func (l *dirLock) release() error { return l.f.Close() }
