package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrNotAtRow means that a place to resume from is not the beginning of a row of this file.
var ErrNotAtRow = errors.New("the place to resume from is not the beginning of a row")

const (
	defaultMaxRow = 1 << 20
	firstWindow   = 256 << 10
)

// window is the part of the input that is in memory: one growing buffer, from the start of the current row on.
type window struct {
	src    io.Reader
	buf    []byte
	at     int   // start of the current row
	end    int   // end of what was read
	offset int64 // of buf[0] in the text
	maxRow int
	err    error // of src, io.EOF included; final
}

func newWindow(src io.Reader, maxRow int) window {
	if maxRow <= 0 {
		maxRow = defaultMaxRow
	}
	return window{src: src, maxRow: maxRow, buf: make([]byte, min(firstWindow, maxRow+2))}
}

// rest is what is in memory from the start of the current row on.
func (w *window) rest() []byte { return w.buf[w.at:w.end] }

// position is where the current row starts, in bytes from the beginning of the text.
func (w *window) position() int64 { return w.offset + int64(w.at) }

// more reads on and reports whether anything was added. It refuses once the current row alone fills the limit, so
// that memory stays bounded; the caller tells that case from the end of the input by ended.
func (w *window) more() bool {
	if w.err != nil {
		return false
	}
	if w.at > 0 && (w.end == len(w.buf) || w.end-w.at < w.at) {
		w.offset += int64(w.at)
		w.end = copy(w.buf, w.buf[w.at:w.end])
		w.at = 0
	}
	if w.end == len(w.buf) {
		// Two bytes of grace: a row of exactly the limit is recognised only by its line end.
		if len(w.buf) >= w.maxRow+2 {
			return false
		}
		grown := make([]byte, min(2*len(w.buf), w.maxRow+2))
		copy(grown, w.buf[:w.end])
		w.buf = grown
	}
	// A reader may return nothing without an error; a hundred times in a row means that it is broken.
	for range 100 {
		n, err := w.src.Read(w.buf[w.end:])
		w.end += n
		w.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	w.err = io.ErrNoProgress
	return false
}

// ended reports whether the input has nothing more to give; otherwise a refusal of more means that the row is too long.
func (w *window) ended() bool { return w.err != nil }

// failure is the input's error, unless it is a plain end.
func (w *window) failure() error {
	if w.err == nil || errors.Is(w.err, io.EOF) {
		return nil
	}
	return fmt.Errorf("read input: %w", w.err)
}

// drop forgets everything in memory, the current row's beginning included.
func (w *window) drop() {
	w.offset += int64(w.end)
	w.at, w.end = 0, 0
}

// peek returns the beginning of the input, up to n bytes, without consuming it.
func (w *window) peek(n int) []byte {
	for w.end-w.at < n && w.more() {
	}
	return w.buf[w.at:min(w.end, w.at+n)]
}

// seek moves forward to offset, which must follow a line end.
func (w *window) seek(offset int64, lineEnd byte) error {
	if offset < w.position() {
		return fmt.Errorf("%w: offset %d lies before the first row", ErrNotAtRow, offset)
	}
	last := lineEnd // at the current position a row begins
	for w.position() < offset {
		if w.at == w.end && !w.more() {
			if err := w.failure(); err != nil {
				return err
			}
			return fmt.Errorf("%w: the file ends before offset %d", ErrNotAtRow, offset)
		}
		step := int(min(offset-w.position(), int64(w.end-w.at)))
		last = w.buf[w.at+step-1]
		w.at += step
		if w.at == w.end {
			w.drop()
		}
	}
	if last != lineEnd && !(w.atEnd()) {
		return fmt.Errorf("%w: offset %d", ErrNotAtRow, offset)
	}
	return nil
}

// atEnd reports whether nothing is left to read.
func (w *window) atEnd() bool { return w.at == w.end && !w.more() && w.ended() }

// skipBOM consumes a UTF-8 byte order mark.
func (w *window) skipBOM() {
	if bytes.HasPrefix(w.peek(3), []byte(utf8BOM)) {
		w.at += 3
	}
}
