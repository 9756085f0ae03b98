package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// ownAlone refuses a data directory into which others may write: whoever can put a file there can put their own
// database or key in the place of this one.
func ownAlone(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.IsDir() || runtime.GOOS == "windows" || info.Mode().Perm()&0o022 == 0) {
		return nil // what is not there is made for its owner alone; what is no directory is told by what opens it
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("others may write to the data directory %s (mode %04o): take that from them with chmod go-w %s", dir, info.Mode().Perm(), dir)
}
