package main

import (
	"regexp/syntax"
	"slices"
)

// A national prefix for parsing is one pattern with two meanings: where its last group takes part in the match,
// the number is rewritten by the transform rule; where it does not, what matched is stripped. These functions
// take such a pattern apart. The result nil matches nothing.

// withGroup returns the part of re in which the capturing group takes part in the match.
func withGroup(re *syntax.Regexp, group int) *syntax.Regexp {
	switch re.Op {
	case syntax.OpCapture:
		if re.Cap == group {
			return re
		}
		return withGroup(re.Sub[0], group)
	case syntax.OpQuest:
		return withGroup(re.Sub[0], group)
	case syntax.OpAlternate:
		var branches []*syntax.Regexp
		for _, sub := range re.Sub {
			branches = append(branches, withGroup(sub, group))
		}
		return alternate(branches...)
	case syntax.OpConcat:
		for i, sub := range re.Sub {
			if part := withGroup(sub, group); part != nil {
				return concat(concat(re.Sub[:i]...), part, concat(re.Sub[i+1:]...))
			}
		}
	}
	return nil
}

// withoutGroup returns the part of re in which the capturing group takes no part in the match.
func withoutGroup(re *syntax.Regexp, group int) *syntax.Regexp {
	if withGroup(re, group) == nil {
		return re
	}
	switch re.Op {
	case syntax.OpQuest:
		return alternate(withoutGroup(re.Sub[0], group), empty())
	case syntax.OpAlternate:
		var branches []*syntax.Regexp
		for _, sub := range re.Sub {
			branches = append(branches, withoutGroup(sub, group))
		}
		return alternate(branches...)
	case syntax.OpConcat:
		var parts []*syntax.Regexp
		for _, sub := range re.Sub {
			parts = append(parts, withoutGroup(sub, group))
		}
		return concat(parts...)
	}
	return nil
}

// nonEmpty returns what re matches, except the empty text: stripping nothing changes nothing. Repetitions of
// what can be empty do not occur in the metadata; they would be kept, which only leaves more to the library.
func nonEmpty(re *syntax.Regexp) *syntax.Regexp {
	if re == nil {
		return nil
	}
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpEndText:
		return nil
	case syntax.OpQuest, syntax.OpCapture:
		return nonEmpty(re.Sub[0])
	case syntax.OpAlternate:
		var branches []*syntax.Regexp
		for _, sub := range re.Sub {
			branches = append(branches, nonEmpty(sub))
		}
		return alternate(branches...)
	case syntax.OpConcat:
		head, tail := re.Sub[0], concat(re.Sub[1:]...)
		if !nullable(head) {
			return re
		}
		return alternate(concat(nonEmpty(head), tail), nonEmpty(tail))
	}
	return re
}

// nullable reports whether re matches the empty text somewhere.
func nullable(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpEndText, syntax.OpQuest, syntax.OpStar:
		return true
	case syntax.OpRepeat:
		return re.Min == 0
	case syntax.OpCapture, syntax.OpPlus:
		return nullable(re.Sub[0])
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, nullable)
	case syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !nullable(sub) })
	}
	return false
}

func empty() *syntax.Regexp { return &syntax.Regexp{Op: syntax.OpEmptyMatch} }

// concat matches all parts one after the other, so nothing if one of them matches nothing.
func concat(parts ...*syntax.Regexp) *syntax.Regexp {
	for _, part := range parts {
		if part == nil {
			return nil
		}
	}
	switch len(parts) {
	case 0:
		return empty()
	case 1:
		return parts[0]
	}
	return &syntax.Regexp{Op: syntax.OpConcat, Sub: parts}
}

// alternate matches what any branch matches.
func alternate(branches ...*syntax.Regexp) *syntax.Regexp {
	var kept []*syntax.Regexp
	for _, branch := range branches {
		if branch != nil {
			kept = append(kept, branch)
		}
	}
	switch len(kept) {
	case 0:
		return nil
	case 1:
		return kept[0]
	}
	return &syntax.Regexp{Op: syntax.OpAlternate, Sub: kept}
}
