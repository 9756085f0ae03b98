// Package texts holds what is said to people who write to us, in their language: that they were unsubscribed, how to
// get help, what they are asked to confirm.
//
// The words are data (texts.tsv) that operators replace line by line with Parse. None of them advertises. It does no
// I/O and stores nothing.
package texts

import (
	_ "embed" // the built-in words
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Kind is what a text is for.
type Kind string

// The kinds.
const (
	StoppedPurpose Kind = "stopped_purpose"
	StoppedTexts   Kind = "stopped_texts"
	StoppedCalls   Kind = "stopped_calls"
	StoppedAll     Kind = "stopped_all"
	Started        Kind = "started"
	Help           Kind = "help"
	Clarify        Kind = "clarify"
	AskReply       Kind = "ask_reply"
	AskCode        Kind = "ask_code"
	AskLink        Kind = "ask_link"
	Confirmed      Kind = "confirmed"
)

// Kinds lists every kind. There are English words for each.
var Kinds = []Kind{StoppedPurpose, StoppedTexts, StoppedCalls, StoppedAll, Started, Help, Clarify, AskReply, AskCode, AskLink, Confirmed}

//go:embed texts.tsv
var builtIn string

type key struct {
	kind     Kind
	language string
}

// Set is words by kind and language. It is immutable and safe for concurrent use.
type Set struct{ words map[key]string }

// Default returns the built-in words.
var Default = sync.OnceValue(func() *Set {
	s := &Set{words: map[key]string{}}
	if err := s.read(builtIn); err != nil {
		panic("texts: built-in words: " + err.Error())
	}
	return s
})

// Parse reads an operator's lines on top of the built-in ones: kind, language and words, parted by tabs. An error names
// the line.
func Parse(lines string) (*Set, error) {
	s := &Set{words: map[key]string{}}
	for k, w := range Default().words {
		s.words[k] = w
	}
	return s, s.read(lines)
}

func (s *Set) read(lines string) error {
	n := 0
	for line := range strings.Lines(lines) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 3 || !slices.Contains(Kinds, Kind(fields[0])) || fields[1] == "" || fields[2] == "" {
			return fmt.Errorf("line %d: want kind, language and words parted by tabs; the kinds are %v", n, Kinds)
		}
		s.words[key{Kind(fields[0]), fields[1]}] = fields[2]
	}
	return nil
}

// Fill is what goes in place of the placeholders.
type Fill struct {
	Brand, Contact, Purpose, Code, Link, Disclosure string
}

// Text returns the words of a kind in the language nearest to the one wanted: the tag, its primary language, English.
// Where a language has no words for one scope of a withdrawal, those for all messages must not stand in, so English does.
func (s *Set) Text(kind Kind, language string, f Fill) string {
	words, ok := s.words[key{kind, language}]
	if !ok {
		primary, _, _ := strings.Cut(strings.ToLower(language), "-")
		if primary == "no" || primary == "nn" {
			primary = "nb"
		}
		words, ok = s.words[key{kind, primary}]
	}
	if !ok {
		words = s.words[key{kind, "en"}]
	}
	for name, value := range map[string]string{
		"{brand}": f.Brand, "{contact}": f.Contact, "{purpose}": f.Purpose, "{code}": f.Code, "{link}": f.Link, "{disclosure}": f.Disclosure,
	} {
		if value == "" {
			words = without(words, name)
		}
	}
	return strings.NewReplacer("{brand}", f.Brand, "{contact}", f.Contact, "{purpose}", f.Purpose, "{code}", f.Code,
		"{link}", f.Link, "{disclosure}", f.Disclosure).Replace(words)
}

// without leaves out the sentence that an empty placeholder stands in. What comes before the first colon stays.
func without(words, placeholder string) string {
	for {
		at := strings.Index(words, placeholder)
		if at < 0 {
			return words
		}
		start := max(strings.LastIndex(words[:at], ". ")+2, afterColon(words, at))
		end := strings.Index(words[at:], ". ")
		if end < 0 || start <= 1 && at == 0 {
			words = strings.TrimSpace(words[:max(start, 0)] + words[at+len(placeholder):])
			continue
		}
		words = words[:start] + words[at+end+2:]
	}
}

func afterColon(words string, before int) int {
	colon := strings.Index(words[:before], ": ")
	if colon < 0 {
		return 0
	}
	return colon + 2
}
