package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// maxResource bounds what is read of one resource; the largest lawful one, a bundle of leaves, has 13,312 bytes.
const maxResource = 1 << 20

// Source is where a log's public files are read from.
type Source interface {
	// Fetch returns the resource at a path below the log's prefix, such as "checkpoint" or "tile/0/x001/234". It must
	// return an error that is fs.ErrNotExist when there is none, and may be called from several goroutines at once.
	Fetch(ctx context.Context, path string) ([]byte, error)
}

// Files is a Source over a file tree that is laid out like the log's paths, such as os.DirFS of a downloaded copy.
type Files struct{ FS fs.FS }

// Fetch reads one file; a file larger than any resource of a log can be is an error.
func (f Files) Fetch(_ context.Context, path string) (_ []byte, err error) {
	file, err := f.FS.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return readLimited(file, path)
}

// Web is a Source over HTTP: a log's prefix, and the client to ask with (http.DefaultClient if nil).
type Web struct {
	Prefix *url.URL
	Client *http.Client
}

// Fetch gets one resource; every status but 200 is an error, 404 and 410 one that is fs.ErrNotExist.
func (w Web) Fetch(ctx context.Context, path string) ([]byte, error) {
	u := w.Prefix.JoinPath(strings.Split(path, "/")...).String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", u, err)
	}
	client := w.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err // names method and URL already
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
		return readLimited(resp.Body, u)
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("%s: %s: %w", u, resp.Status, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("%s: %s", u, resp.Status)
}

func readLimited(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxResource+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > maxResource {
		return nil, fmt.Errorf("read %s: longer than %d bytes, which no resource of a log is", name, maxResource)
	}
	return b, nil
}

// fetchWide fetches a tile and falls back from a partial tile, which a log may drop, to the full one (C2SP tlog-tiles,
// "Partial Tiles"). It returns the width of what it got.
func fetchWide(ctx context.Context, src Source, t tlog.Tile) (data []byte, width int, err error) {
	data, err = src.Fetch(ctx, TilePath(t))
	if err == nil || t.W == TileWidth || !errors.Is(err, fs.ErrNotExist) {
		return data, t.W, err
	}
	full := t
	full.W = TileWidth
	data, err2 := src.Fetch(ctx, TilePath(full))
	if err2 != nil {
		return nil, 0, err // the partial tile's error names what was asked for
	}
	return data, TileWidth, nil
}

// fetchHashes fetches the hashes of a tile, exactly as many as it is wide.
func fetchHashes(ctx context.Context, src Source, t tlog.Tile) ([]tlog.Hash, error) {
	data, width, err := fetchWide(ctx, src, t)
	if err != nil {
		return nil, err
	}
	if len(data) != width*tlog.HashSize {
		return nil, &lengthError{path: TilePath(t), got: len(data), want: width * tlog.HashSize}
	}
	hashes := make([]tlog.Hash, t.W)
	for i := range hashes {
		hashes[i] = tlog.Hash(data[i*tlog.HashSize:])
	}
	return hashes, nil
}

// lengthError says that a hash tile has the wrong size, which makes it altered rather than unreachable.
type lengthError struct {
	path      string
	got, want int
}

func (e *lengthError) Error() string {
	return fmt.Sprintf("hash tile %s has %d bytes, want %d", e.path, e.got, e.want)
}
