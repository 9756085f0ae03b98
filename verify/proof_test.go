package verify

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func (l *testLog) proof(t testing.TB, size int, seq uint64, extra []byte) Proof {
	t.Helper()
	hashes, err := tlog.ProveRecord(int64(size), int64(seq-1), l)
	if err != nil {
		t.Fatal(err)
	}
	return Proof{Index: int64(seq - 1), Hashes: hashes, Extra: extra, Checkpoint: l.checkpoint(t, size)}
}

func TestProofOfEveryEntryInEverySizeVerifies(t *testing.T) {
	l := newTestLog(t, 300)
	policy := l.policy(t)
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 300).Draw(rt, "size")
		seq := uint64(rapid.IntRange(1, size).Draw(rt, "seq"))
		extra := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "extra")
		text := l.proof(t, size, seq, extra).Marshal()
		p, err := ParseProof(text)
		if err != nil || !bytes.Equal(p.Marshal(), text) || !bytes.Equal(p.Extra, extra) {
			rt.Fatalf("%q reads as %+v, %v", text, p, err)
		}
		c, err := policy.VerifyProof(p, l.leaves[seq-1])
		if err != nil || c.Size != int64(size) {
			rt.Fatalf("entry %d of %d: %v", seq, size, err)
		}
		for _, other := range []int{0, size / 2, size - 1} {
			if uint64(other) == seq-1 {
				continue
			}
			if _, err := policy.VerifyProof(p, l.leaves[other]); !errors.Is(err, ErrNotInLog) {
				rt.Fatalf("proof of entry %d of %d passes for entry %d: %v", seq, size, other+1, err)
			}
		}
		forged := l.leaves[seq-1]
		forged.Kind ^= 1
		if _, err := policy.VerifyProof(p, forged); !errors.Is(err, ErrNotInLog) {
			rt.Fatalf("another kind passes: %v", err)
		}
	})
}

// A log that signed a leaf in a place that is not its own has no proof of that leaf.
func TestProofIsForTheLeafsOwnPlace(t *testing.T) {
	leaves := newTestLog(t, 8).leaves
	leaves[3].Seq = 8
	l := logOf(t, leaves)
	if _, err := l.policy(t).VerifyProof(l.proof(t, 8, 4, nil), leaves[3]); !errors.Is(err, ErrNotInLog) {
		t.Errorf("got %v", err)
	}
}

