package verify

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func drawLeaf(t *rapid.T) Leaf {
	return Leaf{
		Seq:        rapid.Uint64Min(1).Draw(t, "seq"),
		RecordedAt: rapid.Int64().Draw(t, "recorded_at"),
		Kind:       rapid.Byte().Draw(t, "kind"),
		Commitment: [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "commitment")),
	}
}

func TestLeafReadsBackAndHasOneSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLeaf(t)
		b := l.Marshal()
		if got, err := ParseLeaf(b); err != nil || got != l || len(b) != LeafSize {
			t.Fatalf("%+v reads back as %+v, %v (%d bytes)", l, got, err, len(b))
		}
		if got, want := l.RecordHash(), tlog.RecordHash(b); got != want {
			t.Fatalf("record hash %s, want %s", got, want)
		}
	})
}

// The values were computed by another implementation from the definition in words.
func TestLeafIsWhatItsDefinitionSays(t *testing.T) {
	salt := Salt(unhex(t, "000102030405060708090a0b0c0d0e0f"))
	commitment := Commit(salt, []byte(`{"act":"granted"}`))
	if want := "37ae468eeff86ee817bdbe7dd8608c597713edf5dda2df6a8f04ce9ddeb5f73f"; hex.EncodeToString(commitment[:]) != want {
		t.Errorf("commitment %x, want %s", commitment, want)
	}
	l := Leaf{Seq: 258, RecordedAt: 1795000000123456, Kind: 2, Commitment: commitment}
	if want := "0100000000000001020006608b016112400237ae468eeff86ee817bdbe7dd8608c597713edf5dda2df6a8f04ce9ddeb5f73f"; hex.EncodeToString(l.Marshal()) != want {
		t.Errorf("leaf %x, want %s", l.Marshal(), want)
	}
	if got, want := l.RecordHash(), "6103f59c7e1e1218711068a6b7740438aba13ad534d3da1f4177cccab96042e0"; hex.EncodeToString(got[:]) != want {
		t.Errorf("record hash %x, want %s", got, want)
	}
}

func TestBytesThatAreNoLeafAreRefused(t *testing.T) {
	good := testLeaf(1).Marshal()
	version := bytes.Clone(good)
	version[0] = 2
	zero := bytes.Clone(good)
	zero[8] = 0
	for name, b := range map[string][]byte{
		"empty": nil, "short": good[:49], "long": append(bytes.Clone(good), 0), "version 2": version, "seq 0": zero,
	} {
		if _, err := ParseLeaf(b); !errors.Is(err, ErrLeaf) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestCommitmentOpensOnlyWithItsSaltAndBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		salt := Salt(rapid.SliceOfN(rapid.Byte(), SaltSize, SaltSize).Draw(t, "salt"))
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		l := Leaf{Seq: 1, Commitment: Commit(salt, body)}
		if err := VerifyOpening(l, salt, body); err != nil {
			t.Fatal(err)
		}
		if err := VerifyOpening(l, salt, append(bytes.Clone(body), 0)); !errors.Is(err, ErrCommitment) {
			t.Fatalf("longer body: %v", err)
		}
		salt[rapid.IntRange(0, SaltSize-1).Draw(t, "at")] ^= 1
		if err := VerifyOpening(l, salt, body); !errors.Is(err, ErrCommitment) {
			t.Fatalf("other salt: %v", err)
		}
	})
}

func FuzzParseLeaf(f *testing.F) {
	f.Add(testLeaf(1).Marshal())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLeaf(b)
		if err != nil {
			return
		}
		if !bytes.Equal(l.Marshal(), b) {
			t.Errorf("%x reads as %+v, which is %x", b, l, l.Marshal())
		}
	})
}
