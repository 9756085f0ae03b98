package reply

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// wholeMessage reads a message that is a keyword and nothing else but courtesy, emoji, repetition or a slip.
func (s *Set) wholeMessage(m *message, in Input) (Result, bool) {
	if len(m.tokens) > 14 {
		return Result{}, false
	}
	if k, ok := s.keyword(join(m.tokens, typed), in.Region); ok {
		return s.byKeyword(k, m, in, true), true
	}
	if k, ok := s.keyword(join(s.untailed(m.tokens), typed), in.Region); ok && k.label == OptOut {
		return s.byKeyword(k, m, in, false), true
	}
	core := s.core(m)
	if k, ok := s.keyword(join(core, typed), in.Region); ok {
		return s.byKeyword(k, m, in, false), true
	}
	if k, ok := s.keyword(join(core, read), in.Region); ok {
		return s.asTypo(k, m, in), true
	}
	if k, ok := s.afterRefusal(core, in.Region); ok {
		return s.byKeyword(k, m, in, false), true
	}
	return s.byTypo(core, m, in)
}

// afterRefusal reads "no thanks, stop": a refusal that ends in a courtesy or at a break, and then a word that withdraws.
func (s *Set) afterRefusal(core []token, region string) (keyword, bool) {
	for i := 1; i < len(core) && i < 5; i++ {
		k, ok := s.keyword(join(core[i:], typed), region)
		apart := core[i].brk > noBreak || core[i-1].in(s.courtesy)
		if !ok || !apart || k.label != OptOut || utf8.RuneCountInString(k.word) < 4 {
			continue
		}
		no, ok := s.keyword(join(core[:i], typed), region)
		if ok && (no.label == Ambiguous || no.label == None) && (no.lang == k.lang || no.shared || k.shared || k.lang == undetermined) {
			return k, true
		}
	}
	return keyword{}, false
}

func typed(t token) string { return t.typed }
func read(t token) string  { return t.word }

func join(tokens []token, word func(token) string) string {
	if len(tokens) == 1 {
		return word(tokens[0])
	}
	parts := make([]string, len(tokens))
	for i, t := range tokens {
		parts[i] = word(t)
	}
	return strings.Join(parts, " ")
}

// untailed drops courtesy behind the words only: what is a courtesy in one language may withdraw in another ("stp pls").
func (s *Set) untailed(tokens []token) []token {
	n := len(tokens)
	for n > 1 && tokens[n-1].in(s.courtesy) {
		n--
	}
	return tokens[:n]
}

// core drops courtesy around the words, laughter, and immediate repetitions.
func (s *Set) core(m *message) []token {
	rest := make([]token, 0, len(m.tokens))
	for _, t := range m.tokens {
		if !t.in(s.laugh) && !t.in(s.noise) {
			rest = append(rest, t)
		}
	}
	for len(rest) > 1 && rest[0].in(s.courtesy) {
		rest = rest[1:]
	}
	for len(rest) > 1 && rest[len(rest)-1].in(s.courtesy) {
		rest = rest[:len(rest)-1]
	}
	return slices.CompactFunc(rest, func(a, b token) bool { return a.word == b.word })
}

// keyword finds the row that decides a word in a region: the region's own row, else the row for everywhere, else, for
// another region's opt-out word, the cautious reading of it.
func (s *Set) keyword(words, region string) (keyword, bool) {
	rows := s.keywords[words]
	if len(rows) == 0 {
		return keyword{}, false
	}
	var everywhere, elsewhere *keyword
	for i := range rows {
		row := &rows[i]
		switch {
		case region != "" && slices.Contains(row.regions, region):
			return *row, true
		case len(row.regions) == 0:
			everywhere = row
		case elsewhere == nil || row.label == OptOut:
			elsewhere = row
		}
	}
	switch {
	case everywhere != nil:
		return *everywhere, true
	case elsewhere.label != OptOut:
		return keyword{}, false
	case region != "":
		elsewhere = &keyword{word: elsewhere.word, label: Ambiguous, lang: elsewhere.lang}
	}
	return *elsewhere, true
}

// byKeyword gives a keyword's meaning. A grant must have been typed exactly; with anything around it it asks for a
// confirmation. A bare yes grants only what was asked for.
func (s *Set) byKeyword(k keyword, m *message, in Input, exact bool) Result {
	lang := k.language()
	res := Result{Label: k.label, Scope: k.scope, Language: tag(lang), Rule: lang + "/keyword"}
	switch {
	case k.label == affirm && in.Pending && exact && !m.asks:
		res.Label = OptIn
	case k.label == affirm:
		return Result{Label: None, Rule: lang + "/yes-unasked", Language: tag(lang)}
	case k.label == OptIn && (!exact || m.asks):
		res.Label, res.Rule = Ambiguous, lang+"/keyword-inexact"
	case k.label == OptOut && m.laughs && k.scope == Purpose:
		res.Label, res.Scope, res.Rule = Ambiguous, NoScope, lang+"/banter"
	}
	return res
}

