package reply

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// builder gathers rows and compiles them once all classes are known.
type builder struct {
	set      *Set
	lang     string
	added    bool
	classes  map[string][]string  // "lang.name" and its words
	sets     map[string]uint16    // a pattern element and its number
	numbers  map[string]languages // a language and its bit
	bits     int                  // how many are taken
	patterns []draft
	commands []keyword
}

// draft is a pattern row that waits for the classes of later rows.
type draft struct {
	kind    string
	pattern *pattern
	text    string
	at      ParseError
}

func newBuilder() *builder {
	return &builder{
		set: &Set{
			lexicon: map[string]entry{}, stems: map[string]entry{}, begins: map[string][]string{}, keywords: map[string][]keyword{},
			typos: map[string]string{}, slipped: map[string]string{}, joined: map[string]string{}, nearGrant: map[string]string{},
			ordinary: map[string]bool{}, runs: newRuns(), reactions: map[string]bool{}, instructs: map[string]bool{},
			elided: map[string]bool{}, channels: map[string]channels{},
		},
		classes: map[string][]string{}, sets: map[string]uint16{}, numbers: map[string]languages{undetermined: 1}, bits: 1,
	}
}

// rows reads one file. Columns are parted by tabs; lines that are empty or start with # say nothing.
func (b *builder) rows(file, text string) error {
	b.lang = undetermined
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := ParseError{File: file, Line: n}
		if err := b.row(strings.Split(line, "\t"), at); err != nil {
			at.Err = err
			return &at
		}
	}
	return nil
}

// columns is how many columns each kind of row has.
var columns = map[string]int{
	"language": 2, "family": 3, "keyword": 5, "command": 5, "class": 3, "phrase": 5, "override": 5, "bag": 5, "frame": 5, "guard": 3, "temper": 3,
	"contains": 5, "exclude": 2, "ordinary": 2, "reaction": 2, "wrote": 2, "signature": 2, "instruct": 2, "elided": 2,
}

func (b *builder) row(cols []string, at ParseError) error {
	want, ok := columns[cols[0]]
	if !ok {
		return fmt.Errorf("unknown kind of row %q", cols[0])
	}
	if len(cols) != want {
		return fmt.Errorf("%s row: %d columns, want %d parted by tabs", cols[0], len(cols), want)
	}
	for i, c := range cols {
		if cols[i] = strings.TrimSpace(c); cols[i] == "" {
			return fmt.Errorf("%s row: column %d is empty; write - for none", cols[0], i+1)
		}
	}
	switch cols[0] {
	case "language":
		return b.language(cols[1])
	case "family":
		return b.family(cols[1], strings.Fields(cols[2]))
	case "keyword", "command":
		return b.keywordRow(cols)
	case "class":
		key := b.lang + "." + cols[1]
		b.classes[key] = append(b.classes[key], strings.Fields(cols[2])...)
		return nil
	case "phrase", "override", "bag", "frame":
		label, scope, err := meaning(cols[1], cols[2])
		if err != nil {
			return err
		}
		if label == OptIn || label == affirm {
			return errors.New("a phrase may not grant: grants are exact keywords")
		}
		b.draft(cols[0], pattern{label: label, scope: scope, lang: b.lang, id: cols[3]}, cols[4], at)
		return nil
	case "guard", "temper":
		b.draft(cols[0], pattern{lang: b.lang, id: cols[1]}, cols[2], at)
		return nil
	case "contains":
		return b.containsRow(cols)
	}
	b.listRow(cols[0], split(cols[1]))
	return nil
}

// maxLanguages is how many languages a set can tell apart.
const maxLanguages = 64

func (b *builder) language(tag string) error {
	if b.numbers[tag] == 0 {
		if b.bits == maxLanguages {
			return fmt.Errorf("language %q: more than %d languages", tag, maxLanguages)
		}
		b.numbers[tag] = 1 << b.bits
		b.bits++
	}
	b.lang = tag
	return nil
}

// family makes the languages of a family count as one where it is asked which language a message is in: they share most
// of their words.
func (b *builder) family(name string, tags []string) error {
	if err := b.language(name); err != nil {
		return err
	}
	for _, tag := range tags {
		if bit := b.numbers[tag]; bit != 0 && bit != b.numbers[name] {
			return fmt.Errorf("language %q: a family row must stand before its words", tag)
		}
		b.numbers[tag] = b.numbers[name]
	}
	return nil
}

func (b *builder) draft(kind string, p pattern, texts string, at ParseError) {
	for _, text := range split(texts) {
		one := p
		b.patterns = append(b.patterns, draft{kind: kind, pattern: &one, text: text, at: at})
	}
}