func TestProofIsLaidOutAsTheSpecificationSays(t *testing.T) {
	l := newTestLog(t, 3)
	h := func(level int, n int64) string { return l.hashes[tlog.StoredHashIndex(level, n)].String() }
	got := l.proof(t, 3, 2, []byte{1, 2, 3}).Marshal()
	want := "c2sp.org/tlog-proof@v1\nextra AQID\nindex 1\n" + h(0, 0) + "\n" + h(0, 2) + "\n\n" + string(l.checkpoint(t, 3))
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMalformedProofsAreRefused(t *testing.T) {
	l := newTestLog(t, 3)
	good := string(l.proof(t, 3, 2, []byte{1, 2, 3}).Marshal())
	change := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	for name, text := range map[string]string{
		"empty":             "",
		"other version":     change("@v1", "@v2"),
		"no index":          change("index 1\n", ""),
		"index with zero":   change("index 1", "index 01"),
		"negative index":    change("index 1", "index -1"),
		"index of words":    change("index 1", "index one"),
		"empty extra":       change("extra AQID", "extra "),
		"extra not base64":  change("extra AQID", "extra AQI"),
		"extra with spare":  change("extra AQID", "extra AQIDAB=="),
		"extra after index": change("extra AQID\nindex 1\n", "index 1\nextra AQID\n"),
		"two extras":        change("extra AQID\n", "extra AQID\nextra AQID\n"),
		"a hash too short":  change("\n\n", "\nAAAA\n\n"),
		"carriage return":   change("index 1\n", "index 1\r\n"),
		"return in a hash":  change("=\n", "\r=\n"),
		"sixty-four hashes": change("\n\n", strings.Repeat("\n"+tlog.Hash{}.String(), 64)+"\n\n"),
		"no checkpoint":     good[:strings.Index(good, "\n\n")+2],
		"no empty line":     change("\n\n", "\n"),
	} {
		if p, err := ParseProof([]byte(text)); !errors.Is(err, ErrProofFormat) {
			t.Errorf("%s: reads as %+v, %v", name, p, err)
		}
	}
}

func TestNoAlteredByteEscapesAProof(t *testing.T) {
	l := newTestLog(t, 13)
	policy := l.policy(t)
	salt := Salt{1, 2, 3}
	l.leaves[6].Commitment = Commit(salt, []byte("body"))
	l = logOf(t, l.leaves)
	check := func(text []byte) error {
		p, err := ParseProof(text)
		if err != nil {
			return err
		}
		if _, err := policy.VerifyProof(p, l.leaves[6]); err != nil {
			return err
		}
		return VerifyOpening(l.leaves[6], Salt(append(p.Extra, make([]byte, SaltSize)...)[:SaltSize]), []byte("body"))
	}
	text := l.proof(t, 13, 7, salt[:]).Marshal()
	if err := check(text); err != nil {
		t.Fatal(err)
	}
	mutations(text, func(m []byte, at int) {
		if err := check(m); err == nil {
			t.Errorf("byte %d altered, %q: passes", at, m)
		}
	})
}

func TestProofsAreMadeFromTilesAlone(t *testing.T) {
	l := newTestLog(t, 700)
	src := Files{l.files(t)}
	for _, seq := range []uint64{1, 256, 257, 512, 513, 700} {
		hashes, err := ProveInclusion(t.Context(), src, l.tree(t, 700), int64(seq-1))
		if err != nil {
			t.Fatalf("entry %d: %v", seq, err)
		}
		p := Proof{Index: int64(seq - 1), Hashes: hashes, Checkpoint: l.checkpoint(t, 700)}
		if _, err := l.policy(t).VerifyProof(p, l.leaves[seq-1]); err != nil {
			t.Errorf("entry %d: %v", seq, err)
		}
	}
	for _, index := range []int64{-1, 700} {
		if _, err := ProveInclusion(t.Context(), src, l.tree(t, 700), index); err == nil {
			t.Errorf("index %d of 700: proven", index)
		}
	}
	for _, size := range []int{0, 1, 255, 256, 600, 700} {
		proof, err := ProveConsistency(t.Context(), src, l.tree(t, size), l.tree(t, 700))
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if err := CheckConsistency(l.tree(t, size), l.tree(t, 700), proof); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
	}
	forged := l.tree(t, 300)
	forged.Hash[0] ^= 1
	var inconsistent *InconsistentError
	if _, err := ProveConsistency(t.Context(), src, forged, l.tree(t, 700)); !errors.As(err, &inconsistent) {
		t.Errorf("forged older tree: got %v", err)
	}
	bad := Files{altered(t, l.files(t), "tile/0/001", flip(40))}
	if _, err := ProveInclusion(t.Context(), bad, l.tree(t, 700), 256); err == nil {
		t.Error("a proof was made from an altered tile")
	}
}

// Whatever is accepted is the log's own proof; only what its checkpoint's signature block holds beside may differ.
func FuzzParseProof(f *testing.F) {
	l := newTestLog(f, 9)
	policy := l.policy(f)
	for seq := range uint64(9) {
		f.Add(l.proof(f, 9, seq+1, []byte{byte(seq)}).Marshal())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParseProof(text)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Marshal(), text) {
			t.Fatalf("%q reads as %+v", text, p)
		}
		if p.Index >= 9 {
			return
		}
		c, err := policy.VerifyProof(p, l.leaves[p.Index])
		if err != nil {
			return
		}
		want, err := tlog.ProveRecord(9, p.Index, l)
		if err != nil || c.Tree() != l.tree(t, 9) || !slices.Equal(p.Hashes, want) {
			t.Fatalf("%q: passes, and is none of the log's proofs", text)
		}
	})
}
