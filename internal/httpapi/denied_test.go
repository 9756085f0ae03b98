package httpapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
)

// holdsNo fails if an entry after one tells a text.
func (f *fixture) holdsNo(after uint64, text string) {
	f.t.Helper()
	entries, err := f.Ledger.Entries(context.Background(), after, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(string(e.Body.Detail), text) {
			f.t.Errorf("entry %d holds what a caller sent: %s", e.Seq, e.Body.Detail)
		}
	}
}

func TestABrandThatIsNotDefinedIsUnknownAndNotDenied(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	limited := f.key(access.Admin, consent.BrandID("acme"))
	scope := map[string]any{"number": alice, "brand": "2025550123", "purpose": "marketing", "channel": "sms"}
	before := f.head()
	for _, path := range []string{"/v1/checks", "/v1/lookups"} {
		a := f.do(request{method: "POST", path: path, as: limited, body: scope})
		a.problem(422, "unknown_brand", "brand")
		if strings.Contains(string(a.body), "2025550123") {
			t.Errorf("%s: the answer repeats what was sent: %s", path, a.body)
		}
	}
	f.do(request{method: "POST", path: "/v1/consents", as: limited, body: grant(alice, "brand", "2025550123")}).problem(422, "unknown_brand", "brand")
	if f.head() != before {
		t.Error("an unknown brand made an entry")
	}
	f.do(request{method: "POST", path: "/v1/brands", as: limited, body: map[string]any{"id": "b2025550123", "name": "B"}}).problem(403, "forbidden", "")
	f.do(request{method: "POST", path: "/v1/consents", as: limited, body: grant(alice)}).problem(403, "forbidden", "")
	if n := f.denials(before); n != 2 {
		t.Errorf("%d denials were recorded, want 2", n)
	}
	f.holdsNo(before, "2025550123")
}
