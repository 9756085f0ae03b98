//go:build unix && !linux

package pgtest

import "os/exec"

// dieWithParent does nothing: only Linux ends a process with its parent. Remove does it.
func dieWithParent(*exec.Cmd) {}
