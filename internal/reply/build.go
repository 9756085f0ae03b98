package reply

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func isLetterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// finish compiles what the rows said, now that all classes are known.
func (b *builder) finish() (*Set, error) {
	s := b.set
	for _, role := range []struct {
		name string
		set  *uint16
	}{
		{"lead", &s.lead}, {"joint", &s.joint}, {"tail", &s.tail}, {"laugh", &s.laugh},
		{"noise", &s.noise}, {"courtesy", &s.courtesy}, {"neg", &s.negation},
	} {
		id, err := b.class("*" + role.name)
		if err != nil {
			return nil, err
		}
		*role.set = id
	}
	for _, k := range b.commands {
		if k.label == OptOut || k.label == Ambiguous {
			p := &pattern{label: k.label, scope: k.scope, lang: k.lang, id: "command", bare: true}
			b.patterns = append(b.patterns, draft{kind: "phrase", pattern: p, text: "^ " + k.word + " $"})
		}
	}
	if err := b.indexAll(); err != nil {
		return nil, err
	}
	if err := b.channels(); err != nil {
		return nil, err
	}
	b.forenames()
	b.openers()
	for _, words := range []map[string]entry{s.lexicon, s.stems} {
		for _, e := range words {
			slices.Sort(e.sets)
		}
	}
	s.sets = uint16(len(b.sets))
	s.fileBeginnings()
	b.slips()
	return s, nil
}

// channels numbers each language's words for what comes.
func (b *builder) channels() error {
	for _, lang := range b.tongues() {
		var c channels
		for _, class := range []struct {
			name string
			set  *uint16
		}{{"messages", &c.messages}, {"calls", &c.calls}, {"callv", &c.calling}, {"marketing", &c.marketing}} {
			if b.classes[lang+"."+class.name] == nil {
				continue
			}
			id, err := b.element(lang, "<"+class.name+">")
			if err != nil {
				return err
			}
			*class.set = id
		}
		b.set.channels[lang] = c
	}
	return nil
}

// indexAll files every pattern, and every frame in the words of each language that has them.
func (b *builder) indexAll() error {
	for _, d := range b.patterns {
		written, err := []draft{d}, error(nil)
		if d.kind == "frame" {
			written, err = b.spell(d)
		}
		for _, one := range written {
			if err == nil {
				err = b.index(one)
			}
		}
		if err != nil {
			d.at.Err = err
			return &d.at
		}
	}
	return nil
}

// forenames gives the words of the classes called forename the sets of anyName, however they are written.
func (b *builder) forenames() {
	s := b.set
	for key, names := range b.classes {
		if !strings.HasSuffix(key, ".forename") {
			continue
		}
		for _, name := range names {
			for _, id := range s.lexicon[anyName].sets {
				add(s.lexicon, name, id, 0)
				add(s.lexicon, name+"s", id, 0)
			}
		}
	}
}

// openers marks the words of the classes called after: in that language they open the next clause.
func (b *builder) openers() {
	for key, words := range b.classes {
		lang, role, _ := strings.Cut(key, ".")
		if role != "after" {
			continue
		}
		for _, w := range words {
			w = strings.ReplaceAll(fold(w), "'", "")
			e := b.set.lexicon[w]
			e.opens |= b.numbers[lang]
			b.set.lexicon[w] = e
		}
	}
}

// fileBeginnings files the stems by their first bytes, the shorter before the longer.
func (s *Set) fileBeginnings() {
	for _, stem := range sorted(s.stems) {
		s.begins[stem[:stemKey]] = append(s.begins[stem[:stemKey]], stem)
	}
}

// index compiles a pattern and files it under every set that its first word may belong to.
func (b *builder) index(d draft) error {
	if d.kind == "bag" {
		return b.compileBag(d)
	}
	steps, err := b.compile(d.pattern.lang, d.text)
	if err != nil {
		return err
	}
	d.pattern.steps, d.pattern.bit = steps, b.numbers[d.pattern.lang]
	for _, st := range steps {
		if st.op == opWord && !st.optional && !st.orEnd {
			d.pattern.needs = append(d.pattern.needs, st.set)
		}
	}
	rules := map[string]*index[*pattern]{
		"phrase": &b.set.phrases, "override": &b.set.overrides, "guard": &b.set.guards, "temper": &b.set.tempers,
	}[d.kind]
	for _, st := range steps {
		if st.op != opWord {
			continue
		}
		rules.file(st.set, d.pattern)
		if !st.optional {
			break
		}
	}
	return nil
}

// element numbers one element of a pattern and enters its words.
func (b *builder) element(lang, text string) (uint16, error) {
	key := text
	if strings.Contains(text, "<") && !strings.Contains(text, "<*") {
		key = lang + ":" + text
	}
	var members []string
	for _, alt := range strings.Split(text, "|") {
		more, err := b.members(lang, alt)
		if err != nil {
			return 0, err
		}
		members = append(members, more...)
	}
	return b.enter(key, members, b.numbers[lang])
}

