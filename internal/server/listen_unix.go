//go:build unix

package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// SocketName is the Unix socket's name in the data directory. Whoever may open it acts as the owner of the data.
const SocketName = "consentline.sock"

// listenSocket makes the socket, which only the owner of the directory may open. The caller holds the directory's lock,
// so a socket that is there was left by a process that has ended.
func listenSocket(ctx context.Context, dir string) (net.Listener, error) {
	path := filepath.Join(dir, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	short, done, err := shortPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		// Linux gives the file the mode of the descriptor, so that it is never open to others, not even for a moment.
		return c.Control(func(fd uintptr) { _ = unix.Fchmod(int(fd), 0o600) }) // elsewhere Chmod below does it
	}}
	l, err := config.Listen(ctx, "unix", short)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by the short path, which holds only while listening begins
	return &socket{l, path}, nil
}

type socket struct {
	net.Listener
	path string
}

// Close stops listening and takes the socket away.
func (s *socket) Close() error {
	err := s.Listener.Close()
	if gone := os.Remove(s.path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// DialSocket connects to the server that runs on a data directory.
func DialSocket(ctx context.Context, dir string) (net.Conn, error) {
	short, done, err := shortPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	return (&net.Dialer{}).DialContext(ctx, "unix", short)
}

// maxSocketPath is what a socket's address has room for on every system: sun_path holds 104 bytes at the least.
const maxSocketPath = 100

// shortPath returns a path of the socket that fits into an address; it holds until done is called.
func shortPath(dir string) (path string, done func(), err error) {
	done = func() {}
	path = filepath.Join(dir, SocketName)
	if len(path) <= maxSocketPath {
		return path, done, nil
	}
	handle, err := os.Open(dir)
	if err != nil {
		return "", done, err
	}
	short := fmt.Sprintf("/proc/self/fd/%d/%s", handle.Fd(), SocketName)
	if _, err := os.Stat(filepath.Dir(short)); err != nil {
		return "", done, errors.Join(fmt.Errorf("the path %s is too long for a socket: use a data directory with a shorter one", path), handle.Close())
	}
	return short, func() { _ = handle.Close() }, nil // it was only read
}
