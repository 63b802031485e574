package stations

import (
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// asServerUser makes a command run as a user that PostgreSQL accepts, which root
// is not, and end with this process. It returns the user's id.
func asServerUser(cmd *exec.Cmd) (uid int, err error) {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.SysProcAttr = attr
	if uid = syscall.Getuid(); uid != 0 {
		return uid, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return 0, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return uid, nil
}
