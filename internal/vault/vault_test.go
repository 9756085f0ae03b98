package vault_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/vault"
)

var (
	master = []byte("0123456789abcdef0123456789abcdef")
	other  = []byte("another master key of 32 bytes!!")
)

const alice, bob phone.Number = 12025550123, 447700900123

func openVault(t testing.TB, key []byte) *vault.Vault {
	t.Helper()
	v, err := vault.Open(key)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestDerivedValuesNeverChange holds the values by which stored data is found again. If this test fails, every
// subject, key and list member of every deployment is lost to the new program: change the program, not the test.
func TestDerivedValuesNeverChange(t *testing.T) {
	v := openVault(t, master)
	lookup, extended := v.Lookup(alice), v.Lookup(alice|8<<50)
	digest, joined := v.Digest("idempotency", "key:test", "k1"), v.Digest("idempotency", "key:testk1")
	notes, member := v.NotesKey(), v.ListCipher(7).Encipher(alice)
	for _, c := range []struct{ what, got, want string }{
		{"lookup", hex.EncodeToString(lookup[:]), "4e4aa031d252f60a60b90ccab1471684f16e2d9dca7479dbd4709409d0eb819e"},
		{"lookup with an extension", hex.EncodeToString(extended[:]), "43fd4a56c20c634aa2f10d3ee1ae5a5654c080cff0710286cbdf07107cec8ca4"},
		{"digest", hex.EncodeToString(digest[:]), "24056c9b0dfea2236fbe2b54d6407ca2"},
		{"digest of other parts", hex.EncodeToString(joined[:]), "74e14fb626944699bea983047746abeb"},
		{"notes key", hex.EncodeToString(notes[:]), "53abb478f2dbfa5b5aa78f793deaa41eddd773f9e1a9eab105cd21eb96fd2c15"},
		{"list member", hex.EncodeToString(member[:]), "bcaf60eca5f5f6207cc4ea488931422a"},
		{"check", hex.EncodeToString(v.Check()), "817cfd941fd8fc1c7198039f2cd66f70"},
		{"signing key", hex.EncodeToString(v.SigningKey().Public().(ed25519.PublicKey)), "1eb52f9a5814fe68b873156d62ebfc9ce00d7de122fef330ce1ac395659eb20d"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, c.got, c.want)
		}
	}
}

