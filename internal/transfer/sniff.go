package transfer

import "bytes"

// delimiters are the ones that are looked for, most usual first.
var delimiters = []byte{',', ';', '\t', '|'}

const sniffed = 64 << 10

// sniffLineEnd tells files whose rows end in a lone CR (old spreadsheets) from all others, by the first line end
// outside quotes; sure says that there is one.
func sniffLineEnd(head []byte) (end byte, at int, sure bool) {
	quoted := false
	for i, b := range head {
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '\n':
			return '\n', i, true
		case b == '\r' && i+1 < len(head) && head[i+1] != '\n':
			return '\r', i, true
		}
	}
	return '\n', 0, false
}

// sniffDelimiter takes the candidate that is most frequent outside quotes in the header; on a tie, the one that the
// second line has as often. It is not sure while a tie stands and the second line is not all there.
func sniffDelimiter(head []byte, lineEnd byte) (delimiter byte, sure bool) {
	first, rest := countDelimiters(head, lineEnd)
	second, after := countDelimiters(rest, lineEnd)
	best, ties := 0, 0
	for i := range delimiters {
		switch {
		case first[i] > first[best]:
			best, ties = i, 0
		case i != best && first[i] == first[best] && first[i] > 0:
			ties++
			if first[i] == second[i] && first[best] != second[best] {
				best = i
			}
		}
	}
	return delimiters[best], ties == 0 || after != nil
}

func countDelimiters(text []byte, lineEnd byte) (counts [4]int, rest []byte) {
	quoted := false
	for i, b := range text {
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == lineEnd:
			return counts, text[i+1:]
		default:
			if d := bytes.IndexByte(delimiters, b); d >= 0 {
				counts[d]++
			}
		}
	}
	return counts, nil
}

// sniff reads no more of the input than it takes to know the line end and the delimiter, since a caller may be waiting
// for the answer to its first row.
func (r *Reader) sniff() {
	r.win.skipBOM()
	grow := func() bool { return len(r.win.rest()) < sniffed && r.win.more() }
	at, sure := 0, false
	for r.lineEnd, at, sure = sniffLineEnd(r.win.rest()); !sure && grow(); {
		r.lineEnd, at, sure = sniffLineEnd(r.win.rest())
	}
	if d, ok := separatorLine(r.win.rest()[:at]); ok {
		r.win.at += at + 1
		r.row++
		if r.opts.Delimiter == 0 {
			r.opts.Delimiter = d
		}
	}
	if r.opts.Delimiter != 0 {
		return
	}
	for r.opts.Delimiter, sure = sniffDelimiter(r.win.rest(), r.lineEnd); !sure && grow(); {
		r.opts.Delimiter, sure = sniffDelimiter(r.win.rest(), r.lineEnd)
	}
}

// separatorLine recognises the line "sep=;" that spreadsheets write and obey; it is not a row of data.
func separatorLine(line []byte) (byte, bool) {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) != 5 || !bytes.EqualFold(line[:4], []byte("sep=")) {
		return 0, false
	}
	return line[4], bytes.IndexByte(delimiters, line[4]) >= 0
}
