package transfer

import (
	"bytes"
	"io"
)

// Part says what a block of a file holds.
type Part uint8

// The parts. A row that is longer than the limit comes in pieces, so that whoever echoes the file loses none of it.
const (
	WholeRows  Part = iota
	RowPiece        // more of the same row follows
	RowEnd          // the last piece, with the row's line end if it has one; it may be empty
	RowUnended      // the last piece of a row in which the file ended inside quotes; it may be empty
)

// rowScan is how far the row at the window's start was looked at without finding its end.
type rowScan struct {
	longRow
	seen   int
	inLong bool // pieces of it were handed out already
}

// ReadBlock returns the next rows together, as many as are in memory, or io.EOF. With a BlockReader, several goroutines
// can then split them. The block is valid until the next call; Header is read before, by itself.
func (r *Reader) ReadBlock() ([]byte, Part, error) {
	r.start()
	for !r.scan.inLong {
		rest := r.win.rest()
		if n := r.wholeRows(rest); n > 0 {
			r.win.at += n
			return rest[:n], WholeRows, nil
		}
		if r.win.more() {
			continue
		}
		if err := r.win.failure(); err != nil {
			return nil, 0, err
		}
		if !r.win.ended() {
			r.scan.inLong = true
			return r.takeAll(), RowPiece, nil
		}
		if len(rest) == 0 {
			return nil, 0, io.EOF
		}
		r.scan = rowScan{}
		return r.takeAll(), WholeRows, nil
	}
	return r.readPiece()
}

func (r *Reader) takeAll() []byte {
	rest := r.win.rest()
	r.win.at = r.win.end
	return rest
}

// readPiece goes on with a row that is longer than the limit.
func (r *Reader) readPiece() ([]byte, Part, error) {
	r.win.drop()
	if !r.win.more() {
		if err := r.win.failure(); err != nil {
			return nil, 0, err
		}
		part := RowEnd
		if r.scan.state == inQuotes {
			part = RowUnended
		}
		r.scan = rowScan{}
		return nil, part, nil
	}
	rest := r.win.rest()
	n, done := r.scan.pass(rest)
	r.win.at += n
	if !done {
		return rest, RowPiece, nil
	}
	r.scan = rowScan{}
	return rest[:n], RowEnd, nil
}

// wholeRows returns how many bytes of rest are whole rows. Every byte is looked at once, however slowly they come.
func (r *Reader) wholeRows(rest []byte) int {
	at := 0
	if r.scan.seen > 0 {
		n, done := r.scan.pass(rest[r.scan.seen:])
		if !done {
			r.scan.seen = len(rest)
			return 0
		}
		at = r.scan.seen + n
	}
	for {
		r.scan = rowScan{longRow: longRow{delimiter: r.opts.Delimiter, lineEnd: r.lineEnd}}
		quote := bytes.IndexByte(rest[at:], '"')
		plain := rest[at:]
		if quote >= 0 {
			plain = plain[:quote]
		}
		at += bytes.LastIndexByte(plain, r.lineEnd) + 1
		// What begins here has a quote or no end.
		n, done := r.scan.pass(rest[at:])
		if !done {
			r.scan.seen = len(rest) - at
			return at
		}
		at += n
	}
}

// BlockReader splits blocks of whole rows of one file. It is not safe for concurrent use; make one for each goroutine.
type BlockReader struct{ r Reader }

// BlockReader returns a reader of this file's blocks. The header must have been read: it tells how many fields there are.
func (r *Reader) BlockReader() *BlockReader {
	b := &BlockReader{Reader{opts: r.opts, encoding: r.encoding, started: true, lineEnd: r.lineEnd, pattern: r.pattern}}
	b.r.win = window{maxRow: r.win.maxRow, err: io.EOF}
	return b
}

// Reset begins with a block. Rows are numbered from the block's first.
func (b *BlockReader) Reset(block []byte) {
	b.r.row = 0
	b.r.win.buf, b.r.win.at, b.r.win.end, b.r.win.offset = block, 0, len(block), 0
}

// Read returns the next row of the block, or io.EOF. Faults of the row are in its Flaws.
func (b *BlockReader) Read() (*Record, error) { return b.r.Read() }
