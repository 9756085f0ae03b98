package reply

import (
	"math/bits"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// How strongly a token is parted from the one before it. Patterns may run across a soft break, never across a hard one;
// guards run across neither, so that "don't, stop" is no "don't stop".
const (
	noBreak uint8 = iota
	softBreak
	hardBreak
)

// token is one word, number or telling emoji of a message.
type token struct {
	word    string   // what it was read as, after typos
	typed   string   // as it came, folded
	brk     uint8    // the break before it
	sets    []uint16 // the word sets that it belongs to, ascending
	langs   languages
	opens   languages // those in which it opens a clause
	negates bool      // no gap of a pattern skips it
	masked  bool      // a guard took it: it means something else
}

// message is a text cut into tokens, with what patterns ask about places in it.
type message struct {
	tokens   []token
	starts   []bool // a clause starts here, but for words that lead in ("please")
	ends     []bool // a clause ends before here, but for words that trail ("thanks") or open the next
	halts    []bool // a clause ends before here, but for words that trail
	closes   []bool // the message ends before here, but for words that trail
	opens    []bool // the message starts here, but for words that lead in
	laughs   bool
	asks     bool      // there is a question mark
	langs    languages // those that the words may be in
	squashed string    // the letters alone, for scripts without spaces; empty if all is ASCII
	holds    []uint64  // the sets that some token is in, a bit each
}

// holdsAll reports whether each of the sets has a token in the message: most rules are told apart by that alone.
func (m *message) holdsAll(sets []uint16) bool {
	for _, set := range sets {
		if m.holds[set>>6]&(1<<(set&63)) == 0 {
			return false
		}
	}
	return true
}

// messages keeps the room that messages took for those to come. What is read of a message holds on to none of it.
var messages sync.Pool

func newMessage(sets uint16) *message {
	m, _ := messages.Get().(*message)
	if m == nil {
		m = &message{tokens: make([]token, 0, 24)}
	}
	n := int(sets>>6) + 1
	if cap(m.holds) < n {
		m.holds = make([]uint64, n)
	}
	m.holds = m.holds[:n]
	clear(m.holds)
	return m
}

// release gives the room of a message back, but for that of a giant.
func (m *message) release() {
	if cap(m.tokens) > 512 {
		return
	}
	clear(m.tokens)
	*m = message{tokens: m.tokens[:0], holds: m.holds}
	messages.Put(m)
}

// tokenise cuts a folded text into tokens and reads each against the set's words. The original tells which words were
// written like names.
func (s *Set) tokenise(text, original string) *message {
	m := newMessage(s.sets)
	m.asks = strings.ContainsRune(text, '?')
	sc := scanner{set: s, m: m, text: text}
	sc.run()
	s.joinLetters(m)
	for i := range m.tokens {
		s.read(&m.tokens[i])
	}
	s.nameSomeone(m, original)
	m.langs = spoken(m.tokens)
	for i := range m.tokens {
		for _, set := range m.tokens[i].sets {
			m.holds[set>>6] |= 1 << (set & 63)
		}
	}
	s.places(m)
	if !isASCII(text) {
		m.squashed = squash(text)
	}
	return m
}

// scanner walks a folded text once and appends tokens.
type scanner struct {
	set  *Set
	m    *message
	text string
	brk  uint8
	from int // start of the word under way; -1 if none
}

func (sc *scanner) run() {
	sc.from, sc.brk = -1, hardBreak
	for i := 0; i < len(sc.text); {
		r, n := rune(sc.text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(sc.text[i:])
		}
		if sc.wordRune(r, i, n) {
			if sc.from < 0 {
				sc.from = i
			}
		} else {
			sc.finish(i)
			sc.mark(r, i, n)
		}
		i += n
	}
	sc.finish(len(sc.text))
}

// wordRune reports whether the rune at i belongs to a word: letters, marks, digits, apostrophes and the signs that
// people put in a letter's place, when letters stand around them.
func (sc *scanner) wordRune(r rune, i, n int) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
		return true
	case r == '*':
		return sc.from >= 0 && sc.letterAt(i+len(sc.text[i:])-len(strings.TrimLeft(sc.text[i:], "*")))
	case r == '\'':
		return sc.from >= 0 && sc.letterAt(i+n)
	case r == '$' || r == '@':
		return sc.letterAt(i+n) || sc.from >= 0 && r == '@'
	case r < utf8.RuneSelf:
		return false
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
}

func (sc *scanner) letterAt(i int) bool {
	if i >= len(sc.text) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(sc.text[i:])
	return unicode.IsLetter(r)
}

// mark notes what a sign between words does: it breaks, it is a telling emoji, or nothing.
func (sc *scanner) mark(r rune, i, n int) {
	switch r {
	case '.', '!', '?', '\n':
		if r != '.' || !sc.digitAround(i) {
			sc.brk = hardBreak
		}
	case ',', ';', ':', '(', ')', '[', ']', '/', '=', '|', '"', '+':
		sc.brk = max(sc.brk, softBreak)
	case '-':
		if i+1 >= len(sc.text) || sc.text[i+1] == ' ' || sc.text[i+1] == '-' {
			sc.brk = max(sc.brk, softBreak)
		}
	case '&':
		sc.add("&")
	case '#':
		if !sc.letterAt(i + n) {
			sc.add("#")
		}
	default:
		if r >= 0x2190 {
			w := sc.text[i : i+n]
			if _, telling := sc.set.lexicon[w]; telling {
				sc.brk = max(sc.brk, softBreak)
				sc.add(w)
			}
			sc.brk = max(sc.brk, softBreak)
		}
	}
}

