package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fault is one thing wrong in a pack: where it stands and why it cannot be accepted.
type Fault struct {
	File   string
	Line   int
	Reason string
}

// Error returns file, line and reason in the form that editors jump to.
func (f Fault) Error() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Reason) }

// Faults are all the things wrong with a set of packs, in the order of files and lines.
type Faults []Fault

// Error lists every fault on a line of its own.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return f
}

// reader walks one file's nodes and collects every fault instead of stopping at the first.
type reader struct {
	file   string
	faults Faults
}

func (r *reader) fault(n *yaml.Node, format string, args ...any) {
	line := 1
	if n != nil {
		line = n.Line
	}
	r.faults = append(r.faults, Fault{r.file, line, fmt.Sprintf(format, args...)})
}

// fields maps each key that a mapping may hold to what reads its value.
type fields map[string]func(*yaml.Node)

func (r *reader) mapping(n *yaml.Node, what string, fs fields) {
	if n.Kind != yaml.MappingNode {
		r.fault(n, "%s: want a mapping", what)
		return
	}
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		read, known := fs[key.Value]
		switch {
		case !known:
			r.fault(key, "%s: unknown field %q", what, key.Value)
		case seen[key.Value]:
			r.fault(key, "%s: field %q stands twice", what, key.Value)
		default:
			read(n.Content[i+1])
		}
		seen[key.Value] = true
	}
}

// pairs visits a mapping whose keys are names that the pack chooses.
func (r *reader) pairs(n *yaml.Node, what string, visit func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.fault(n, "%s: want a mapping", what)
		return
	}
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; seen[key.Value] {
			r.fault(key, "%s: %q stands twice", what, key.Value)
			continue
		}
		seen[n.Content[i].Value] = true
		visit(n.Content[i], n.Content[i+1])
	}
}

func (r *reader) list(n *yaml.Node, what string, visit func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.fault(n, "%s: want a list", what)
		return
	}
	for _, item := range n.Content {
		visit(item)
	}
}

func (r *reader) scalar(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fault(n, "%s: want a word", what)
		return "", false
	}
	return strings.TrimSpace(n.Value), true
}

func (r *reader) text(what string, into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s, ok := r.scalar(n, what)
		if ok && s == "" {
			r.fault(n, "%s is empty", what)
		}
		*into = s
	}
}

func (r *reader) texts(what string, into *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.list(n, what, func(item *yaml.Node) {
			if s, ok := r.scalar(item, what); ok {
				*into = append(*into, s)
			}
		})
		if len(*into) == 0 {
			r.fault(n, "%s: the list is empty", what)
		}
	}
}

func (r *reader) boolean(what string, into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || (n.Value != "true" && n.Value != "false") {
			r.fault(n, "%s: want true or false", what)
			return
		}
		*into = n.Value == "true"
	}
}

// read parses one scalar with parse and stores the value; a fault names the field.
func read[T any](r *reader, what string, into *T, parse func(string) (T, error)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s, ok := r.scalar(n, what)
		if !ok {
			return
		}
		v, err := parse(s)
		if err != nil {
			r.fault(n, "%s: %v", what, err)
			return
		}
		*into = v
	}
}

// readSet parses a list of words into one value per word, handing each to add.
func readSet[T any](r *reader, what string, parse func(string) (T, error), add func(T)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.list(n, what, func(item *yaml.Node) {
			var v T
			before := len(r.faults)
			read(r, what, &v, parse)(item)
			if len(r.faults) == before {
				add(v)
			}
		})
		if len(n.Content) == 0 && n.Kind == yaml.SequenceNode {
			r.fault(n, "%s: the list is empty", what)
		}
	}
}

// AsFaults returns the faults that err carries, if it is about packs.
func AsFaults(err error) (Faults, bool) {
	var f Faults
	ok := errors.As(err, &f)
	return f, ok
}
