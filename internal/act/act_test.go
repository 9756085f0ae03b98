package act_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/vault"
)

var (
	ctx = context.Background()
	now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// recorder returns a recorder over a new ledger, in which brand acme is in use, brand gone is retired, and so on.
func recorder(t *testing.T) (*act.Recorder, *catalog.Catalog) {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(ctx, db); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return now }
	var c *catalog.Catalog
	l, err := ledger.Open(ctx, ledger.Config{DB: db, Vault: v, Now: clock, OnCommit: func(commit ledger.Commit) {
		for _, n := range commit.Notices {
			if d, ok := n.Detail.(ledger.Definition); ok {
				if err := c.Apply(d); err != nil {
					t.Error(err)
				}
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c = catalog.New(l)
	for _, b := range []catalog.Brand{{ID: "default", Name: "Default"}, {ID: "acme", Name: "Acme"}, {ID: "gone", Name: "Gone", Retired: true}} {
		if _, err := c.CreateBrand(ctx, "test", b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.CreatePurpose(ctx, "test", catalog.Purpose{ID: "marketing", Name: "Marketing", Class: consent.Marketing}); err != nil {
		t.Fatal(err)
	}
	return act.NewRecorder(l, c, clock), c
}

func report(change func(*act.Report)) act.Report {
	r := act.Report{
		Number: "+1 202 555 0123", Brand: "acme", Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestABadReportIsRejectedWithItsFieldAndCode(t *testing.T) {
	r, _ := recorder(t)
	for _, c := range []struct {
		name, code, field string
		change            func(*act.Report)
	}{
		{"no number", act.CodeInvalidNumber, "number", func(p *act.Report) { p.Number = "" }},
		{"a short code", act.CodeInvalidNumber, "number", func(p *act.Report) { p.Number = "55512" }},
		{"a text to an extension", act.CodeInvalidNumber, "number", func(p *act.Report) { p.Number += " ext. 12" }},
		{"an unknown brand", act.CodeUnknownBrand, "brand", func(p *act.Report) { p.Brand = "nobody" }},
		{"a yes to a retired brand", act.CodeUnknownBrand, "brand", func(p *act.Report) { p.Brand = "gone" }},
		{"no purpose", act.CodeMissingField, "purpose", func(p *act.Report) { p.Purpose = "" }},
		{"an unknown purpose", act.CodeUnknownPurpose, "purpose", func(p *act.Report) { p.Purpose = "nothing" }},
		{"no act", act.CodeMissingField, "act", func(p *act.Report) { p.Act = consent.NoKind }},
		{"a yes to everything", act.CodeInvalidField, "act", func(p *act.Report) { p.Purpose = consent.Any }},
		{"an expiry of everything", act.CodeInvalidField, "act", func(p *act.Report) { p.Purpose, p.Act = consent.Any, consent.Expired }},
		{"a level of a no", act.CodeInvalidField, "level", func(p *act.Report) { p.Act, p.Level = consent.Withdrawn, consent.Express }},
		{"a withdrawal by the system", act.CodeInvalidField, "source", func(p *act.Report) { p.Act, p.Source = consent.Withdrawn, consent.System }},
		{"the future", act.CodeFutureDate, "effective_at", func(p *act.Report) { p.EffectiveAt = now.Add(act.MaxSkew + time.Second) }},
		{"before phones had consent", act.CodeInvalidField, "effective_at", func(p *act.Report) { p.EffectiveAt = time.Unix(0, 0) }},
		{"an end before the beginning", act.CodeInvalidField, "valid_until", func(p *act.Report) { p.ValidUntil = now }},
		{"an end of a no", act.CodeInvalidField, "valid_until", func(p *act.Report) { p.Act, p.ValidUntil = consent.Withdrawn, now.Add(time.Hour) }},
		{"a disclosure without a version", act.CodeInvalidField, "disclosure", func(p *act.Report) { p.Disclosure = "words" }},
		{"an unknown disclosure", act.CodeUnknownWording, "disclosure", func(p *act.Report) { p.Disclosure = "words@1" }},
		{"words without a language", act.CodeInvalidField, "language", func(p *act.Report) { p.Text = "Text me" }},
		{"words and a reference", act.CodeInvalidField, "text", func(p *act.Report) { p.Text, p.Language, p.Disclosure = "Text me", "en", "words@1" }},
		{"an endless actor", act.CodeInvalidField, "actor", func(p *act.Report) { p.Actor = strings.Repeat("a", 201) }},
		{"broken UTF-8", act.CodeInvalidField, "method", func(p *act.Report) { p.Method = "\xff" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, err := r.Record(ctx, access.Local, []act.Report{report(c.change)})
			var invalid *act.InvalidError
			if err != nil || !errors.As(results[0].Err, &invalid) || invalid.Code != c.code || invalid.Field != c.field {
				t.Fatalf("got %v, %v; want code %s in field %s", results, err, c.code, c.field)
			}
			if results[0].Seq != 0 || strings.Contains(invalid.Error(), "555") {
				t.Errorf("got entry %d and text %q; want nothing recorded and no digits of the number", results[0].Seq, invalid)
			}
		})
	}
}

func TestWhatIsRetiredTakesEveryNo(t *testing.T) {
	r, _ := recorder(t)
	results, err := r.Record(ctx, access.Local, []act.Report{report(func(p *act.Report) { p.Brand, p.Act = "gone", consent.Withdrawn })})
	if err != nil || results[0].Err != nil || results[0].Record.Status != consent.StatusWithdrawn {
		t.Errorf("got %+v, %v; want withdrawn", results, err)
	}
}

func TestANoDoesNotFailForTheLanguageOfItsWords(t *testing.T) {
	r, c := recorder(t)
	results, err := r.Record(ctx, access.Local, []act.Report{report(func(p *act.Report) { p.Act, p.Text = consent.Withdrawn, "Stop" })})
	if err != nil || results[0].Err != nil || results[0].Record.Status != consent.StatusWithdrawn {
		t.Fatalf("got %+v, %v; want withdrawn", results, err)
	}
	if n := len(c.Disclosures()); n != 1 {
		t.Errorf("%d wordings are kept, want 1", n)
	}
}

func TestWhatTheCallerLeavesOutHasADefault(t *testing.T) {
	r, _ := recorder(t)
	results, err := r.Record(ctx, access.Local, []act.Report{report(func(p *act.Report) { p.Brand, p.Source = "", consent.NoSource })})
	if err != nil || results[0].Err != nil {
		t.Fatal(results, err)
	}
	got := results[0]
	if got.Scope.Brand != act.DefaultBrand || got.Record.Level != consent.Express || got.Record.Source != consent.API || !got.Record.GrantedAt.Equal(now) {
		t.Errorf("got %+v, want brand default, level express, source api, granted now", got)
	}
}

func TestTheSameWordsAreFrozenOnce(t *testing.T) {
	r, c := recorder(t)
	worded := report(func(p *act.Report) { p.Text, p.Language = "Text me offers.", "en" })
	results, err := r.Record(ctx, access.Local, []act.Report{worded, worded})
	if err != nil || results[0].Record.Disclosure != results[1].Record.Disclosure || len(c.Disclosures()) != 1 {
		t.Fatalf("got %+v, %v and %d disclosures; want both to rest on one", results, err, len(c.Disclosures()))
	}
	w, err := c.Wording(results[0].Record.Disclosure)
	if err != nil || w.Text != worded.Text || w.Language != worded.Language {
		t.Errorf("got %+v, %v; want the exact words", w, err)
	}
}

func TestTheSoundOnesAreRecordedWhateverTheOthersAre(t *testing.T) {
	r, _ := recorder(t)
	results, err := r.Record(ctx, access.Local, []act.Report{report(func(p *act.Report) { p.Number = "x" }), report(nil)})
	if err != nil || results[0].Err == nil || results[1].Err != nil || results[1].Seq == 0 {
		t.Errorf("got %+v, %v; want the first rejected and the second recorded", results, err)
	}
}
