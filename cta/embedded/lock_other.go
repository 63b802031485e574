//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package embedded

import "os"

// lockFile does nothing where the standard library has no such lock.
func lockFile(*os.File) error { return nil }