// byTypo tries the words without the spaces between them ("st op"), then as one word with slips.
func (s *Set) byTypo(core []token, m *message, in Input) (Result, bool) {
	if len(core) == 0 || len(core) > 6 {
		return Result{}, false
	}
	if len(core) > 1 {
		var b strings.Builder
		for _, t := range core {
			b.WriteString(t.word)
		}
		if k, ok := s.keyword(b.String(), in.Region); ok && k.label == OptOut && utf8.RuneCountInString(k.word) > 3 {
			return s.asTypo(k, m, in), true
		}
		if w, ok := s.slipped[b.String()]; ok && len(core) == 2 {
			if k, ok := s.keyword(w, in.Region); ok && k.lang == "en" {
				return s.asTypo(k, m, in), true
			}
		}
		return s.byJoint(core, b.String(), m, in)
	}
	if w, ok := s.mistyped(core[0].word); ok {
		if k, ok := s.keyword(w, in.Region); ok && k.label == OptOut {
			return s.asTypo(k, m, in), true
		}
	}
	if glued, ok := s.unglue(core[0].typed); ok && s.stranger(core[0]) {
		apart := s.tokenise(glued, "")
		if k, ok := s.keyword(join(s.core(apart), read), in.Region); ok && k.label == OptOut {
			return s.asTypo(k, m, in), true
		}
		if res, ok := s.sentences(apart); ok && res.Label == OptOut {
			return res, true
		}
	}
	if w, ok := s.nearGrant[core[0].word]; ok {
		return Result{Label: Ambiguous, Rule: "und/near-grant", Language: tag(s.keywords[w][0].lang)}, true
	}
	return Result{}, false
}

// stranger reports whether no pattern names the token, but for its ending.
func (s *Set) stranger(t token) bool {
	return !slices.ContainsFunc(t.sets, func(set uint16) bool { return !slices.Contains(s.lexicon[anyDoing].sets, set) })
}

// byJoint corrects a slip in two or three words that are one keyword together ("otp out"), if one of them is no word.
func (s *Set) byJoint(core []token, joined string, m *message, in Input) (Result, bool) {
	if spaced, ok := s.nearJoined(joined); ok && len(core) < 5 {
		if k, ok := s.keyword(spaced, in.Region); ok && k.label == OptOut {
			return s.asTypo(k, m, in), true
		}
	}
	strange := slices.ContainsFunc(core, func(t token) bool { return s.stranger(t) && !s.ordinary[t.word] })
	if len(core) > 3 || !strange {
		return Result{}, false
	}
	w, ok := s.mistyped(joined)
	if !ok {
		return Result{}, false
	}
	k, ok := s.keyword(w, in.Region)
	if !ok || k.label != OptOut {
		return Result{}, false
	}
	return s.asTypo(k, m, in), true
}

// asTypo gives the meaning of a keyword that was read out of a disguise or a slip.
func (s *Set) asTypo(k keyword, m *message, in Input) Result {
	res := s.byKeyword(k, m, in, false)
	res.Rule = strings.Replace(res.Rule, "/keyword", "/typo", 1)
	return res
}

func tag(lang string) string {
	if lang == undetermined {
		return ""
	}
	return lang
}

// verdict gathers what the patterns of a message say.
type verdict struct {
	out       *pattern
	matches   []match
	bareOnly  bool
	final     bool      // no condition tempers it
	langs     languages // those of the withdrawals, but for words that belong to several
	ambiguous *pattern
	help      *pattern
}

// add takes a pattern's meaning in, in the scope that the words which matched it say.
func (v *verdict) add(p *pattern, scope Scope, at span) {
	switch p.label {
	case OptOut:
		if v.out == nil {
			v.out, v.bareOnly = p, true
		} else if v.out.bare && !p.bare || v.out.lang == undetermined && p.lang != undetermined && v.out.bare == p.bare {
			v.out = p
		}
		v.bareOnly = v.bareOnly && p.bare
		v.langs |= p.bit &^ 1
		v.matches = append(v.matches, match{scope, at})
	case Ambiguous:
		if v.ambiguous == nil {
			v.ambiguous = p
		}
	case Help:
		if v.help == nil {
			v.help = p
		}
	}
}