// TestSealedDataOfTheFirstReleaseOpens opens what was sealed once with the test's master key and stored here.
func TestSealedDataOfTheFirstReleaseOpens(t *testing.T) {
	v := openVault(t, master)
	id := vault.SubjectID(unhex(t, "9753b42c001c776e44320a97135b755e"))
	s, err := v.OpenSubject(id, unhex(t, "01e51e3e88162952fd0c4f0f07f604624e4a6190713e11845a53f7d874b079368dc0f3ff9208c170602a5cc88e767a8b9734fdc01ee59d32b8cc57ea683f8ea99735bb199b"))
	if err != nil || s.Number != alice || s.ID != id {
		t.Fatalf("subject: got %v, %v", s.Number == alice, err)
	}
	body, err := s.Key.Open(unhex(t, "01f59c1896f91375de9536cb4e23186d5fe513af82a1a6353137c63fa80085fc4f261a97"), 42)
	if err != nil || string(body) != `{"v":1}` {
		t.Errorf("body: got %q, %v", body, err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsSealedOpens(t *testing.T) {
	v := openVault(t, master)
	rapid.Check(t, func(t *rapid.T) {
		number := phone.Number(rapid.Uint64().Draw(t, "number"))
		s := vault.NewSubject(number)
		got, err := v.OpenSubject(s.ID, v.SealSubject(s))
		if err != nil || got != s {
			t.Fatalf("subject: got another or %v", err)
		}
		body, place := rapid.SliceOf(rapid.Byte()).Draw(t, "body"), rapid.Uint64().Draw(t, "place")
		plain, err := s.Key.Open(s.Key.Seal(body, place), place)
		if err != nil || !bytes.Equal(plain, body) {
			t.Fatalf("body: got %x, %v; want %x", plain, err, body)
		}
	})
}

func TestSealingTwiceShowsNothing(t *testing.T) {
	s := vault.NewSubject(alice)
	body := []byte("the same body")
	if a, b := s.Key.Seal(body, 1), s.Key.Seal(body, 1); bytes.Equal(a, b) || bytes.Contains(a, body) {
		t.Errorf("two seals of one body are equal, or show it: %x, %x", a, b)
	}
	if a, b := vault.NewSubject(alice), vault.NewSubject(alice); a.ID == b.ID || a.Key == b.Key {
		t.Error("two subjects share an ID or a key")
	}
	if a, b := vault.NewSalt(), vault.NewSalt(); bytes.Equal(a, b) || len(a) != 16 {
		t.Errorf("salts: got %x and %x, want 16 bytes each, different", a, b)
	}
}

// TestEveryByteIsGuarded changes each byte, and cuts at each length.
func TestEveryByteIsGuarded(t *testing.T) {
	v := openVault(t, master)
	s := vault.NewSubject(alice)
	sealed, body := v.SealSubject(s), s.Key.Seal([]byte(`{"v":1}`), 42)
	for what, c := range map[string]struct {
		sealed []byte
		open   func([]byte) error
	}{
		"subject": {sealed, func(b []byte) error { _, err := v.OpenSubject(s.ID, b); return err }},
		"body":    {body, func(b []byte) error { _, err := s.Key.Open(b, 42); return err }},
	} {
		if err := c.open(c.sealed); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for i := range c.sealed {
			for bit := range 8 {
				bad := bytes.Clone(c.sealed)
				bad[i] ^= 1 << bit
				if err := c.open(bad); !errors.Is(err, vault.ErrSealed) {
					t.Errorf("%s, byte %d, bit %d changed: got %v, want ErrSealed", what, i, bit, err)
				}
			}
			if err := c.open(c.sealed[:i]); !errors.Is(err, vault.ErrSealed) {
				t.Errorf("%s cut to %d bytes: got %v, want ErrSealed", what, i, err)
			}
		}
		if err := c.open(append(bytes.Clone(c.sealed), 0)); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("%s with a byte more: got %v, want ErrSealed", what, err)
		}
	}
}

func TestNothingOpensElsewhere(t *testing.T) {
	v, foreign := openVault(t, master), openVault(t, other)
	a, b := vault.NewSubject(alice), vault.NewSubject(bob)
	body, row := a.Key.Seal([]byte("body"), 1), v.SealSubject(a)
	_, place := a.Key.Open(body, 2)
	_, key := b.Key.Open(body, 1)
	_, notes := v.NotesKey().Open(body, 1)
	_, subject := v.OpenSubject(b.ID, row)
	_, master := foreign.OpenSubject(a.ID, row)
	_, size := v.OpenSubject(a.ID, foreign.SealSubject(a))
	for what, err := range map[string]error{
		"another place": place, "another subject's key": key, "the notes' key": notes, "another subject's row": subject,
		"another master key": master, "another deployment's row": size,
	} {
		if !errors.Is(err, vault.ErrSealed) {
			t.Errorf("%s: got %v, want ErrSealed", what, err)
		}
	}
}

func TestVaultsOfOneKeyAreOne(t *testing.T) {
	a, b, c := openVault(t, master), openVault(t, master), openVault(t, other)
	if a.Lookup(alice) != b.Lookup(alice) || a.NotesKey() != b.NotesKey() || !a.SigningKey().Equal(b.SigningKey()) || !bytes.Equal(a.Check(), b.Check()) {
		t.Error("two vaults of one master key differ")
	}
	if a.Lookup(alice) == c.Lookup(alice) || a.NotesKey() == c.NotesKey() || a.SigningKey().Equal(c.SigningKey()) ||
		bytes.Equal(a.Check(), c.Check()) || a.Digest("x") == c.Digest("x") {
		t.Error("vaults of two master keys share a value")
	}
	if a.Lookup(alice) == a.Lookup(bob) {
		t.Error("two numbers share a lookup")
	}
}

func TestPartsOfADigestAreToldApart(t *testing.T) {
	v := openVault(t, master)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringN(0, 3, 8), 0, 4).Draw(t, "parts")
		others := rapid.SliceOfN(rapid.StringN(0, 3, 8), 0, 4).Draw(t, "others")
		same := len(parts) == len(others)
		for i := range min(len(parts), len(others)) {
			same = same && parts[i] == others[i]
		}
		if got := v.Digest(parts...) == v.Digest(others...); got != same {
			t.Fatalf("%q and %q: digests equal is %t, want %t", parts, others, got, same)
		}
	})
}

func TestLookupsAtOnce(t *testing.T) {
	v := openVault(t, master)
	want := v.Lookup(alice)
	done := make(chan bool)
	for range 8 {
		go func() {
			same := true
			for range 200 {
				same = same && v.Lookup(alice) == want && v.Lookup(bob) != want
			}
			done <- same
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("lookups at once disturb each other")
		}
	}
}

func TestListMembers(t *testing.T) {
	v := openVault(t, master)
	rapid.Check(t, func(t *rapid.T) {
		list, n := rapid.Uint64().Draw(t, "list"), phone.Number(rapid.Uint64().Draw(t, "number"))
		here, there := v.ListCipher(list), v.ListCipher(list+1)
		m := here.Encipher(n)
		got, err := here.Decipher(m[:])
		if err != nil || got != n || here.Encipher(n) != m {
			t.Fatalf("got another number or member, or %v", err)
		}
		if there.Encipher(n) == m {
			t.Fatal("two lists store one number alike")
		}
		if _, err := there.Decipher(m[:]); !errors.Is(err, vault.ErrSealed) {
			t.Fatalf("in another list: got %v, want ErrSealed", err)
		}
		if _, err := here.Decipher(m[:15]); !errors.Is(err, vault.ErrSealed) {
			t.Fatalf("too short: got %v, want ErrSealed", err)
		}
		m[rapid.IntRange(0, 15).Draw(t, "byte")] ^= 1
		if got, err := here.Decipher(m[:]); err == nil && got == n {
			t.Fatal("a changed member is the same number")
		}
	})
}

func TestTheSigningKeySigns(t *testing.T) {
	key := openVault(t, master).SigningKey()
	text := []byte("checkpoint")
	if !ed25519.Verify(key.Public().(ed25519.PublicKey), text, ed25519.Sign(key, text)) {
		t.Error("the signature does not verify")
	}
}
