package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"testing"
)

// TestEmbeddedFileIsCurrent fails when the phone library was updated and the automaton was not made again.
func TestEmbeddedFileIsCurrent(t *testing.T) {
	made := filepath.Join(t.TempDir(), "dfa.bin")
	if err := write(made); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../dfa.bin")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("dfa.bin (%d bytes) is not what the metadata gives now (%d bytes): run go generate ./internal/phone",
			len(got), len(want))
	}
	const limit = 1_500_000
	if len(got) > limit {
		t.Errorf("dfa.bin has %d bytes, more than %d", len(got), limit)
	}
}

func TestPrefixTakenApart(t *testing.T) {
	cases := []struct{ prefix, with, without, stripped string }{
		{`0`, "", "0", "0"},
		{`0?(?:(11|22)15)?`, "01115", "0", "0"},
		{`(?:0|90)(?:(31)(\d{2}))?`, "903144", "90", "90"},
		{`([24-9]\d{6})$|0`, "2345678", "0", "0"},
		{`0?`, "", "", "0"},
	}
	for _, c := range cases {
		re, err := syntax.Parse(c.prefix, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		with, without := withGroup(re, re.MaxCap()), withoutGroup(re, re.MaxCap())
		if re.MaxCap() == 0 {
			with, without = nil, re
		}
		check := func(name string, part *syntax.Regexp, text string, want bool) {
			got := part != nil && regexp.MustCompile("^(?:"+part.String()+")$").MatchString(text)
			if got != want {
				t.Errorf("%s: part %s (%v) matches %q: got %v, want %v", c.prefix, name, part, text, got, want)
			}
		}
		check("with its group", with, c.with, c.with != "")
		check("with its group", with, c.without, false)
		check("without its group", without, c.without, true)
		check("without its group", without, c.with, c.with == c.without)
		check("that is stripped", nonEmpty(without), c.stripped, true)
		check("that is stripped", nonEmpty(without), "", false)
	}
}

func TestNFARejectsAssertionsItCannotFollow(t *testing.T) {
	var n nfa
	if _, err := n.add(`\b0`); err == nil {
		t.Error("a word boundary was accepted")
	}
	if _, err := n.add(`(`); err == nil {
		t.Error("a malformed pattern was accepted")
	}
}
