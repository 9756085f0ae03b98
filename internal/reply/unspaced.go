package reply

import (
	"strings"
	"unicode/utf8"
)

// pair is the first two runes of a run of letters, by which runs are filed.
type pair [2]rune

func pairOf(s string) (pair, bool) {
	first, n := utf8.DecodeRuneInString(s)
	second, m := utf8.DecodeRuneInString(s[n:])
	return pair{first, second}, n > 0 && m > 0
}

// contained is a run of letters that has a meaning wherever it stands, for scripts without spaces.
type contained struct {
	word  string
	label Label
	scope Scope
	lang  string
	id    string
	order int // rows that stand earlier go first
}

// runs are the runs of letters of a set, and those that hide letters from them, by their beginnings.
type runs struct {
	meant    map[pair][]contained
	excluded map[pair][]string
	count    int
}

func newRuns() runs { return runs{meant: map[pair][]contained{}, excluded: map[pair][]string{}} }

func (r *runs) add(c contained) {
	at, _ := pairOf(c.word)
	c.order = r.count
	r.count++
	r.meant[at] = append(r.meant[at], c)
}

func (r *runs) exclude(word string) {
	if at, ok := pairOf(word); ok {
		r.excluded[at] = append(r.excluded[at], word)
	}
}

// hide replaces the letters that excluded runs take by breaks.
func (r *runs) hide(text string) string {
	var b strings.Builder
	from := 0
	for i := 0; i < len(text); {
		n := r.excludedAt(text[i:])
		if n == 0 {
			_, n = utf8.DecodeRuneInString(text[i:])
			i += n
			continue
		}
		b.WriteString(text[from:i])
		b.WriteByte('\n')
		i += n
		from = i
	}
	if from == 0 {
		return text
	}
	b.WriteString(text[from:])
	return b.String()
}

// excludedAt is the length of the longest excluded run that the text starts with.
func (r *runs) excludedAt(text string) int {
	at, _ := pairOf(text)
	longest := 0
	for _, word := range r.excluded[at] {
		if len(word) > longest && strings.HasPrefix(text, word) {
			longest = len(word)
		}
	}
	return longest
}

// unspaced reads scripts that put no spaces between words, by what the text holds: a withdrawal before a doubt, a doubt
// before a call for help.
func (s *Set) unspaced(squashed string) (Result, bool) {
	if squashed == "" {
		return Result{}, false
	}
	text := s.runs.hide(squashed)
	var best *contained
	for i := range text {
		at, ok := pairOf(text[i:])
		if !ok {
			break
		}
		row := s.runs.meant[at]
		for k := range row {
			if c := &row[k]; (best == nil || c.before(best)) && strings.HasPrefix(text[i:], c.word) {
				best = c
			}
		}
	}
	if best == nil {
		return Result{}, false
	}
	return Result{Label: best.label, Scope: best.scope, Language: tag(best.lang), Rule: best.lang + "/" + best.id}, true
}

// urgency orders labels: what is lower is read first.
var urgency = map[Label]int{OptOut: 0, Ambiguous: 1, Help: 2, None: 3}

func (c *contained) before(other *contained) bool {
	if a, b := urgency[c.label], urgency[other.label]; a != b {
		return a < b
	}
	return c.order < other.order
}
