package reply

import (
	"errors"
	"fmt"
	"strings"
)

// bag is a rule about the words of one sentence in whatever order: each of the needed sets has a word there that no
// guard took, and none of the barred sets has any. It reads what no phrase foresaw.
type bag struct {
	pattern
	need []uint16
	bars []uint16
}

// compileBag reads a bag's text: sets as in patterns, at least two, and !sets that must not occur.
func (b *builder) compileBag(d draft) error {
	one := bag{pattern: *d.pattern}
	one.bit = b.numbers[d.pattern.lang]
	for _, f := range strings.Fields(d.text) {
		text, barred := strings.CutPrefix(f, "!")
		if strings.ContainsAny(text, "?^$") || strings.HasPrefix(text, "..") {
			return fmt.Errorf("bag element %q: want words, a class, or either after !", f)
		}
		id, err := b.element(d.pattern.lang, text)
		if err != nil {
			return err
		}
		if barred {
			one.bars = append(one.bars, id)
		} else {
			one.need = append(one.need, id)
		}
	}
	if len(one.need) < 2 {
		return errors.New("a bag needs two words or more")
	}
	if one.label == None {
		b.set.hides.file(one.need[0], &one)
	} else {
		b.set.bags.file(one.need[0], &one)
	}
	return nil
}

// gather calls do with every bag of the rules, in a language spoken, that a sentence of the message fills, and with the
// tokens that fill it.
func (s *Set) gather(rules index[*bag], m *message, do func(p *pattern, sentence []token, used uint64)) {
	for from := 0; from < len(m.tokens); {
		to := from + 1
		for to < len(m.tokens) && m.tokens[to].brk < hardBreak {
			to++
		}
		sentence := m.tokens[from:to]
		for i := range sentence {
			if sentence[i].masked {
				continue
			}
			for _, set := range sentence[i].sets {
				for _, b := range rules.under(set) {
					if b.bit&m.langs == 0 || !m.holdsAll(b.need) {
						continue
					}
					if used := b.holds(sentence, i); used != 0 {
						do(&b.pattern, sentence, used)
					}
				}
			}
		}
		from = to
	}
}

// hide masks the tokens that fill a bag which means nothing for consent: "don't ring the bell", "call my mobile instead".
func (s *Set) hide(m *message) {
	s.gather(s.hides, m, func(_ *pattern, sentence []token, used uint64) {
		for i := range sentence[:min(len(sentence), 63)] {
			if used&(1<<i) != 0 {
				sentence[i].masked = true
			}
		}
	})
}

// holds returns the tokens of the sentence that fill the bag, its first need by the token given; none if it is not
// filled. One token fills one need only.
func (b *bag) holds(sentence []token, first int) uint64 {
	for i := range sentence {
		for _, set := range b.bars {
			if sentence[i].in(set) {
				return 0
			}
		}
	}
	return fill(b.need[1:], sentence, uint64(1)<<min(first, 63))
}

func fill(need []uint16, sentence []token, used uint64) uint64 {
	if len(need) == 0 {
		return used
	}
	for i := range sentence[:min(len(sentence), 63)] {
		t := &sentence[i]
		if used&(1<<i) != 0 || t.masked || !t.in(need[0]) {
			continue
		}
		if all := fill(need[1:], sentence, used|1<<i); all != 0 {
			return all
		}
	}
	return 0
}
