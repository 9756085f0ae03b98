package reply

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
)

// algorithm numbers the code's own part in a reading; it is raised whenever the same data may be read differently.
const algorithm = "reply-3"

// undetermined is the BCP 47 tag of words that belong to several languages.
const undetermined = "und"

// affirm labels a word that means yes: a grant only while a request is pending. It is a label of the data, never of a
// Result.
const affirm Label = "yes"

//go:embed data/*.tsv
var builtIn embed.FS

// Set is the words and phrases that Classify goes by. It is immutable and safe for concurrent use.
type Set struct {
	version string

	lexicon  map[string]entry    // by word
	sets     uint16              // the highest number of a set of words
	stems    map[string]entry    // by a word's beginning
	begins   map[string][]string // by its first three bytes, the beginnings of words that stems has
	keywords map[string][]keyword

	overrides, guards, phrases, tempers index[*pattern]
	bags, hides                         index[*bag]

	runs runs

	typos       map[string]string // a slip and the long word that was meant
	slipped     map[string]string // a slip and the short opt-out keyword that was meant
	nearGrant   map[string]string // a slip and the opt-in keyword that was meant
	correctable []string
	joined      map[string]string // a long opt-out keyword of several words, without its spaces and one letter, and as it is
	ordinary    map[string]bool

	reactions  map[string]bool
	instructs  map[string]bool
	elided     map[string]bool
	wrote      []string
	signatures []string

	channels map[string]channels // by language

	lead, joint, tail, laugh, noise, courtesy, negation uint16
}

// index files rules under the number of the set that their first word is in.
type index[rule any] [][]rule

func (x *index[rule]) file(set uint16, r rule) {
	for len(*x) <= int(set) {
		*x = append(*x, nil)
	}
	(*x)[set] = append((*x)[set], r)
}

func (x index[rule]) under(set uint16) []rule {
	if int(set) >= len(x) {
		return nil
	}
	return x[set]
}

// entry is what the patterns know of a word: the sets that it is in, the languages of those patterns, and the languages in
// which it opens a clause.
type entry struct {
	sets  []uint16
	langs languages
	opens languages
}

// languages is a set of languages, numbered in the order in which the data names them.
type languages uint64

// keyword is a message that has a meaning as a whole.
type keyword struct {
	word    string
	label   Label
	scope   Scope
	lang    string
	regions []string
	shared  bool // another language has it with the same meaning, so that it tells no language
}

// language is the one that the word tells.
func (k keyword) language() string {
	if k.shared {
		return undetermined
	}
	return k.lang
}

// Version names the classifier and its data: equal versions give equal results. It is recorded with each act.
func (s *Set) Version() string { return s.version }

// Default returns the built-in words and phrases, read once from the data files that the binary carries.
var Default = sync.OnceValue(func() *Set {
	set, err := build(nil)
	if err != nil {
		panic("reply: built-in words: " + err.Error())
	}
	return set
})

// ParseSet reads an operator's rows, in the format of data/README.md, on top of the built-in ones. A keyword row replaces
// earlier ones for the same word and regions. Errors are *ParseError and name the line.
func ParseSet(r io.Reader) (*Set, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxData+1))
	if err != nil {
		return nil, fmt.Errorf("read keyword rows: %w", err)
	}
	if len(text) > maxData {
		return nil, fmt.Errorf("keyword rows: more than %d bytes", maxData)
	}
	return build(text)
}

// maxData bounds what an operator may add, in bytes.
const maxData = 1 << 20

func build(added []byte) (*Set, error) {
	b := newBuilder()
	sum := sha256.New()
	files, err := fs.Glob(builtIn, "data/*.tsv")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		text, err := builtIn.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sum.Write(text)
		if err := b.rows(name, string(text)); err != nil {
			return nil, err
		}
	}
	version := algorithm + "." + hex.EncodeToString(sum.Sum(nil)[:4])
	if len(added) > 0 {
		sum := sha256.Sum256(added)
		version += "+" + hex.EncodeToString(sum[:4])
		b.added = true
		if err := b.rows("", string(added)); err != nil {
			return nil, err
		}
	}
	set, err := b.finish()
	if err != nil {
		return nil, err
	}
	set.version = version
	return set, nil
}

// ParseError tells which line of which file was not understood, and why. File is empty for an operator's own rows.
type ParseError struct {
	File string
	Line int
	Err  error
}

func (e *ParseError) Error() string {
	where := fmt.Sprintf("line %d", e.Line)
	if e.File != "" {
		where = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	return fmt.Sprintf("%s: %v", where, e.Err)
}

// Unwrap returns the reason.
func (e *ParseError) Unwrap() error { return e.Err }

func split(list string) []string {
	var out []string
	for _, item := range strings.Split(list, ";") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
