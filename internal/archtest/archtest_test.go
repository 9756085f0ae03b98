package archtest

import (
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

//go:embed rules.txt
var rulesText string

const module = "github.com/consentline/consentline"

func rules(t *testing.T) *Rules {
	t.Helper()
	r, err := Parse(rulesText)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryImportIsOneThatTheRulesAllow(t *testing.T) {
	r := rules(t)
	list := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	packages := 0
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages++
		from := folder(p.ImportPath)
		if !r.Known(from) {
			t.Errorf("%s stands in no layer of rules.txt", from)
			continue
		}
		for _, imported := range p.Imports {
			switch {
			case imported == module, !strings.HasPrefix(imported, module+"/"):
				if !r.AllowsOutside(from, imported) {
					t.Errorf("%s imports %s, which is behind a wall", from, imported)
				}
			case !r.Allows(from, folder(imported)):
				t.Errorf("%s imports %s: rules.txt does not allow it", from, folder(imported))
			}
		}
	}
	if packages < 10 {
		t.Errorf("looked at %d packages: the list is not complete", packages)
	}
}

func folder(importPath string) string { return strings.TrimPrefix(importPath, module+"/") }

func TestTheRulesForbidWhatTheyAreFor(t *testing.T) {
	r := rules(t)
	for _, c := range []struct{ from, to string }{
		{"internal/consent", "internal/store"},
		{"internal/httpapi", "internal/store"},
		{"internal/httpapi", "internal/cli"},
		{"internal/store", "internal/ledger"},
		{"internal/ledger", "internal/httpapi"},
		{"verify", "internal/consent"},
	} {
		if r.Allows(c.from, c.to) {
			t.Errorf("%s may import %s", c.from, c.to)
		}
	}
	if r.AllowsOutside("internal/ledger", "database/sql") || !r.AllowsOutside("internal/store/sqlite", "zombiezen.com/go/sqlite/sqlitex") {
		t.Error("the walls around the databases do not stand")
	}
}
