package reply

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// anyNumber is the word by which patterns name any token with a digit in it; anyDoing, any that ends in -ing.
const (
	anyNumber = "#"
	anyDoing  = "@ing"
)

// read finds the word sets of a token and marks it where it ends like a participle.
func (s *Set) read(t *token) {
	s.recognise(t)
	if len(t.word) > 4 && strings.HasSuffix(t.word, "ing") {
		t.sets = union(t.sets, s.lexicon[anyDoing].sets)
	}
}

// recognise finds the word sets of a token. A word that is not known is tried again as people disguise or mistype words:
// look-alike letters, stretched letters, digits for letters, one slip of the finger.
func (s *Set) recognise(t *token) {
	if w, ok := squeeze(t.typed, 1); ok {
		if _, known := s.lexicon[w]; known && s.look(t, w) {
			return
		}
	}
	if s.look(t, t.typed) {
		s.alsoMeant(t)
		return
	}
	if w, ok := unmask(t.typed); ok && s.look(t, w) {
		return
	}
	if w, ok := squeeze(t.word, 1); ok {
		if s.look(t, w) {
			return
		}
		if w, _ = squeeze(t.word, 2); s.look(t, w) {
			return
		}
	}
	if w, ok := repeated(t.word); ok && s.look(t, w) {
		return
	}
	if w, ok := unleet(t.word); ok && s.look(t, w) {
		return
	}
	if w, ok := s.typos[t.word]; ok && s.look(t, w) {
		return
	}
	if hasDigit(t.typed) {
		t.sets = s.lexicon[anyNumber].sets
	}
}

// alsoMeant adds the word of which a token is a slip to one that is known by its beginning only: "cancell" may begin an
// Italian word and still be "cancel".
func (s *Set) alsoMeant(t *token) {
	if _, whole := s.lexicon[t.word]; whole {
		return
	}
	w, ok := s.typos[t.word]
	if !ok {
		return
	}
	meant := s.lexicon[w]
	t.sets = union(t.sets, meant.sets)
	t.langs |= meant.langs
}

// stemKey is how many bytes of a stem it is filed by: stems have three letters or more.
const stemKey = 3

// look sets what is known of the token's word, as it stands or by its beginning; false if nothing is.
func (s *Set) look(t *token, word string) bool {
	whole, known := s.lexicon[word]
	var sets []uint16
	var langs languages
	if len(word) >= stemKey {
		for _, stem := range s.begins[word[:stemKey]] {
			if strings.HasPrefix(word, stem) {
				e := s.stems[stem]
				sets = union(sets, e.sets)
				langs |= e.langs
			}
		}
	}
	if !known && sets == nil {
		return false
	}
	t.word, t.langs, t.opens = word, langs|whole.langs, whole.opens
	if t.sets = whole.sets; sets != nil {
		t.sets = union(sets, whole.sets)
	}
	return true
}

// squeeze shortens every run of three or more equal letters to n of them; false if there is none.
func squeeze(word string, n int) (string, bool) {
	long := false
	out := make([]rune, 0, len(word))
	rest := []rune(word)
	for len(rest) > 0 {
		run := 1
		for run < len(rest) && rest[run] == rest[0] {
			run++
		}
		keep := run
		if run > 2 {
			keep, long = n, true
		}
		out = append(out, rest[:keep]...)
		rest = rest[run:]
	}
	return string(out), long
}

// repeated returns the unit of a word that is one unit two to four times over: "stopstop".
func repeated(word string) (string, bool) {
	for times := 2; times <= 4; times++ {
		if n := len(word) / times; n >= 4 && n*times == len(word) && strings.Repeat(word[:n], times) == word {
			return word[:n], true
		}
	}
	return word, false
}

// unleet replaces the digits and signs that stand for letters; false if there are none or nothing but digits.
func unleet(word string) (string, bool) {
	changed, letters := false, 0
	out := strings.Map(func(r rune) rune {
		if i := strings.IndexRune("0134578$@", r); i >= 0 {
			changed = true
			return rune("oieastbsa"[i])
		}
		letters++
		return r
	}, word)
	return out, changed && letters > 0
}

func hasDigit(word string) bool { return strings.ContainsAny(word, "0123456789") }

// neighbours are the keys around each key of a QWERTY keyboard, where fingers slip.
var neighbours = map[byte]string{
	'q': "wa", 'w': "qeas", 'e': "wrsd", 'r': "etdf", 't': "ryfg", 'y': "tugh", 'u': "yihj", 'i': "uojk", 'o': "ipkl",
	'p': "ol", 'a': "qwsz", 's': "awedzx", 'd': "serfxc", 'f': "drtgcv", 'g': "ftyhvb", 'h': "gyujbn", 'j': "huiknm",
	'k': "jiolm", 'l': "kop", 'z': "asx", 'x': "zsdc", 'c': "xdfv", 'v': "cfgb", 'b': "vghn", 'n': "bhjm", 'm': "njk",
}

