package console

import "strings"

// piece is a run of words that two versions share, or that one of them has alone.
type piece struct {
	Kind string // same, added, removed
	Text string
}

// diffCells bounds the table of the comparison; beyond it, what differs is shown as replaced in one piece.
const diffCells = 1 << 20

// diff returns how one text becomes another, word by word.
func diff(from, to string) []piece {
	a, b := strings.Fields(from), strings.Fields(to)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []piece
	out = add(out, "same", a[:head]...)
	out = middle(out, a[head:len(a)-tail], b[head:len(b)-tail])
	return add(out, "same", a[len(a)-tail:]...)
}

// middle compares by the longest common subsequence of words.
func middle(out []piece, a, b []string) []piece {
	if len(a)*len(b) > diffCells {
		return add(add(out, "removed", a...), "added", b...)
	}
	width := len(b) + 1
	longest := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i*width+j] = longest[(i+1)*width+j+1] + 1
			} else {
				longest[i*width+j] = max(longest[(i+1)*width+j], longest[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			out = add(out, "same", a[i])
			i, j = i+1, j+1
		case longest[(i+1)*width+j] >= longest[i*width+j+1]:
			out = add(out, "removed", a[i])
			i++
		default:
			out = add(out, "added", b[j])
			j++
		}
	}
	return add(add(out, "removed", a[i:]...), "added", b[j:]...)
}

func add(out []piece, kind string, words ...string) []piece {
	if len(words) == 0 {
		return out
	}
	text := strings.Join(words, " ")
	if n := len(out); n > 0 && out[n-1].Kind == kind {
		out[n-1].Text += " " + text
		return out
	}
	return append(out, piece{kind, text})
}
