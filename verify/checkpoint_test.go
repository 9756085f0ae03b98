package verify

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// sign signs a note text with the test log's key and more.
func (l *testLog) sign(t testing.TB, text string, more ...note.Signer) []byte {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, append([]note.Signer{l.signer}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestCheckpointOfTheLogIsAccepted(t *testing.T) {
	l := newTestLog(t, 5)
	c, err := l.policy(t).OpenCheckpoint(l.checkpoint(t, 5))
	if err != nil || c.Origin != testOrigin || c.Tree() != l.tree(t, 5) || len(c.Extensions) != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
	text := c.Text() + "an extension\nanother\n"
	c, err = l.policy(t).OpenCheckpoint(l.sign(t, text))
	if err != nil || c.Text() != text || len(c.Extensions) != 2 {
		t.Errorf("with extensions: got %+v, %v", c, err)
	}
	// Signatures by keys that nobody trusts are passed over, sixteen of them too.
	var strangers []note.Signer
	for i := range 16 {
		s, _ := signerOf(t, fmt.Sprintf("stranger%d.example", i), byte('b'+i))
		strangers = append(strangers, s)
	}
	if _, err := l.policy(t).OpenCheckpoint(l.checkpoint(t, 5, strangers...)); err != nil {
		t.Errorf("with sixteen more signatures: %v", err)
	}
}

func TestCheckpointsThatAreNotOfTheLogAreRefused(t *testing.T) {
	l := newTestLog(t, 5)
	root := l.tree(t, 5).Hash.String()
	other, _ := signerOf(t, testOrigin, 'z') // same name, another key
	byOther, err := note.Sign(&note.Note{Text: testOrigin + "\n5\n" + root + "\n"}, other)
	if err != nil {
		t.Fatal(err)
	}
	w := newWitness("witness.example", 1)
	onlyWitnessed, err := note.Sign(&note.Note{Text: testOrigin + "\n5\n" + root + "\n"}, w)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := l.policy(t).WithWitnesses(1, w.vkey(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		signed []byte
		want   error
	}{
		"other origin":             {l.sign(t, "other.example/log\n5\n"+root+"\n", w), ErrOrigin},
		"other key":                {byOther, ErrUnsigned},
		"no signature by the log":  {onlyWitnessed, ErrUnsigned},
		"no witness":               {l.checkpoint(t, 5), ErrQuorum},
		"size with a leading zero": {l.sign(t, testOrigin+"\n05\n"+root+"\n", w), nil},
		"size with a sign":         {l.sign(t, testOrigin+"\n+5\n"+root+"\n", w), nil},
		"negative size":            {l.sign(t, testOrigin+"\n-5\n"+root+"\n", w), nil},
		"size beyond 63 bits":      {l.sign(t, testOrigin+"\n9223372036854775808\n"+root+"\n", w), nil},
		"short root":               {l.sign(t, testOrigin+"\n5\n"+root[4:]+"\n", w), nil},
		"root without padding":     {l.sign(t, testOrigin+"\n5\n"+strings.TrimRight(root, "=")+"\n", w), nil},
		"no root":                  {l.sign(t, testOrigin+"\n5\n", w), nil},
		"empty line":               {l.sign(t, testOrigin+"\n5\n"+root+"\n\nx\n", w), nil},
		"empty log, other root":    {l.sign(t, testOrigin+"\n0\n"+root+"\n", w), nil},
		"nothing":                  {nil, nil},
		"no note":                  {[]byte("consentline"), nil},
		"huge":                     {bytes.Repeat([]byte("x"), maxCheckpoint+1), nil},
	} {
		c, err := policy.OpenCheckpoint(tt.signed)
		if !errors.Is(err, ErrCheckpoint) || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: got %+v, %v; want %v", name, c, err, tt.want)
		}
	}
}

func TestQuorumCountsEachWitnessOnce(t *testing.T) {
	l := newTestLog(t, 5)
	a, b, c := newWitness("a.example", 1), newWitness("b.example", 2), newWitness("c.example", 3)
	policy, err := l.policy(t).WithWitnesses(2, a.vkey(t), b.vkey(t), c.vkey(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := policy.OpenCheckpoint(l.checkpoint(t, 5, c, a))
	want := []Cosignature{{"c.example", time.Unix(1_795_000_000, 0).UTC()}, {"a.example", time.Unix(1_795_000_000, 0).UTC()}}
	if err != nil || len(got.Cosignatures) != 2 || got.Cosignatures[0] != want[0] || got.Cosignatures[1] != want[1] {
		t.Errorf("two of three: got %v, %v", got.Cosignatures, err)
	}
	once := l.checkpoint(t, 5, a)
	line := once[bytes.LastIndex(once, []byte("— ")):]
	later := a
	later.at++
	again := l.checkpoint(t, 5, later)
	lineAgain := again[bytes.LastIndex(again, []byte("— ")):]
	for name, signed := range map[string][]byte{
		"one":                        once,
		"one, twice":                 append(bytes.Clone(once), line...),
		"one, at two times":          append(bytes.Clone(once), lineAgain...),
		"one and a stranger":         l.checkpoint(t, 5, a, newWitness("d.example", 4)),
		"one, and one's other name":  l.checkpoint(t, 5, a, newWitness("e.example", 1)),
		"one, and its key elsewhere": l.checkpoint(t, 5, a, newWitness("b.example", 1)),
	} {
		if _, err := policy.OpenCheckpoint(signed); !errors.Is(err, ErrQuorum) {
			t.Errorf("%s: got %v, want ErrQuorum", name, err)
		}
	}
}

func TestCosignaturesOfAnotherFormAreRefused(t *testing.T) {
	l := newTestLog(t, 5)
	w := newWitness("a.example", 1)
	policy, err := l.policy(t).WithWitnesses(1, w.vkey(t))
	if err != nil {
		t.Fatal(err)
	}
	late := w
	late.at = math.MaxInt64 + 1
	plain := plainWitness{w}
	for name, signer := range map[string]note.Signer{"time beyond 2^63-1": late, "plain Ed25519": plain} {
		if _, err := policy.OpenCheckpoint(l.checkpoint(t, 5, signer)); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// plainWitness signs the note's text itself, which is no cosignature.
type plainWitness struct{ witness }

func (w plainWitness) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(w.priv, msg), nil }

func TestPolicyRefusesUnusableKeys(t *testing.T) {
	l := newTestLog(t, 1)
	w := newWitness("a.example", 1)
	wkey := w.vkey(t)
	sameKey, err := WitnessKey("b.example", w.public())
	if err != nil {
		t.Fatal(err)
	}
	wrongID := strings.Replace(wkey, "+", "+0", 1)
	for name, keys := range map[string][]string{
		"none": nil, "empty": {""}, "a witness's": {wkey}, "twice": {l.vkey, l.vkey}, "no base64": {"a.example+00000000+?"},
		"other name": {strings.Replace(l.vkey, "consentline", "other", 1)},
	} {
		if _, err := NewPolicy(testOrigin, keys...); err == nil {
			t.Errorf("log key, %s: accepted", name)
		}
	}
	if _, err := NewPolicy("", l.vkey); err == nil {
		t.Error("empty origin: accepted")
	}
	for name, keys := range map[string][]string{
		"none": nil, "the log's": {l.vkey}, "twice": {wkey, wkey}, "one key, two names": {wkey, sameKey}, "wrong id": {wrongID},
		"cut short": {wkey[:len(wkey)-8]},
	} {
		if _, err := l.policy(t).WithWitnesses(1, keys...); err == nil {
			t.Errorf("witness key, %s: accepted", name)
		}
	}
	for _, quorum := range []int{-1, 0, 2} {
		if _, err := l.policy(t).WithWitnesses(quorum, wkey); err == nil {
			t.Errorf("quorum %d of 1: accepted", quorum)
		}
	}
	if _, err := WitnessKey("with space", w.public()); !errors.Is(err, ErrKey) {
		t.Errorf("witness name with a space: %v", err)
	}
}

// The example key of C2SP signed-note's Go implementation, and an id computed by the formula in words.
func TestKeyIDsAreThoseOfTheSpecification(t *testing.T) {
	w := newWitness("a.example", 1)
	if want := fmt.Sprintf("a.example+%08x+", w.KeyHash()); !strings.HasPrefix(w.vkey(t), want) {
		t.Errorf("got %s, want prefix %s", w.vkey(t), want)
	}
	const peter = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	k, err := parseKey(peter, algEd25519)
	if err != nil || k.label() != "PeterNeumann+c74f20a3" {
		t.Errorf("got %v, %v", k.label(), err)
	}
}

func TestNoAlteredByteEscapesACheckpoint(t *testing.T) {
	l := newTestLog(t, 5)
	w := newWitness("a.example", 1)
	policy, err := l.policy(t).WithWitnesses(1, w.vkey(t))
	if err != nil {
		t.Fatal(err)
	}
	signed := l.checkpoint(t, 5, w)
	if _, err := policy.OpenCheckpoint(signed); err != nil {
		t.Fatal(err)
	}
	mutations(signed, func(m []byte, at int) {
		if c, err := policy.OpenCheckpoint(m); err == nil {
			t.Errorf("byte %d altered, %q: accepted as %+v", at, m, c)
		}
	})
}

// The bits of base64 that encode nothing are not free either.
func TestSignatureHasOneSpelling(t *testing.T) {
	l := newTestLog(t, 5)
	signed := l.checkpoint(t, 5)
	body := bytes.TrimRight(signed, "=\n")
	padding := signed[len(body):]
	last := body[len(body)-1]
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range digits {
		m := append(append(bytes.Clone(body[:len(body)-1]), digits[i]), padding...)
		if c, err := l.policy(t).OpenCheckpoint(m); (err == nil) != (digits[i] == last) {
			t.Errorf("last digit %c for %c: got %+v, %v", digits[i], last, c, err)
		}
	}
}

// Whatever is accepted has a text that the log signed.
func FuzzOpenCheckpoint(f *testing.F) {
	l := newTestLog(f, 5)
	w := newWitness("a.example", 1)
	policy, err := l.policy(f).WithWitnesses(1, w.vkey(f))
	if err != nil {
		f.Fatal(err)
	}
	genuine := map[string]bool{}
	for size := range 6 {
		signed := l.checkpoint(f, size, w)
		genuine[string(signed[:bytes.LastIndex(signed, []byte("\n\n"))+1])] = true
		f.Add(signed)
	}
	f.Add([]byte("a\n0\n" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n\n— a AAAAAAAA\n"))
	f.Fuzz(func(t *testing.T, signed []byte) {
		c, err := policy.OpenCheckpoint(signed)
		if err == nil && !genuine[c.Text()] {
			t.Errorf("%q: accepted, and never signed", signed)
		}
		if err != nil && !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%q: error %v is no ErrCheckpoint", signed, err)
		}
	})
}
