package scrub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/transfer"
)

// NDJSON answers for every line of a file of JSON objects. Lines come back byte for byte with three members added; a
// line that is no object comes back as the member input of one. Without a column, the number's member is found by its
// name in each line. Errors are those of r and w.
func NDJSON(ctx context.Context, x *check.Index, r io.Reader, w io.Writer, o Options) (Counts, error) {
	lines := newLineBlocks(r, o.MaxRow)
	return run(ctx, w, &o, lines.next, func() worker {
		return &lineWorker{asker: newAsker(x, &o), member: o.Column, found: "number", names: o.names()}
	})
}

// lineBlocks cuts a stream at its line ends.
type lineBlocks struct {
	src     io.Reader
	buf     []byte
	at, end int
	scanned int // bytes from at on that hold no line end
	inLong  bool
	err     error
}

const defaultMost = 1 << 20

func newLineBlocks(src io.Reader, most int) *lineBlocks {
	if most <= 0 {
		most = defaultMost
	}
	return &lineBlocks{src: src, buf: make([]byte, most)}
}

func (l *lineBlocks) next() ([]byte, transfer.Part, error) {
	for {
		rest := l.buf[l.at:l.end]
		if l.inLong {
			if i := bytes.IndexByte(rest, '\n'); i >= 0 {
				l.inLong = false
				l.at += i + 1
				return rest[:i+1], transfer.RowEnd, nil
			}
			if len(rest) > 0 {
				l.at = l.end
				return rest, transfer.RowPiece, nil
			}
		} else if i := bytes.LastIndexByte(rest[l.scanned:], '\n'); i >= 0 {
			i += l.scanned + 1
			l.at, l.scanned = l.at+i, 0
			return rest[:i], transfer.WholeRows, nil
		} else if l.scanned = len(rest); l.scanned == len(l.buf) {
			l.inLong, l.at, l.scanned = true, l.end, 0
			return rest, transfer.RowPiece, nil
		}
		if l.err != nil {
			return l.finish(rest)
		}
		l.fill()
	}
}

// finish hands out what is left once the input has ended.
func (l *lineBlocks) finish(rest []byte) ([]byte, transfer.Part, error) {
	switch {
	case !errors.Is(l.err, io.EOF):
		return nil, 0, l.err
	case l.inLong:
		l.inLong = false
		return nil, transfer.RowEnd, nil
	case len(rest) == 0:
		return nil, 0, io.EOF
	}
	l.at, l.scanned = l.end, 0
	return rest, transfer.WholeRows, nil
}

func (l *lineBlocks) fill() {
	if l.at > 0 {
		l.end = copy(l.buf, l.buf[l.at:l.end])
		l.at = 0
	}
	// A reader may return nothing without an error; a hundred times in a row means that it is broken.
	for range 100 {
		n, err := l.src.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 || err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}

type lineWorker struct {
	asker
	member string // as the caller named it; empty: found
	found  string // in an earlier line, so most likely in the next
	names  [len(added)]string
}

func (l *lineWorker) work(b *block) {
	l.counts = Counts{}
	b.out = b.out[:0]
	if b.part == transfer.WholeRows {
		for line := range bytes.Lines(b.in) {
			b.out = l.line(b.out, line)
		}
	} else {
		l.piece(b)
	}
	b.counts = l.counts
}

func (l *lineWorker) line(out, line []byte) []byte {
	body := bytes.TrimRight(line, "\r\n")
	lineEnd := line[len(body):]
	if len(bytes.TrimSpace(body)) == 0 {
		return append(out, line...)
	}
	number, reason := l.number(body)
	var verdict string
	var next time.Time
	if reason != "" {
		verdict, reason, next = l.refuse(reason)
	} else {
		verdict, reason, next = l.ask(number)
	}
	switch reason {
	case string(transfer.CodeBadJSON), string(transfer.CodeBadUTF8), nameTaken, duplicateName:
		out = appendInput(out, body)
	default:
		out = appendOpen(out, body)
	}
	return append(l.appendMembers(out, verdict, reason, next), lineEnd...)
}

// number finds the number in a line; reason says why there is none.
func (l *lineWorker) number(line []byte) (number []byte, reason string) {
	if !utf8.Valid(line) {
		return nil, string(transfer.CodeBadUTF8)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(line, &members) != nil || members == nil {
		return nil, string(transfer.CodeBadJSON)
	}
	if duplicated(line) {
		return nil, duplicateName
	}
	for _, name := range l.names {
		if _, taken := members[name]; taken {
			return nil, nameTaken
		}
	}
	raw := l.value(members)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, numberMissing
	}
	if raw[0] != '"' {
		return raw, "" // a JSON number: read as its digits
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, string(transfer.CodeBadJSON)
	}
	return []byte(text), ""
}

// duplicated reports whether an object holds a name twice.
func duplicated(object []byte) bool {
	if jsontext.Value(object).IsValid() {
		return false
	}
	_, err := jsontext.NewDecoder(bytes.NewReader(object)).ReadValue()
	return errors.Is(err, jsontext.ErrDuplicateName)
}

// value returns the value of the number's member; nil if there is none.
func (l *lineWorker) value(members map[string]json.RawMessage) json.RawMessage {
	if l.member != "" {
		return members[l.member]
	}
	if raw, ok := members[l.found]; ok {
		return raw
	}
	names := slices.Sorted(maps.Keys(members))
	i, err := transfer.NumberColumn(names, "")
	if err != nil {
		return nil
	}
	l.found = names[i]
	return members[l.found]
}

// appendOpen appends an object without its end, ready for another member.
func appendOpen(out, object []byte) []byte {
	object = bytes.TrimSpace(object)
	out = append(out, object[:len(object)-1]...)
	if len(bytes.TrimSpace(object[1:len(object)-1])) > 0 {
		out = append(out, ',')
	}
	return out
}

func appendInput(out, line []byte) []byte {
	text, err := json.Marshal(string(line))
	if err != nil {
		panic(err) // every string can be encoded
	}
	return append(append(append(out, `{"input":`...), text...), ',')
}

func (l *lineWorker) appendMembers(out []byte, verdict, reason string, next time.Time) []byte {
	out = append(append(append(append(out, '"'), l.names[0]...), `":"`...), verdict...)
	out = append(append(append(append(out, `","`...), l.names[1]...), `":"`...), reason...)
	out = append(append(append(out, `","`...), l.names[2]...), `":`...)
	if next.IsZero() {
		return append(out, "null}"...)
	}
	return append(next.UTC().AppendFormat(append(out, '"'), time.RFC3339), `"}`...)
}

// piece says of a line that is longer than the limit that it was not looked into. Its text is not repeated: it could
// not be put into a member without holding all of it.
func (l *lineWorker) piece(b *block) {
	if b.part == transfer.RowPiece {
		return
	}
	verdict, reason, next := l.refuse(string(transfer.CodeTooLong))
	b.out = append(l.appendMembers(append(b.out, '{'), verdict, reason, next), '\n')
}
