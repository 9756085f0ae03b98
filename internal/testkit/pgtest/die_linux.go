package pgtest

import (
	"os/exec"
	"syscall"
)

// dieWithParent lets no server outlive the tests, however they end.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT }
