package embedded

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir keeps a second process out of a data directory until the file is closed. The
// operating system closes it when the process ends, however it ends. The file stays: to
// remove it would let two processes hold locks on two files of the same name.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("embedded: data directory: %w", err)
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("embedded: data directory %s is used by another process: stop that, or choose another directory (%w)", dir, err)
	}
	return f, nil
}
