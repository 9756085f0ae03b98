package reply

import (
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// optOutWords are keywords of several languages and scripts that withdraw everywhere.
var optOutWords = []string{
	"stop", "unsubscribe", "cancel", "quit", "end", "revoke", "opt out", "stopall", "arret", "parar", "abmelden",
	"afmelden", "lopeta", "hætta", "wypisz", "avsluta", "afmeld", "disiscrivi", "стоп", "退订", "配信停止",
}

// TestDisguiseDoesNotHideAWithdrawal draws an opt-out word and the ways in which people and phones change its look.
func TestDisguiseDoesNotHideAWithdrawal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom(optOutWords).Draw(t, "word")
		text := word
		for _, change := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(disguises)-1), 1, 3, rapid.ID[int]).Draw(t, "disguises") {
			text = disguises[change](t, text)
		}
		if got := Classify(Input{Text: text}); got.Label != OptOut {
			t.Fatalf("%q from %q: got %s (%s), want opt_out", text, word, got.Label, got.Rule)
		}
	})
}

var disguises = []func(*rapid.T, string) string{
	func(t *rapid.T, s string) string { // case
		out := []rune(s)
		for i, r := range out {
			if rapid.Bool().Draw(t, "upper") {
				out[i] = []rune(strings.ToUpper(string(r)))[0]
			}
		}
		return string(out)
	},
	func(_ *rapid.T, s string) string { // full width
		return strings.Map(func(r rune) rune {
			if r > ' ' && r < 0x7f {
				return r + 0xfee0
			}
			return r
		}, s)
	},
	func(t *rapid.T, s string) string { // invisible characters
		hidden := rapid.SampledFrom([]string{"\u200b", "\u200d", "\u2060", "\ufeff", "\u202e", "\u00ad"}).Draw(t, "hidden")
		var b strings.Builder
		for _, r := range s {
			b.WriteRune(r)
			if rapid.Bool().Draw(t, "hide") {
				b.WriteString(hidden)
			}
		}
		return b.String()
	},
	func(t *rapid.T, s string) string { // punctuation around it
		marks := rapid.SampledFrom([]string{"!", "!!!", ".", "...", "?", ",", " ", "\n", "\u00a0", "*", "\t"}).Draw(t, "marks")
		return marks + s + marks
	},
	func(t *rapid.T, s string) string { // quotation marks
		pair := rapid.SampledFrom([]string{`""`, "“”", "«»", "''", "‘’", "()", "[]"}).Draw(t, "quotes")
		open, n := utf8.DecodeRuneInString(pair)
		return string(open) + s + pair[n:]
	},
	func(_ *rapid.T, s string) string { return "please " + s },
	func(_ *rapid.T, s string) string { return s + " please" },
	func(_ *rapid.T, s string) string { return s + " thanks" },
	func(_ *rapid.T, s string) string { return s + "\nSent from my iPhone" },
}

// TestPendingMattersOnlyForGrants reads every labelled message with and without a pending request.
func TestPendingMattersOnlyForGrants(t *testing.T) {
	for _, name := range labelledSets {
		for _, l := range readLabelled(t, name) {
			asked, unasked := Classify(Input{Text: l.text, Pending: true}), Classify(Input{Text: l.text})
			if asked != unasked && (asked.Label != OptIn || unasked.Label != None) {
				t.Errorf("%s %q: pending %v, otherwise %v", l.where, l.text, asked, unasked)
			}
		}
	}
}

// TestNothingButExactWordsGrants changes a granting word by one letter, or adds a word, and expects no grant.
func TestNothingButExactWordsGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"start", "unstop", "join", "subscribe", "yes", "oui", "sim"}).Draw(t, "word")
		i := rapid.IntRange(0, len(word)-1).Draw(t, "at")
		text := rapid.SampledFrom([]string{
			word[:i] + word[i+1:] + "", word[:i+1] + word[i:], word + " now", "to " + word, word + "?", word + " 😂", "don't " + word,
		}).Draw(t, "text")
		set := Default()
		if rows := set.keywords[fold(text)]; len(rows) > 0 && rows[0].label != OptOut {
			return // a keyword of its own
		}
		if got := Classify(Input{Text: text, Pending: true}); got.Label == OptIn {
			t.Fatalf("%q: got a grant by %s", text, got.Rule)
		}
	})
}

// FuzzClassify holds that any bytes are read without a panic, alike each time, and within a bounded time.
func FuzzClassify(f *testing.F) {
	for _, name := range labelledSets {
		for _, l := range readLabelled(f, name) {
			f.Add(l.text, l.ifAsked)
		}
	}
	f.Add(strings.Repeat("a\u0301", 40000), true)
	f.Add(strings.Repeat("stop don't ", 6000), false)
	f.Add("\xff\xfe\x00STOP\x80", false)
	Default() // reading the data is no part of a message's time
	f.Fuzz(func(t *testing.T, text string, pending bool) {
		start := time.Now()
		got := Classify(Input{Text: text, Pending: pending})
		if took := time.Since(start); took > time.Second {
			t.Errorf("%d bytes took %v", len(text), took)
		}
		switch got.Label {
		case OptOut, OptIn, Help, Ambiguous, None:
		default:
			t.Errorf("label %q", got.Label)
		}
		if (got.Scope != NoScope) != (got.Label == OptOut) {
			t.Errorf("label %s with scope %q", got.Label, got.Scope)
		}
		if again := Classify(Input{Text: text, Pending: pending}); again != got {
			t.Errorf("got %v, then %v", got, again)
		}
	})
}

// TestMessagesReadAtOnceDoNotMix reads the sample in several goroutines, which share the room that messages take.
func TestMessagesReadAtOnceDoNotMix(t *testing.T) {
	sample := readLabelled(t, "sample.tsv")
	want := make([]Result, len(sample))
	for i, l := range sample {
		want[i] = Classify(Input{Text: l.text})
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range sample {
				at := (i*(worker+1) + worker) % len(sample)
				if got := Classify(Input{Text: sample[at].text}); got != want[at] {
					t.Errorf("%q: got %v, alone %v", sample[at].text, got, want[at])
				}
			}
		})
	}
	all.Wait()
}
