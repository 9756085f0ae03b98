package form_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/server"
)

func open(t *testing.T, dir string) *server.Server {
	t.Helper()
	s, err := server.Open(t.Context(), server.Config{DataDir: dir, Rules: server.NoRules})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func start(t *testing.T) *server.Server {
	t.Helper()
	s := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	define(t, s)
	return s
}

// define makes another brand, and a wording of each brand and of none.
func define(t *testing.T, s *server.Server) {
	t.Helper()
	if _, err := s.Catalog.CreateBrand(t.Context(), "test", catalog.Brand{ID: "other", Name: "Other"}); err != nil {
		t.Fatal(err)
	}
	for _, d := range []catalog.Disclosure{{ID: "w", Brand: "default", Purpose: "marketing"}, {ID: "any", Brand: "default"}, {ID: "theirs", Brand: "other"}, {ID: "nobodys"}} {
		if _, err := s.Catalog.CreateDisclosure(t.Context(), "test", d, catalog.Wording{Language: "en", Text: "I agree to " + d.ID}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func news() form.Form {
	return form.Form{ID: "news", Brand: "default", Items: []form.Item{{Purpose: "marketing", Channel: consent.SMS, Wordings: []string{"w"}}}}
}

func TestAFormIsADefinitionInTheLedger(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	head, err := s.Ledger.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Forms.Create(ctx, "test", news()); err != nil {
		t.Fatal(err)
	}
	if err := s.Forms.Create(ctx, "test", news()); !errors.Is(err, form.ErrExists) {
		t.Errorf("made twice: %v", err)
	}
	changed := news()
	changed.Retired = true
	if err := s.Forms.Change(ctx, "test", changed); err != nil {
		t.Fatal(err)
	}
	got, err := s.Forms.Get(ctx, "news")
	if err != nil || !got.Retired || got.Items[0].Wordings[0] != "w" {
		t.Errorf("got %+v, %v", got, err)
	}
	for seq := head + 1; seq <= head+2; seq++ {
		if e, err := s.Ledger.Entry(ctx, seq); err != nil || e.Kind != ledger.KindDefinition || !strings.Contains(string(e.Body.Detail), `"news"`) {
			t.Errorf("entry %d is %v, %v", seq, e.Kind, err)
		}
	}
	absent := news()
	absent.ID = "absent"
	if err := s.Forms.Change(ctx, "test", absent); !errors.Is(err, form.ErrNotFound) {
		t.Errorf("a form that is not there: %v", err)
	}
	if all, err := s.Forms.All(ctx); err != nil || len(all) != 1 {
		t.Errorf("all forms: %+v, %v", all, err)
	}
}

func TestWhatIsWrongWithAFormIsNamed(t *testing.T) {
	s := start(t)
	item := news().Items[0]
	with := func(change func(*form.Item)) form.Item { i := item; change(&i); return i }
	for name, c := range map[string]struct {
		change func(*form.Form)
		field  string
	}{
		"an id that is none":    {func(f *form.Form) { f.ID = "News!" }, "id"},
		"no brand":              {func(f *form.Form) { f.Brand = "nobody" }, "brand"},
		"no box":                {func(f *form.Form) { f.Items = nil }, "items"},
		"nine boxes":            {func(f *form.Form) { f.Items = make([]form.Item, 9) }, "items"},
		"the same box twice":    {func(f *form.Form) { f.Items = []form.Item{item, item} }, "items"},
		"no purpose":            {func(f *form.Form) { f.Items = []form.Item{with(func(i *form.Item) { i.Purpose = "none" })} }, "purpose"},
		"every channel at once": {func(f *form.Form) { f.Items = []form.Item{with(func(i *form.Item) { i.Channel = consent.AnyChannel })} }, "channel"},
		"no words":              {func(f *form.Form) { f.Items = []form.Item{with(func(i *form.Item) { i.Wordings = nil })} }, "wordings"},
		"words of another brand": {func(f *form.Form) {
			f.Items = []form.Item{with(func(i *form.Item) { i.Wordings = []string{"theirs"} })}
		}, "wordings"},
		"words of no brand": {func(f *form.Form) {
			f.Items = []form.Item{with(func(i *form.Item) { i.Wordings = []string{"nobodys"} })}
		}, "wordings"},
		"words of another purpose":     {func(f *form.Form) { f.Items = []form.Item{with(func(i *form.Item) { i.Purpose = "transactional" })} }, "wordings"},
		"words that are not there":     {func(f *form.Form) { f.Items = []form.Item{with(func(i *form.Item) { i.Wordings = []string{"gone"} })} }, "wordings"},
		"a site with a path":           {func(f *form.Form) { f.Origins = []string{"https://shop.example/x"} }, "origins"},
		"a site that adds to a policy": {func(f *form.Form) { f.Origins = []string{"https://a; script-src *"} }, "origins"},
		"every site":                   {func(f *form.Form) { f.Origins = []string{"*"} }, "origins"},
		"confirming by pigeon":         {func(f *form.Form) { f.ConfirmBy = "pigeon" }, "confirm_by"},
	} {
		f := news()
		c.change(&f)
		var invalid *catalog.InvalidError
		if err := s.Forms.Create(t.Context(), "test", f); !errors.As(err, &invalid) || invalid.Field != c.field {
			t.Errorf("%s: got %v, want the field %s named", name, err, c.field)
		}
	}
}

// What a hash in an entry names can be read again, byte for byte, by whoever opens the ledger later.
func TestAPageThatWasShownIsKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	define(t, s)
	page := []byte("<!doctype html>\n<title>I agree to w \u00fe</title>")
	hash, err := s.Forms.Keep(t.Context(), page)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Forms.Keep(t.Context(), page); err != nil || again != hash {
		t.Errorf("kept again: %q, %v", again, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if got, err := s.Forms.Page(t.Context(), hash); err != nil || string(got) != string(page) {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "sha256:", "sha256:zz", hash[:len(hash)-1], hash[:len(hash)-1] + "g", "md5:" + hash[7:], "sha256:" + strings.Repeat("0", 64)} {
		if _, err := s.Forms.Page(t.Context(), bad); !errors.Is(err, form.ErrNotFound) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
