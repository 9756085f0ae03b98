package consent

import (
	"fmt"
	"slices"
	"strings"
)

// names is the one table between an enumeration and the words that the API, the ledger and the store use for it.
type names[E ~uint8] struct {
	what  string
	words []string
}

func (n names[E]) name(e E) string {
	if int(e) < len(n.words) {
		return n.words[e]
	}
	return fmt.Sprintf("%s(%d)", n.what, uint8(e))
}

func (n names[E]) parse(s string) (E, error) {
	if i := slices.Index(n.words, s); i >= 0 && s != "" {
		return E(i), nil
	}
	return 0, &UnknownNameError{What: n.what, Got: s, Known: slices.DeleteFunc(slices.Clone(n.words), func(w string) bool { return w == "" })}
}

func (n names[E]) marshal(e E) ([]byte, error) {
	if int(e) >= len(n.words) {
		return nil, fmt.Errorf("%s %d has no name", n.what, uint8(e))
	}
	return []byte(n.words[e]), nil
}

func (n names[E]) unmarshal(e *E, b []byte) error {
	if len(b) == 0 && n.words[0] == "" {
		*e = 0
		return nil
	}
	v, err := n.parse(string(b))
	if err != nil {
		return err
	}
	*e = v
	return nil
}

// UnknownNameError tells which word was not understood, and which ones would have been.
type UnknownNameError struct {
	What  string
	Got   string
	Known []string
}

func (e *UnknownNameError) Error() string {
	return fmt.Sprintf("unknown %s %q: want one of %s", e.What, e.Got, strings.Join(e.Known, ", "))
}