// sentences reads a message by its phrases. Overrides see every word; then guards take the words that mean something
// else ("bus stop"); what is left is read; a temper turns a withdrawal with a condition into an ambiguous one, but for
// an override.
func (s *Set) sentences(m *message) (Result, bool) {
	var v verdict
	s.each(s.overrides, m, false, func(p *pattern, from, to int) {
		v.add(p, p.scope, span{from, to})
		v.final = true
	})
	s.hide(m)
	s.mask(m)
	var outs []span
	s.each(s.phrases, m, false, func(p *pattern, from, to int) {
		v.add(p, s.said(p, m.tokens[from:to]), span{from, to})
		if p.label == OptOut {
			outs = append(outs, span{from, to})
		}
	})
	if v.out == nil {
		s.gather(s.bags, m, func(p *pattern, sentence []token, _ uint64) { v.add(p, s.said(p, sentence), span{}) })
	}
	if v.out != nil {
		temper := s.tempering(m, outs, v.langs)
		switch {
		case temper != nil && !v.final:
			return found(temper, Ambiguous, NoScope), true
		case m.laughs && v.bareOnly:
			return Result{Label: Ambiguous, Rule: v.out.lang + "/banter", Language: tag(v.out.lang)}, true
		}
		return found(v.out, OptOut, v.scopes().widest()), true
	}
	switch {
	case v.ambiguous != nil:
		return found(v.ambiguous, Ambiguous, NoScope), true
	case v.help != nil:
		return found(v.help, Help, NoScope), true
	}
	return Result{}, false
}

// span is the tokens that a pattern covers: from, and up to but not to.
type span struct{ from, to int }

func (a span) meets(b span) bool { return a.from < b.to && b.from < a.to }

func (a span) holds(b span) bool { return a.from <= b.from && b.to <= a.to && a.from < a.to }

// clause widens a span to the breaks around it.
func (m *message) clause(a span) span {
	for a.from > 0 && m.tokens[a.from].brk == noBreak {
		a.from--
	}
	for a.to < len(m.tokens) && m.tokens[a.to].brk == noBreak {
		a.to++
	}
	return a
}

// tempering finds the condition that a withdrawal stands under. A condition that is part of one withdrawal ("no texts
// at night") leaves another untouched ("remove my number"); one that stands apart ("just kidding") is about them all. It is
// in the language of the withdrawal, where that has one: "for" is a time in some and a reason in others.
func (s *Set) tempering(m *message, outs []span, langs languages) *pattern {
	var temper *pattern
	var local []span
	apart := false
	s.each(s.tempers, m, true, func(p *pattern, from, to int) {
		if langs != 0 && p.bit&^1 != 0 && p.bit&langs == 0 {
			return
		}
		temper = p
		at := m.clause(span{from, to})
		if slices.ContainsFunc(outs, at.meets) {
			local = append(local, at)
		} else {
			apart = true
		}
	})
	if temper == nil || apart {
		return temper
	}
	for _, o := range outs {
		if !slices.ContainsFunc(local, o.meets) {
			return nil
		}
	}
	return temper
}

// mask hides the words that a guard takes, unless a withdrawal starts before it, or where it does and is longer: "wrong
// number on the invoice" is hidden, "you have the wrong number" is not. A guard that starts with a negation gives way only
// to words beyond it: "I want not to stop".
func (s *Set) mask(m *message) {
	var hidden []span
	s.each(s.guards, m, true, func(_ *pattern, from, to int) { hidden = append(hidden, span{from, to}) })
	if hidden == nil {
		return
	}
	var outs []span
	s.each(s.phrases, m, false, func(p *pattern, from, to int) {
		if p.label == OptOut && !p.bare {
			outs = append(outs, span{from, to})
		}
	})
	for _, h := range hidden {
		if slices.ContainsFunc(outs, func(o span) bool { return o.outweighs(h, m.tokens[h.from].negates) }) {
			continue
		}
		for i := h.from; i < h.to; i++ {
			m.tokens[i].masked = true
		}
	}
}

// outweighs reports whether a withdrawal keeps a guard from hiding its words.
func (a span) outweighs(guard span, negates bool) bool {
	if negates && a.to <= guard.to {
		return false
	}
	return a.from < guard.from && guard.from < a.to || a.from == guard.from && a.to > guard.to
}

func found(p *pattern, label Label, scope Scope) Result {
	return Result{Label: label, Scope: scope, Language: tag(p.lang), Rule: p.lang + "/" + p.id}
}

// each calls do with every pattern of the rules, in a language spoken, that matches, and the tokens that it covers.
func (s *Set) each(rules index[*pattern], m *message, guard bool, do func(p *pattern, from, to int)) {
	for i := range m.tokens {
		for _, set := range m.tokens[i].sets {
			for _, p := range rules.under(set) {
				if p.bit&m.langs == 0 || !m.holdsAll(p.needs) {
					continue
				}
				if end, ok := p.find(m, i, guard); ok {
					do(p, i, end)
				}
			}
		}
	}
}
