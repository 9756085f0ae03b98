package preference_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/preference"
)

// tagger is a deployment with a key of its own.
type tagger string

func (k tagger) Tag(parts ...string) (out [16]byte) {
	h := hmac.New(sha256.New, []byte(k))
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		h.Write(sum[:])
	}
	copy(out[:], h.Sum(nil))
	return out
}

func TestALinkOpensWhatItWasMadeForUntilItEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		links := preference.NewLinks(tagger("ours"), func() time.Time { return now })
		id := ledger.SubjectID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		brand := consent.BrandID(rapid.StringMatching(`[a-z0-9-]{1,40}`).Draw(t, "brand"))
		lasts := time.Duration(rapid.IntRange(1, 1_000_000).Draw(t, "seconds")) * time.Second
		token := links.Sign(id, brand, lasts)
		got, err := links.Open(token)
		if err != nil || got.Subject != id || got.Brand != brand || !got.Until.Equal(now.Add(lasts)) {
			t.Fatalf("got %+v, %v", got, err)
		}
		if _, err := preference.NewLinks(tagger("theirs"), func() time.Time { return now }).Open(token); !errors.Is(err, preference.ErrForged) {
			t.Fatalf("another deployment opens it: %v", err)
		}
		now = now.Add(lasts)
		if got, err := links.Open(token); !errors.Is(err, preference.ErrExpired) || got.Subject != id {
			t.Fatalf("at its end it opens %+v, %v", got, err)
		}
	})
}

func TestNoOtherBytesOpen(t *testing.T) {
	links := preference.NewLinks(tagger("ours"), time.Now)
	token := links.Sign(ledger.SubjectID{1, 2, 3}, "brand", time.Hour)
	signed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range signed {
		for bit := range 8 {
			changed := append([]byte(nil), signed...)
			changed[i] ^= 1 << bit
			if _, err := links.Open(base64.RawURLEncoding.EncodeToString(changed)); !errors.Is(err, preference.ErrForged) {
				t.Fatalf("byte %d with bit %d turned opens: %v", i, bit, err)
			}
		}
		if _, err := links.Open(base64.RawURLEncoding.EncodeToString(signed[:i])); !errors.Is(err, preference.ErrForged) {
			t.Fatalf("the first %d bytes open: %v", i, err)
		}
	}
}