// slips calls yield with every word that one slip makes of a plain Latin word: two letters swapped, one doubled, one
// left out (long words only, and no plural made singular), one replaced by its neighbour key (if keys is set).
func slips(word string, keys bool, yield func(string)) {
	for i := 0; i < len(word); i++ {
		if word[i] < 'a' || word[i] > 'z' {
			return
		}
	}
	for i := range len(word) {
		yield(word[:i+1] + word[i:])
		if i+1 < len(word) && word[i] != word[i+1] {
			yield(word[:i] + word[i+1:i+2] + word[i:i+1] + word[i+2:])
		}
		if i > 0 && len(word) >= 6 && (i < len(word)-1 || word[i] != 's') {
			yield(word[:i] + word[i+1:])
		}
		if keys {
			for _, k := range neighbours[word[i]] {
				yield(word[:i] + string(k) + word[i+1:])
			}
		}
	}
}

// longest bounds the words that distance compares, in bytes, so that it works on the stack.
const longest = 48

func appendRunes(to []rune, s string) []rune {
	for _, r := range s {
		to = append(to, r)
	}
	return to
}

// distance is the number of letters to insert, delete, replace or swap with their neighbour to make b of a (optimal
// string alignment); any number above most is returned as most+1.
func distance(a, b string, most int) int {
	if n := utf8.RuneCountInString(a) - utf8.RuneCountInString(b); n > most || -n > most || len(b) >= longest {
		return most + 1
	}
	var xs, ys [longest]rune
	x, y := appendRunes(xs[:0], a), appendRunes(ys[:0], b)
	var rows [3][longest]int
	before, prev, cur := rows[0][:len(y)+1], rows[1][:len(y)+1], rows[2][:len(y)+1]
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return min(prev[len(y)], most+1)
}

// mistyped finds the opt-out keyword that a lone word of a message was meant to be. Words of four letters and more
// count, the first letter may be wrong only by its neighbour key, and no ordinary word that we know is ever corrected.
func (s *Set) mistyped(word string) (string, bool) {
	n := utf8.RuneCountInString(word)
	if n < 3 || n > 16 || s.ordinary[word] {
		return "", false
	}
	if _, known := s.lexicon[word]; known {
		return "", false
	}
	if w, ok := s.slipped[word]; ok {
		return w, true
	}
	if n < 6 {
		return "", false
	}
	for _, k := range s.correctable {
		most := 1
		switch {
		case k == "unsubscribe":
			most = 3
		case utf8.RuneCountInString(k) >= 10:
			most = 2
		}
		first := k[0] == word[0] || most > 1 && strings.IndexByte(neighbours[k[0]], word[0]) >= 0
		if first && distance(word, k, most) <= most {
			return k, true
		}
	}
	return "", false
}

// minJoined is the least length of a keyword of several words that a slip may be corrected in.
const minJoined = 10

// shortened calls yield with the word and with every word that leaves one of its letters out.
func shortened(word string, yield func(string)) {
	yield(word)
	for i := range len(word) {
		yield(word[:i] + word[i+1:])
	}
}

// nearJoined finds the keyword of several words that a run of letters differs from by one slip: two words one letter
// apart have a shortening in common.
func (s *Set) nearJoined(letters string) (string, bool) {
	if len(letters) < minJoined-1 || len(letters) > 40 || !isASCII(letters) {
		return "", false
	}
	var buf [longest]byte
	for i := -1; i < len(letters); i++ {
		w := append(buf[:0], letters...)
		if i >= 0 {
			w = append(buf[:i], letters[i+1:]...)
		}
		spaced, ok := s.joined[string(w)]
		if ok && distance(letters, strings.ReplaceAll(spaced, " ", ""), 1) <= 1 {
			return spaced, true
		}
	}
	return "", false
}

// unglue parts a long word that nobody knows into known words: "stoptextingme". The fewest parts win.
func (s *Set) unglue(word string) (string, bool) {
	if n := len(word); n < 6 || n > 40 || !isASCII(word) || s.ordinary[word] {
		return "", false
	}
	from := make([]int, len(word)+1) // where the last part of the best parting up to here starts
	parts := make([]int, len(word)+1)
	for end := 1; end <= len(word); end++ {
		parts[end] = len(word) + 1
		for start := max(0, end-14); start <= end-2; start++ {
			if e, ok := s.lexicon[word[start:end]]; ok && len(e.sets) > 0 && parts[start]+1 < parts[end] {
				parts[end], from[end] = parts[start]+1, start
			}
		}
	}
	if parts[len(word)] < 2 || parts[len(word)] > 6 {
		return "", false
	}
	var words []string
	for end := len(word); end > 0; end = from[end] {
		words = append(words, word[from[end]:end])
	}
	slices.Reverse(words)
	return strings.Join(words, " "), true
}
