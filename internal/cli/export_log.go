package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/consentline/consentline/verify"
)

// logHead is what a copy of a log begins and ends with: its key, and the checkpoint up to which it is copied.
type logHead struct {
	key, signed []byte
	checkpoint  verify.Checkpoint
}

// logHead waits until the log covers all that is recorded, and fetches its head.
func (c *client) logHead(ctx context.Context) (h logHead, err error) {
	if err := c.settle(ctx); err != nil {
		return h, err
	}
	if h.key, err = c.fetch(ctx, logPath+keyName); err != nil {
		return h, err
	}
	_, verifier, err := readKey(h.key)
	if err != nil {
		return h, err
	}
	policy, err := policyOf("", verifier)
	if err != nil {
		return h, err
	}
	if h.signed, err = c.fetch(ctx, logPath+verify.CheckpointPath); err != nil {
		return h, err
	}
	h.checkpoint, err = policy.OpenCheckpoint(h.signed)
	return h, err
}

// copyLog copies every resource that the newest checkpoint covers. The checkpoint is written last: a copy that was cut
// short is a good copy of an older log, and the next run continues it.
func (c *exportCmd) copyLog(ctx context.Context, a *App, conn *connection) error {
	head, err := conn.logHead(ctx)
	if err != nil {
		return err
	}
	checkpoint := head.checkpoint
	tiles := logTiles(checkpoint.Size)
	bar := a.newProgress("copy", int64(len(tiles)), "files")
	for i, t := range tiles {
		if err := copyTile(ctx, conn.client, c.Log, t); err != nil {
			bar.finish()
			return err
		}
		bar.at(int64(i+1), int64(i+1))
	}
	bar.finish()
	if err := errors.Join(writeWhole(filepath.Join(c.Log, keyName), head.key), writeWhole(filepath.Join(c.Log, verify.CheckpointPath), head.signed)); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.Out).Encode(map[string]any{"directory": c.Log, "origin": checkpoint.Origin, "entries": checkpoint.Size})
	}
	_, err = fmt.Fprintf(a.Out, "%s entries of %s are in %s.\n", count(checkpoint.Size), printable(checkpoint.Origin), c.Log)
	return err
}

// logTiles lists the tiles that a log of a size has: those of hashes on every level, and those of entries.
func logTiles(size int64) []tlog.Tile {
	tiles := tlog.NewTiles(verify.TileHeight, 0, size)
	for n := int64(0); n*verify.TileWidth < size; n++ {
		width := min(int64(verify.TileWidth), size-n*verify.TileWidth)
		tiles = append(tiles, tlog.Tile{H: verify.TileHeight, L: verify.EntryLevel, N: n, W: int(width)})
	}
	return tiles
}

func copyTile(ctx context.Context, c *client, dir string, t tlog.Tile) error {
	path := verify.TilePath(t)
	file := filepath.Join(dir, filepath.FromSlash(path))
	if _, err := os.Stat(file); err == nil {
		return nil // a tile never changes
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	body, err := c.fetch(ctx, logPath+path)
	if err != nil {
		return err
	}
	return writeWhole(file, body)
}

func (c *client) fetch(ctx context.Context, path string) ([]byte, error) {
	answer, err := c.do(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(io.LimitReader(answer.Body, 1<<20))
}

// writeWhole replaces a file by a rename, so that nobody finds half of it.
func writeWhole(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".partial"
	if err := os.WriteFile(tmp, body, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
