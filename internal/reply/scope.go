package reply

import "slices"

// match is where a withdrawal was found, and in which scope.
type match struct {
	scope Scope
	at    span
}

// scopes adds up what the withdrawals cover. One that says no more than stop, and stands within one about calls ("stop" in
// "stop calling"), is about those calls.
func (v *verdict) scopes() scopes {
	var all scopes
	for _, m := range v.matches {
		within := slices.ContainsFunc(v.matches, func(other match) bool { return other.scope == Calls && other.at.holds(m.at) })
		if !within || m.scope == Calls {
			all |= scopeBit(m.scope)
		}
	}
	return all
}

// said narrows the scope of a pattern about messages in general by the words that it met: of calls alone, or of advertising
// alone.
func (s *Set) said(p *pattern, met []token) Scope {
	words := s.channels[p.lang]
	if p.scope != Texts || words.holds(met, words.messages) {
		return p.scope
	}
	switch {
	case words.holds(met, words.calls) || words.holds(met, words.calling):
		return Calls
	case words.holds(met, words.marketing):
		return Purpose
	}
	return p.scope
}

// channels are a language's sets of words for what comes: messages, calls, the act of calling, advertising; 0 for none.
type channels struct{ messages, calls, calling, marketing uint16 }

func (channels) holds(tokens []token, set uint16) bool {
	return set != 0 && slices.ContainsFunc(tokens, func(t token) bool { return t.in(set) })
}

// scopes is a set of scopes.
type scopes uint8

const (
	inPurpose scopes = 1 << iota
	inTexts
	inCalls
	inAll
)

func scopeBit(s Scope) scopes {
	switch s {
	case Texts:
		return inTexts
	case Calls:
		return inCalls
	case Everything:
		return inAll
	}
	return inPurpose
}

// widest is the one scope that covers all that was said. A plain stop beside "don't call me" is about both.
func (s scopes) widest() Scope {
	switch {
	case s&inAll != 0, s&inCalls != 0 && s&(inTexts|inPurpose) != 0:
		return Everything
	case s&inCalls != 0:
		return Calls
	case s&inTexts != 0:
		return Texts
	}
	return Purpose
}
