package preference_test

import (
	"errors"
	"testing"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/preference"
)

func TestARequestForErasureWaitsOnceUntilItIsSettled(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	d.brand("other")
	subject := d.record(alice)
	for range 2 {
		if err := d.Erasures.Ask(ctx, "test", subject, "default"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Erasures.Ask(ctx, "test", subject, "other"); err != nil {
		t.Fatal(err)
	}
	waiting, err := d.Erasures.Waiting(ctx, 0, 10)
	if err != nil || len(waiting) != 2 || waiting[0].Subject != subject || waiting[0].Brand != "default" || waiting[1].Brand != "other" {
		t.Fatalf("got %+v, %v", waiting, err)
	}
	e, err := d.Ledger.Entry(ctx, waiting[0].Entry)
	if err != nil || e.Kind != ledger.KindRequest {
		t.Errorf("the entry is %v, %v", e.Kind, err)
	}
	if err := d.Erasures.Settle(ctx, "test", "Ann", waiting[0].Entry, preference.Refused, "a debt is open"); err != nil {
		t.Fatal(err)
	}
	if err := d.Erasures.Settle(ctx, "test", "Ann", waiting[0].Entry, preference.Erased, "again"); !errors.Is(err, preference.ErrNoRequest) {
		t.Errorf("settled twice: %v", err)
	}
	if _, err := d.Erasures.Of(ctx, subject, "default"); !errors.Is(err, preference.ErrNoRequest) {
		t.Errorf("it still waits: %v", err)
	}
	if err := d.Erasures.Ask(ctx, "test", subject, "default"); err != nil {
		t.Errorf("asked anew: %v", err)
	}
	if waiting, err = d.Erasures.Waiting(ctx, waiting[0].Entry, 10); err != nil || len(waiting) != 2 {
		t.Errorf("after it: %+v, %v", waiting, err)
	}
}
