package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// owner tells other processes who holds the directory's lock. It is a courtesy: the lock alone decides.
type owner struct {
	PID    int       `json:"pid"`
	Listen string    `json:"listen,omitempty"` // of a server
	Since  time.Time `json:"since"`
}

func ownerPath(dir string) string { return filepath.Join(dir, "owner.json") }

// own writes down that this process, which holds the lock, is the owner; leave takes that away.
func own(dir string, since time.Time, listen string) (leave func() error, err error) {
	path := ownerPath(dir)
	leave = func() error {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := json.Marshal(owner{os.Getpid(), listen, since.UTC().Truncate(time.Second)})
	if err != nil {
		return leave, err
	}
	return leave, os.WriteFile(path, append(text, '\n'), 0o600)
}

// ownerOf reads who holds the lock of a directory; ok is false if nobody has written it down.
func ownerOf(dir string) (o owner, ok bool) {
	text, err := os.ReadFile(ownerPath(dir))
	return o, err == nil && json.Unmarshal(text, &o) == nil
}

// describeOwner adds to the error of a lock that is taken who has taken it.
func describeOwner(dir string, inUse error) error {
	o, ok := ownerOf(dir)
	if !ok {
		return inUse
	}
	what := "a command"
	if o.Listen != "" {
		what = "a server that listens on " + o.Listen
	}
	return fmt.Errorf("%w: it belongs to process %d, %s, since %s", inUse, o.PID, what, o.Since.Local().Format(time.DateTime))
}