func (sc *scanner) digitAround(i int) bool {
	return i > 0 && i+1 < len(sc.text) && isDigit(sc.text[i-1]) && isDigit(sc.text[i+1])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (sc *scanner) add(word string) {
	if word == "" {
		return
	}
	sc.m.tokens = append(sc.m.tokens, token{word: word, typed: word, brk: sc.brk})
	sc.brk = noBreak
}

// finish ends the word under way. An elided article or pronoun (l'envoi, m'appeler) is a word of its own; any other
// apostrophe is dropped, as most people drop it.
func (sc *scanner) finish(end int) {
	if sc.from < 0 {
		return
	}
	word := sc.text[sc.from:end]
	sc.from = -1
	if i := strings.IndexByte(word, '\''); i >= 0 {
		if head := word[:i]; sc.set.elided[head] && len(word)-i > 3 {
			sc.add(head)
			word = word[i+1:]
		}
		word = strings.ReplaceAll(word, "'", "")
	}
	for strings.Contains(word, "**") {
		word = strings.ReplaceAll(word, "**", "*")
	}
	if head, joint, tail, ok := sc.set.splitAtDigit(word); ok {
		sc.add(head)
		sc.add(joint)
		word = tail
	}
	sc.add(word)
}

// splitAtDigit parts "stop2quit", as disclosures print it and people echo it.
func (s *Set) splitAtDigit(word string) (head, joint, tail string, ok bool) {
	i := strings.IndexAny(word, "24")
	if i < 4 || i+3 > len(word) || len(s.keywords[word[:i]]) == 0 {
		return "", "", "", false
	}
	return word[:i], word[i : i+1], word[i+1:], true
}

// joinLetters turns a run of single letters into the word that they spell, if it is a word of ours: "s t o p".
func (s *Set) joinLetters(m *message) {
	for i := 0; i < len(m.tokens); i++ {
		j := i
		for j < len(m.tokens) && utf8.RuneCountInString(m.tokens[j].word) == 1 {
			j++
		}
		if j-i < 3 {
			i = max(i, j-1)
			continue
		}
		var b strings.Builder
		for _, t := range m.tokens[i:j] {
			b.WriteString(t.word)
		}
		joined := token{word: b.String(), typed: b.String(), brk: m.tokens[i].brk}
		s.read(&joined)
		if len(joined.sets) > 0 || len(s.keywords[joined.word]) > 0 {
			m.tokens = slices.Replace(m.tokens, i, j, joined)
		} else {
			i = j - 1
		}
	}
}

// places works out where clauses and the message start and end, once for all patterns.
func (s *Set) places(m *message) {
	n := len(m.tokens)
	flags := make([]bool, 5*(n+1))
	m.starts, m.ends, m.opens = flags[:n+1], flags[n+1:2*n+2], flags[2*n+2:3*n+3]
	m.closes, m.halts = flags[3*n+3:4*n+4], flags[4*n+4:]
	m.ends[n], m.closes[n], m.halts[n] = true, true, true
	for i := n - 1; i >= 0; i-- {
		t := &m.tokens[i]
		trails := t.in(s.tail)
		m.closes[i] = trails && m.closes[i+1]
		m.halts[i] = t.brk > noBreak || trails && m.halts[i+1]
		m.ends[i] = t.brk > noBreak || t.opens&m.langs != 0 || trails && m.ends[i+1]
		m.laughs = m.laughs || t.in(s.laugh)
		t.negates = t.in(s.negation)
	}
	for i := range n {
		t := &m.tokens[i]
		m.opens[i] = i == 0 || m.tokens[i-1].in(s.lead) && m.opens[i-1]
		m.starts[i] = t.brk > noBreak || m.tokens[i-1].in(s.lead) && m.starts[i-1] || m.tokens[i-1].in(s.joint)
	}
}

// spoken tells the languages that a message may be in: those that know at least two thirds as many of its words as the
// one that knows most. Short words mean different things in different languages, and rules of a language that is not
// spoken would misread them.
func spoken(tokens []token) languages {
	var known [maxLanguages]int
	most := 0
	for i := range tokens {
		for rest := tokens[i].langs &^ 1; rest != 0; rest &= rest - 1 {
			n := bits.TrailingZeros64(uint64(rest))
			known[n]++
			most = max(most, known[n])
		}
	}
	langs := languages(1)
	for n, k := range known {
		if k > 0 && 3*k >= 2*most {
			langs |= 1 << n
		}
	}
	return langs
}

func (t *token) in(set uint16) bool {
	_, found := slices.BinarySearch(t.sets, set)
	return found
}

// union merges two ascending lists of sets; where one is empty it is the other, shared.
func union(a, b []uint16) []uint16 {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	out := make([]uint16, 0, len(a)+len(b))
	out = append(append(out, a...), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// squash keeps the letters and digits of a text, for scripts that put no spaces between words.
func squash(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, text)
}
