package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrFileChanged means that a checkpoint was written for another file, or for this one before it was changed.
var ErrFileChanged = errors.New("the file is not the one that the checkpoint was written for")

// ErrPlanChanged means that a checkpoint was written by a run with other settings.
var ErrPlanChanged = errors.New("the checkpoint was written with other settings")

const (
	checkpointVersion = 1
	fingerprinted     = 64 << 10
)

// Fingerprint tells one file from another without reading it all: its size, and SHA-256 of its first and last 64 KiB.
type Fingerprint struct {
	Size int64  `json:"size"`
	Head string `json:"head"`
	Tail string `json:"tail"`
}

// FingerprintOf reads both ends of a file of the given size.
func FingerprintOf(file io.ReaderAt, size int64) (Fingerprint, error) {
	head, err := hashPart(file, 0, min(size, fingerprinted))
	if err != nil {
		return Fingerprint{}, err
	}
	tail, err := hashPart(file, max(0, size-fingerprinted), min(size, fingerprinted))
	if err != nil {
		return Fingerprint{}, err
	}
	return Fingerprint{Size: size, Head: head, Tail: tail}, nil
}

func hashPart(file io.ReaderAt, offset, length int64) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(file, offset, length))
	if err != nil {
		return "", fmt.Errorf("fingerprint: %w", err)
	}
	if n != length {
		return "", fmt.Errorf("fingerprint: %w", io.ErrUnexpectedEOF)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Counts is what an import has done so far, in rows.
type Counts struct {
	Read       int64 `json:"read"`
	Accepted   int64 `json:"accepted"`
	Duplicates int64 `json:"duplicates"`
	Skipped    int64 `json:"skipped"`
	Rejected   int64 `json:"rejected"`
}

// Checkpoint is how far an import has come: every row up to Row is done, and the next begins at Offset.
type Checkpoint struct {
	Version int         `json:"version"`
	File    Fingerprint `json:"file"`
	Plan    string      `json:"plan"` // dialect and settings, in a form of the caller's that changes when they do
	Row     int64       `json:"row"`
	Offset  int64       `json:"offset"`
	Counts  Counts      `json:"counts"`

	Rejected map[string]int `json:"rejected,omitempty"` // reasons so far, by code
	Skipped  map[string]int `json:"skipped,omitempty"`  // by code
}

// Check returns ErrFileChanged or ErrPlanChanged unless the checkpoint belongs to this file and these settings.
func (c Checkpoint) Check(file Fingerprint, plan string) error {
	if c.File != file {
		return ErrFileChanged
	}
	if c.Plan != plan {
		return ErrPlanChanged
	}
	return nil
}

// Save replaces the file at path as a whole: a crash at any moment leaves the former checkpoint or this one.
func (c Checkpoint) Save(path string) (err error) {
	c.Version = checkpointVersion
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("save checkpoint: %w", err)
		}
	}()
	if _, err = tmp.Write(append(text, '\n')); err != nil {
		return err
	}
	// The content must be on disk before the name is, or a crash could leave the name with nothing in it.
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return SyncDirectory(filepath.Dir(path))
}

// SyncDirectory makes a rename, or a file that was made, durable. Where directories cannot be synced (Windows), losing it costs a repeated part
// of the import, which finds its rows already there.
func SyncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, os.ErrInvalid) && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

// LoadCheckpoint reads what Save wrote; os.ErrNotExist when there is none.
func LoadCheckpoint(path string) (Checkpoint, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("load checkpoint: %w", err)
	}
	var c Checkpoint
	if err := json.Unmarshal(text, &c); err != nil {
		return Checkpoint{}, fmt.Errorf("load checkpoint %s: %w", path, err)
	}
	if c.Version != checkpointVersion {
		return Checkpoint{}, fmt.Errorf("load checkpoint %s: version %d, this program writes %d", path, c.Version, checkpointVersion)
	}
	return c, nil
}
