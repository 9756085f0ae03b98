package csvfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"

	"github.com/consentline/consentline/internal/sync"
)

// folder is a sink in the server's files, below its folder of exports and nowhere else.
type folder struct{ path string }

var folderName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func openFolder(c *sync.Config) (sink, error) {
	if !folderName.MatchString(c.Settings["folder"]) {
		return nil, &sync.InvalidError{Field: "folder", Reason: "want a name of a-z, 0-9, dash and underscore"}
	}
	if c.Clients.Exports == "" {
		return nil, &sync.InvalidError{Field: "folder", Reason: "this server has no folder of its own: give a bucket_url"}
	}
	return folder{filepath.Join(c.Clients.Exports, c.Settings["folder"])}, nil
}

// put writes a file beside and moves it into place, so that nobody reads half of it; a crash leaves the one beside, which
// the next writing of the same name replaces.
func (f folder) put(_ context.Context, name string, content []byte) error {
	if err := f.write(name, content); err != nil {
		var path *os.PathError
		reason := "the file cannot be written"
		if errors.As(err, &path) {
			reason += ": " + path.Err.Error()
		}
		return &sync.LaterError{Code: "folder", Reason: reason, All: true}
	}
	return nil
}

func (f folder) write(name string, content []byte) error {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return err
	}
	part := filepath.Join(f.path, "."+name+".part")
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(part, filepath.Join(f.path, name)); err != nil {
		return err
	}
	at, err := os.Open(f.path)
	if err != nil {
		return err
	}
	return errors.Join(at.Sync(), at.Close()) // else the name may be lost with the power
}
