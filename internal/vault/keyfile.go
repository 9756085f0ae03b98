package vault

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const keyFileHeader = "consentline master key 1\n"

// ReadKeyFile reads a master key from a file that others than its owner may not read.
func ReadKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("master key %s may be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	encoded, ok := bytes.CutPrefix(text, []byte(keyFileHeader))
	if !ok {
		return nil, fmt.Errorf("master key %s: want a file that begins with %q", path, keyFileHeader[:len(keyFileHeader)-1])
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(encoded)))
	if err != nil || len(key) != KeySize {
		return nil, fmt.Errorf("master key %s: want %d bytes in base64 on the second line", path, KeySize)
	}
	return key, nil
}

// CreateKeyFile draws a master key and writes it to a new file with mode 0600; it never replaces a file. The file is
// on disk before the function returns: data sealed with a lost key is lost.
func CreateKeyFile(path string) ([]byte, error) {
	key := make([]byte, KeySize)
	random(key)
	if err := WriteKeyFile(path, key); err != nil {
		return nil, err
	}
	return key, nil
}

// WriteKeyFile writes a master key to a new file as CreateKeyFile does, for a deployment that moves.
func WriteKeyFile(path string, key []byte) error {
	text := keyFileHeader + base64.StdEncoding.EncodeToString(key) + "\n"
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create master key: %w", err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("create master key: %w", err)
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ReadOrCreateKeyFile reads the master key, or creates it where there is none yet.
func ReadOrCreateKeyFile(path string) (key []byte, created bool, err error) {
	key, err = ReadKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = CreateKeyFile(path)
		return key, err == nil, err
	}
	return key, false, err
}