// class numbers a class by its name: of all languages ("*name") or of none.
func (b *builder) class(name string) (uint16, error) { return b.element(undetermined, "<"+name+">") }

func (b *builder) members(lang, alt string) ([]string, error) {
	name, ok := strings.CutPrefix(alt, "<")
	if !ok {
		return []string{alt}, nil
	}
	name, ok = strings.CutSuffix(name, ">")
	if !ok || name == "" {
		return nil, fmt.Errorf("class %q: want <name>", alt)
	}
	if every, ok := strings.CutPrefix(name, "*"); ok {
		var all []string
		for key, words := range b.classes {
			if strings.HasSuffix(key, "."+every) {
				all = append(all, words...)
			}
		}
		if all == nil {
			return nil, fmt.Errorf("class %q: no language has it", name)
		}
		return all, nil
	}
	words, ok := b.classes[lang+"."+name]
	if !ok {
		if words, ok = b.classes[undetermined+"."+name]; !ok {
			return nil, fmt.Errorf("class %q is not defined for %s", name, lang)
		}
	}
	return words, nil
}

// enter adds words and stems to the lexicon under the element's number, for patterns of a language.
func (b *builder) enter(key string, members []string, lang languages) (uint16, error) {
	id, ok := b.sets[key]
	if !ok {
		id = uint16(len(b.sets) + 1)
		b.sets[key] = id
	}
	for _, w := range members {
		stem, isStem := strings.CutSuffix(fold(w), "*")
		if stem = strings.ReplaceAll(stem, "'", ""); stem == "" {
			return 0, fmt.Errorf("%q holds an empty word", key)
		}
		if !isStem {
			add(b.set.lexicon, stem, id, lang)
			continue
		}
		if utf8.RuneCountInString(stem) < 3 {
			return 0, fmt.Errorf("stem %q: want three letters or more before the star", w)
		}
		add(b.set.stems, stem, id, lang)
	}
	return id, nil
}

func add(words map[string]entry, word string, id uint16, lang languages) {
	e := words[word]
	if !slices.Contains(e.sets, id) {
		e.sets = append(e.sets, id)
	}
	e.langs |= lang
	words[word] = e
}

// slips works out which mistyped words are read as which. A word that exists, in any language of ours, is never one.
func (b *builder) slips() {
	s := b.set
	for word := range s.keywords {
		for _, part := range strings.Fields(word) {
			if _, ok := s.lexicon[part]; !ok {
				s.lexicon[part] = entry{}
			}
		}
	}
	free := func(w string) bool { _, known := s.lexicon[w]; return !known && !s.ordinary[w] }
	for _, word := range sorted(s.lexicon) {
		if len(word) < 6 || len(s.lexicon[word].sets) == 0 {
			continue
		}
		slips(word, false, func(w string) {
			if free(w) {
				s.typos[w] = word
			}
		})
	}
	for _, word := range sorted(s.lexicon) {
		if len(word) != 5 || len(s.lexicon[word].sets) == 0 || !isASCII(word) {
			continue
		}
		for i := range 4 {
			if w := word[:i] + word[i+1:i+2] + word[i:i+1] + word[i+2:]; free(w) {
				s.typos[w] = word
			}
		}
	}
	for _, word := range sorted(s.keywords) {
		b.keywordSlips(word, free)
	}
	slips("stop", true, func(w string) {
		if free(w) {
			s.typos[w] = "stop"
		}
	})
}

func (b *builder) keywordSlips(word string, free func(string) bool) {
	s := b.set
	label := s.keywords[word][0].label
	if joined := strings.ReplaceAll(word, " ", ""); joined != word && label == OptOut && len(joined) >= minJoined && isASCII(joined) {
		shortened(joined, func(w string) {
			if s.joined[w] == "" {
				s.joined[w] = word
			}
		})
	}
	if strings.Contains(word, " ") || len(word) < 4 || label != OptOut && label != OptIn {
		return
	}
	if label == OptOut && len(word) >= 6 {
		s.correctable = append(s.correctable, word)
	}
	meant := s.slipped
	if label == OptIn {
		meant = s.nearGrant
	}
	if lang := s.keywords[word][0].lang; len(word) < 5 && lang != "en" && lang != undetermined {
		// Too short: most slips of one language are the words of another.
		if w := word + word[len(word)-1:]; free(w) && meant[w] == "" {
			meant[w] = word
		}
		return
	}
	slips(word, word == "stop", func(w string) {
		if free(w) && meant[w] == "" {
			meant[w] = word
		}
	})
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
