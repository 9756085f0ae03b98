package reply

import "strings"

// minStaccato is from how many sentences of one word each on they are taken for one: "No. More. Texts."
const minStaccato = 3

// staccato returns the message with every run of sentences of one word each made one sentence. It reports false if there
// is no such run.
func (m *message) staccato() (string, bool) {
	run, longest := 0, 0
	for i := range m.tokens {
		if run++; !m.alone(i) {
			run = 0
		}
		longest = max(longest, run)
	}
	if longest < minStaccato {
		return "", false
	}
	var out strings.Builder
	for i := 0; i < len(m.tokens); {
		n := m.aloneFrom(i)
		if i > 0 && m.tokens[i].brk > noBreak {
			out.WriteByte('.')
		}
		if n < minStaccato {
			n = 1
		}
		for _, t := range m.tokens[i : i+n] {
			out.WriteByte(' ')
			out.WriteString(t.typed)
		}
		i += n
	}
	return out.String(), true
}

// aloneFrom counts the tokens from a place on that are sentences of their own.
func (m *message) aloneFrom(i int) (n int) {
	for i+n < len(m.tokens) && m.alone(i+n) {
		n++
	}
	return n
}

// alone reports whether a token is a sentence of its own.
func (m *message) alone(i int) bool {
	return (i == 0 || m.tokens[i].brk == hardBreak) && (i+1 == len(m.tokens) || m.tokens[i+1].brk == hardBreak)
}
