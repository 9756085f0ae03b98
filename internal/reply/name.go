package reply

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// anyName is the word by which patterns name any token that was written like a person's name.
const anyName = "@name"

// nameSomeone gives the words that are written with a capital inside a sentence the sets of anyName: "I'm not Steve" says
// something else than "I'm not sure". A message in capitals, or of one word, names nobody.
func (s *Set) nameSomeone(m *message, original string) {
	sets := s.lexicon[anyName].sets
	if len(sets) == 0 || len(m.tokens) < 3 {
		return
	}
	names := capitalised(original[:min(len(original), headRunes)])
	if len(names) == 0 {
		return
	}
	for i := range m.tokens {
		t := &m.tokens[i]
		for _, name := range names {
			if t.typed == name || t.typed == name+"s" {
				t.sets = union(t.sets, sets)
				break
			}
		}
	}
}

// capitalised returns, folded, the words of a text that start with a capital and go on in small letters, but for the
// first word of each sentence.
func capitalised(text string) []string {
	var names []string
	opens, titled := true, false
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if !unicode.IsLetter(r) {
			opens = opens || strings.ContainsRune(".!?\n", r) && !(r == '.' && titled)
			text = text[n:]
			continue
		}
		end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
		if end < 0 {
			end = len(text)
		}
		word := text[:end]
		second, _ := utf8.DecodeRuneInString(word[n:])
		if !opens && unicode.IsUpper(r) && end > n && unicode.IsLower(second) {
			names = append(names, fold(word))
		}
		opens, titled, text = false, isTitle(word), text[end:]
	}
	return names
}

// isTitle reports whether a word stands before a name, so that the stop after it ends no sentence.
func isTitle(word string) bool {
	switch word {
	case "Mr", "Mrs", "Ms", "Dr", "Prof", "Hr", "Fr", "Sr", "Sra":
		return true
	}
	return false
}
