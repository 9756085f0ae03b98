package kinds_test

import (
	"os"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/kinds"
)

// An operator chooses among kinds by what they say of themselves, so each says it, once, and stands in the documents.
func TestEachKindIsDescribed(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/DESTINATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for line := range strings.Lines(string(doc)) {
		if title, ok := strings.CutPrefix(line, "### "); ok {
			for word := range strings.FieldsSeq(title) {
				headings[word] = true
			}
		}
	}
	names := map[string]bool{}
	for _, k := range kinds.All {
		if k.Doc == "" || names[k.Name] || !headings[k.Name] {
			t.Errorf("%q: described %q, before it %t, heading in docs/DESTINATIONS.md %t", k.Name, k.Doc, names[k.Name], headings[k.Name])
		}
		names[k.Name] = true
		for _, s := range k.Settings {
			if s.Name == "" || s.Doc == "" {
				t.Errorf("%s: setting %q has no description", k.Name, s.Name)
			}
		}
	}
}

// A kind that groups or fields are mapped to does nothing without a mapping, so it does not begin.
func TestAKindThatNeedsAMappingRefusesToGoWithout(t *testing.T) {
	for _, k := range kinds.All {
		if k.Mapping == "" {
			continue
		}
		if _, err := k.New(sync.Config{}); err == nil {
			t.Errorf("%s begins with no mapping", k.Name)
		}
	}
}
