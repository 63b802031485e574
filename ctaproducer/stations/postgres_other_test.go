//go:build !linux

package stations

import (
	"errors"
	"os/exec"
)

func asServerUser(*exec.Cmd) (int, error) {
	return 0, errors.New("no PostgreSQL is started on this system: give one by CTALIVE_POSTGRES")
}
