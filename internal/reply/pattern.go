package reply

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// op is one step of a pattern.
type op uint8

const (
	opWord  op = iota // a token of a set
	opGap             // up to n tokens of any kind
	opStart           // a clause starts here
	opEnd             // a clause ends here
	opOpen            // the message starts here
	opClose           // the message ends here
	opNot             // the next token of the clause is not of a set
)

type step struct {
	op       op
	optional bool
	orEnd    bool // the clause may end here instead
	set      uint16
	n        int
}

// pattern is a phrase to look for: a sequence of steps over tokens.
type pattern struct {
	label Label
	scope Scope
	lang  string
	bit   languages
	id    string
	bare  bool // a keyword that stands alone in its clause, and may be banter
	steps []step
	needs []uint16 // the sets that must each have a word in the message
}

// maxGap bounds a gap, and with it the work that one pattern can cause.
const maxGap = 6

// compile reads a pattern's text: words, a|b, <class>, <*class> (of all languages), stem*, ?optional, !not, .. (a gap of
// three) or ..N, ^ and $ (clause), ^^ and $$ (message).
func (b *builder) compile(lang, text string) ([]step, error) {
	var steps []step
	consuming := 0
	for _, f := range strings.Fields(text) {
		st, err := b.step(lang, f)
		if err != nil {
			return nil, err
		}
		if st.op == opWord && !st.optional {
			consuming++
		}
		steps = append(steps, st)
	}
	if consuming == 0 {
		return nil, fmt.Errorf("pattern %q names no word that must occur", text)
	}
	for _, st := range steps {
		if st.op == opGap {
			return nil, fmt.Errorf("pattern %q starts with a gap", text)
		}
		if st.op == opWord {
			break
		}
	}
	return steps, nil
}

func (b *builder) step(lang, f string) (step, error) {
	switch f {
	case "^":
		return step{op: opStart}, nil
	case "$":
		return step{op: opEnd}, nil
	case "^^":
		return step{op: opOpen}, nil
	case "$$":
		return step{op: opClose}, nil
	case "..":
		return step{op: opGap, n: 3}, nil
	}
	if digits, ok := strings.CutPrefix(f, ".."); ok {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > maxGap {
			return step{}, fmt.Errorf("gap %q: want .. or ..1 to ..%d", f, maxGap)
		}
		return step{op: opGap, n: n}, nil
	}
	st := step{op: opWord}
	if rest, ok := strings.CutPrefix(f, "?"); ok {
		f, st.optional = rest, true
	} else if rest, ok := strings.CutPrefix(f, "!"); ok {
		f, st.op = rest, opNot
	}
	if alternatives := strings.Split(f, "|"); len(alternatives) > 1 && slices.Contains(alternatives, "$") {
		st.orEnd = true
		f = strings.Join(slices.DeleteFunc(alternatives, func(alt string) bool { return alt == "$" }), "|")
	}
	set, err := b.element(lang, f)
	st.set = set
	return st, err
}

// find reports where the pattern that is tried at token i ends.
func (p *pattern) find(m *message, i int, guard bool) (int, bool) {
	return run(p.steps, m, i, i, guard)
}

func run(steps []step, m *message, i, first int, guard bool) (int, bool) {
	for k, st := range steps {
		switch st.op {
		case opStart:
			if i >= len(m.tokens) || !m.starts[i] {
				return 0, false
			}
		case opOpen:
			if i >= len(m.tokens) || !m.opens[i] {
				return 0, false
			}
		case opEnd:
			if !m.ends[i] {
				return 0, false
			}
		case opClose:
			if !m.closes[i] {
				return 0, false
			}
		case opNot:
			if i < len(m.tokens) && m.tokens[i].brk == noBreak && m.tokens[i].in(st.set) {
				return 0, false
			}
		case opGap:
			return runGap(st.n, steps[k+1:], m, i, first, guard)
		case opWord:
			if !takes(m, i, first, st.set, guard) {
				if st.optional || st.orEnd && m.halts[i] {
					continue
				}
				return 0, false
			}
			if st.optional {
				if end, ok := run(steps[k+1:], m, i+1, first, guard); ok {
					return end, true
				}
				continue
			}
			i++
		}
	}
	return i, true
}

func runGap(n int, rest []step, m *message, i, first int, guard bool) (int, bool) {
	for range n + 1 {
		if end, ok := run(rest, m, i, first, guard); ok {
			return end, true
		}
		if i >= len(m.tokens) || i > first && m.tokens[i].brk >= breakFor(guard) {
			return 0, false
		}
		if i < len(m.tokens) && m.tokens[i].negates {
			return 0, false
		}
		i++
	}
	return 0, false
}

// takes reports whether token i may be the pattern's next word.
func takes(m *message, i, first int, set uint16, guard bool) bool {
	if i >= len(m.tokens) {
		return false
	}
	t := &m.tokens[i]
	if i > first && t.brk >= breakFor(guard) {
		return false
	}
	return (guard || !t.masked) && t.in(set)
}

func breakFor(guard bool) uint8 {
	if guard {
		return softBreak
	}
	return hardBreak
}
