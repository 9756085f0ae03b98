package ledger_test

import (
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// BenchmarkImport appends new acts about new numbers in batches, as an import does; the figure is per act.
func BenchmarkImport(b *testing.B) {
	f := open(b)
	const size = 4000
	items := make([]ledger.Item, size)
	pending := make(chan struct{}, 2)
	n := uint64(0)
	for i := 0; i < b.N; i += size {
		batch := make([]ledger.Item, size)
		for j := range items {
			it := item(consent.Granted, newsletter)
			n++
			it.Number = phone.Number(12000000000 + n*7919%1_000_000_000)
			it.Act.Source, it.Act.Via, it.Act.EffectiveAt = consent.WebForm, consent.ViaImport, f.now
			it.Act.Method, it.Act.Evidence = "checkbox", "https://example.com/forms/17"
			batch[j] = it
		}
		pending <- struct{}{}
		go func() {
			defer func() { <-pending }()
			if _, err := f.Append(ctx, batch); err != nil {
				b.Error(err)
			}
		}()
	}
	for range cap(pending) {
		pending <- struct{}{}
	}
}

// BenchmarkAppendOne appends single durable acts from 64 callers at once.
func BenchmarkAppendOne(b *testing.B) {
	f := open(b)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := f.AppendOne(ctx, item(consent.Granted, newsletter)); err != nil {
				b.Error(err)
			}
		}
	})
}
