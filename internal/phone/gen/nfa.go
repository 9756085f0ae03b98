package main

import (
	"encoding/binary"
	"fmt"
	"regexp/syntax"
	"slices"
)

// nfa runs many anchored patterns over the same digits at once, as a set of positions in one instruction list.
type nfa struct {
	insts  []instruction
	starts []int
	known  map[string]int
}

// instruction is a compiled regexp instruction with jumps into the shared list, and the pattern it belongs to.
type instruction struct {
	syntax.Inst
	out, arg int
	pattern  int
}

// add compiles a pattern that must match from first to last digit and returns its number; equal patterns share one.
func (n *nfa) add(pattern string) (int, error) {
	if id, ok := n.known[pattern]; ok {
		return id, nil
	}
	parsed, err := syntax.Parse("(?:"+pattern+")", syntax.Perl)
	if err != nil {
		return 0, fmt.Errorf("parse pattern %q: %w", pattern, err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, fmt.Errorf("compile pattern %q: %w", pattern, err)
	}
	id, base := len(n.starts), len(n.insts)
	for _, inst := range prog.Inst {
		if inst.Op == syntax.InstEmptyWidth && syntax.EmptyOp(inst.Arg) != syntax.EmptyEndText {
			return 0, fmt.Errorf("pattern %q: only the end of the text can be asserted", pattern)
		}
		n.insts = append(n.insts, instruction{inst, base + int(inst.Out), base + int(inst.Arg), id})
	}
	n.starts = append(n.starts, base+prog.Start)
	if n.known == nil {
		n.known = map[string]int{}
	}
	n.known[pattern] = id
	return id, nil
}

// positions is a sorted set of instructions that consume a digit, assert the end, or report a match.
type positions []int

func (p positions) key(depth int) string {
	buf := binary.AppendUvarint(nil, uint64(depth))
	for _, at := range p {
		buf = binary.AppendUvarint(buf, uint64(at))
	}
	return string(buf)
}

func (n *nfa) begin() positions {
	return n.settle(n.starts, false)
}

// step returns the positions after one more digit.
func (n *nfa) step(from positions, digit rune) positions {
	var next []int
	for _, at := range from {
		switch inst := &n.insts[at]; inst.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if inst.MatchRune(digit) {
				next = append(next, inst.out)
			}
		}
	}
	return n.settle(next, false)
}

// matched returns the patterns that match when no further digit follows; "$" can be crossed only here.
func (n *nfa) matched(at positions) map[int]bool {
	found := map[int]bool{}
	for _, pos := range n.settle(at, true) {
		if n.insts[pos].Op == syntax.InstMatch {
			found[n.insts[pos].pattern] = true
		}
	}
	return found
}

// settle follows every jump that consumes nothing, and "$" only when the text has ended.
func (n *nfa) settle(from []int, ended bool) positions {
	seen := map[int]bool{}
	var result positions
	pending := slices.Clone(from)
	for len(pending) > 0 {
		at := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		switch inst := &n.insts[at]; inst.Op {
		case syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			pending = append(pending, inst.out, inst.arg)
		case syntax.InstCapture, syntax.InstNop:
			pending = append(pending, inst.out)
		case syntax.InstEmptyWidth:
			result = append(result, at)
			if ended {
				pending = append(pending, inst.out)
			}
		default:
			result = append(result, at)
		}
	}
	slices.Sort(result)
	return result
}
