package ledger_test

import (
	"errors"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

func TestARequestUnderAKeyHasItsEffectOnce(t *testing.T) {
	f := open(t)
	once := ledger.Once{Key: "k1", Content: `POST /v1/brands {"id":"acme"}`}
	if seq, err := f.Told(ctx, "key:a", once); seq != 0 || err != nil {
		t.Fatalf("before: got %d, %v; want nothing told", seq, err)
	}
	define := func() (ledger.Result, error) {
		item, err := ledger.Define(ledger.KindDefinition, "key:a", "brand", "acme", map[string]string{"id": "acme"})
		if err != nil {
			t.Fatal(err)
		}
		return f.AppendOne(ledger.WithOnce(ctx, once), item)
	}
	first, err := define()
	if err != nil {
		t.Fatal(err)
	}
	var repeated *ledger.RepeatedError
	if _, err := define(); !errors.As(err, &repeated) || repeated.Seq != first.Seq {
		t.Errorf("again: got %v, want a repetition of entry %d", err, first.Seq)
	}
	if seq, err := f.Told(ctx, "key:a", once); seq != first.Seq || err != nil {
		t.Errorf("told: got %d, %v; want %d", seq, err, first.Seq)
	}
	if seq, err := f.Told(ctx, "key:b", once); seq != 0 || err != nil {
		t.Errorf("another caller: got %d, %v; want nothing told", seq, err)
	}
	if _, err := f.Told(ctx, "key:a", ledger.Once{Key: "k1", Content: "other"}); !errors.Is(err, ledger.ErrKeyReused) {
		t.Errorf("other content: got %v, want ErrKeyReused", err)
	}
	if head, err := f.Head(ctx); head != first.Seq || err != nil {
		t.Errorf("head: got %d, %v; want %d", head, err, first.Seq)
	}
}

func TestAKeyOfAnActIsNoKeyForADefinition(t *testing.T) {
	f := open(t)
	act := item(consent.Granted, newsletter)
	act.By, act.IdempotencyKey = "key:a", "k2"
	if _, err := f.AppendOne(ctx, act); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Told(ctx, "key:a", ledger.Once{Key: "k2", Content: "POST /v1/brands"}); !errors.Is(err, ledger.ErrKeyReused) {
		t.Errorf("got %v, want ErrKeyReused", err)
	}
}

func TestATagIsOfItsPartsAlone(t *testing.T) {
	f := open(t)
	if f.Tag("a", "bc") == f.Tag("ab", "c") || f.Tag("a") != f.Tag("a") || f.Tag("a") == f.Tag("b") {
		t.Error("tags do not tell their parts apart")
	}
}
