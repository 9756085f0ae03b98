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
	b.set.bags.file(one.need[0], &one)
	return nil
}

// gather calls do with every bag, in a language spoken, that a sentence of the message fills.
func (s *Set) gather(m *message, do func(p *pattern)) {
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
				for _, b := range s.bags.under(set) {
					if b.bit&m.langs != 0 && b.holds(sentence, i) {
						do(&b.pattern)
					}
				}
			}
		}
		from = to
	}
}

// holds reports whether the sentence fills the bag, its first need by the token given. One token fills one need only.
func (b *bag) holds(sentence []token, first int) bool {
	for i := range sentence {
		for _, set := range b.bars {
			if sentence[i].in(set) {
				return false
			}
		}
	}
	return fill(b.need[1:], sentence, uint64(1)<<min(first, 63))
}

func fill(need []uint16, sentence []token, used uint64) bool {
	if len(need) == 0 {
		return true
	}
	for i := range sentence[:min(len(sentence), 63)] {
		t := &sentence[i]
		if used&(1<<i) == 0 && !t.masked && t.in(need[0]) && fill(need[1:], sentence, used|1<<i) {
			return true
		}
	}
	return false
}