// listRow reads the rows that are one list of words or phrases.
func (b *builder) listRow(kind string, items []string) {
	s := b.set
	for _, item := range items {
		item = fold(item)
		switch kind {
		case "exclude":
			for _, w := range expand([]string{item}) {
				s.runs.exclude(squash(w))
			}
		case "ordinary":
			for _, w := range strings.Fields(item) {
				s.ordinary[w] = true
			}
		case "reaction":
			s.reactions[words(item)] = true
		case "wrote":
			s.wrote = append(s.wrote, item)
		case "signature":
			s.signatures = append(s.signatures, item)
		case "instruct":
			s.instructs[item] = true
		case "elided":
			s.elided[item] = true
		}
	}
}

// perSe are the words that the law of the United States fixes as withdrawals (47 CFR 64.1200(a)(10)), and help; an
// operator's row may not give them another meaning there.
var perSe = []string{"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe", "help"}

func (b *builder) keywordRow(cols []string) error {
	label, scope, err := meaning(cols[1], cols[2])
	if err != nil {
		return err
	}
	var regions []string
	if cols[3] != "*" {
		regions = strings.Split(cols[3], ",")
	}
	for _, r := range regions {
		if len(r) != 2 || r[0] < 'A' || r[0] > 'Z' || r[1] < 'A' || r[1] > 'Z' {
			return fmt.Errorf("region %q: want two capital letters (ISO 3166-1), or * for everywhere", r)
		}
	}
	for _, w := range split(cols[4]) {
		word := strings.Join(b.wordsOf(w), " ")
		if word == "" {
			return fmt.Errorf("keyword %q holds no letter, digit or known emoji", w)
		}
		if err := b.mayRelabel(word, label, regions); err != nil {
			return err
		}
		k := keyword{word: word, label: label, scope: scope, lang: b.lang, regions: regions}
		b.set.keywords[word] = append(slices.DeleteFunc(b.set.keywords[word], func(old keyword) bool {
			same := slices.Equal(old.regions, regions)
			k.shared = k.shared || same && old.label == label && (old.shared || old.lang != b.lang)
			return same
		}), k)
		if cols[0] == "command" {
			b.commands = append(b.commands, k)
		}
	}
	return nil
}

func (b *builder) mayRelabel(word string, label Label, regions []string) error {
	if !b.added || !slices.Contains(perSe, word) || len(regions) > 0 && !slices.Contains(regions, "US") {
		return nil
	}
	if fixed := b.set.keywords[word][0].label; fixed != label {
		return fmt.Errorf("keyword %q must stay %s in the United States (47 CFR 64.1200(a)(10))", word, fixed)
	}
	return nil
}

// wordsOf cuts a keyword as the tokeniser will cut the message that holds it.
func (b *builder) wordsOf(w string) []string {
	folded := fold(w)
	if !strings.ContainsFunc(folded, isLetterOrDigit) {
		return strings.Split(strings.Join(strings.Fields(folded), ""), "")
	}
	m := &message{}
	sc := scanner{set: b.set, m: m, text: folded}
	sc.run()
	out := make([]string, len(m.tokens))
	for i, t := range m.tokens {
		out[i] = t.word
	}
	return out
}

func (b *builder) containsRow(cols []string) error {
	label, scope, err := meaning(cols[1], cols[2])
	if err != nil {
		return err
	}
	if label == OptIn || label == affirm {
		return errors.New("a contained word may not grant: grants are exact keywords")
	}
	for _, w := range expand(split(cols[4])) {
		w = squash(fold(w))
		if len(w) < 4 {
			return fmt.Errorf("contained word %q is too short", w)
		}
		b.set.runs.add(contained{word: w, label: label, scope: scope, lang: b.lang, id: cols[3]})
	}
	return nil
}

// expand writes out words with groups: {a|b}c is ac and bc.
func expand(words []string) []string {
	var out []string
	for _, w := range words {
		open, close := strings.IndexByte(w, '{'), strings.IndexByte(w, '}')
		if open < 0 || close < open {
			out = append(out, w)
			continue
		}
		for _, alt := range strings.Split(w[open+1:close], "|") {
			out = append(out, expand([]string{w[:open] + alt + w[close+1:]})...)
		}
	}
	return out
}

// meaning reads a row's label and scope; a scope belongs to a withdrawal and to nothing else.
func meaning(label, scope string) (Label, Scope, error) {
	l := Label(label)
	if !slices.Contains([]Label{OptOut, OptIn, Help, Ambiguous, None, affirm}, l) {
		return "", "", fmt.Errorf("unknown label %q: want opt_out, opt_in, yes, help, ambiguous or none", label)
	}
	if l != OptOut {
		if scope != "-" {
			return "", "", fmt.Errorf("scope %q: only opt_out has one; write -", scope)
		}
		return l, NoScope, nil
	}
	s := Scope(scope)
	if !slices.Contains([]Scope{Purpose, Texts, Calls, Everything}, s) {
		return "", "", fmt.Errorf("unknown scope %q: want purpose, texts, calls or everything", scope)
	}
	return l, s, nil
}
