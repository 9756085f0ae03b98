package reliability

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const root = "../../.."

// TestThePageListsThePromises holds the page to the code: written anew from this code it differs in its figures only.
func TestThePageListsThePromises(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "RELIABILITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := Page(everything(), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	value := regexp.MustCompile(`(?m)\| [0-9.,]+ \|$|on [0-9-]{10}\.`)
	got, want := value.ReplaceAllString(string(page), "#"), value.ReplaceAllString(fresh, "#")
	for i, line := range strings.Split(want, "\n") {
		if lines := strings.Split(got, "\n"); i >= len(lines) || lines[i] != line {
			t.Fatalf("docs/RELIABILITY.md:%d is not %q: run make reliability", i+1, line)
		}
	}
	if got != want {
		t.Error("docs/RELIABILITY.md has more than the promises: run make reliability")
	}
}

// everything is a figure for each name.
func everything() Figures {
	f := Figures{}
	for _, p := range Promises {
		for _, test := range p.Tests {
			for _, name := range test.Figures {
				f[name] = 1
			}
		}
	}
	return f
}

// sources are the texts of a folder's tests.
func sources(t *testing.T, folder string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

func TestEveryTestOfAPromiseIsThereAndNotesItsFigures(t *testing.T) {
	for _, p := range Promises {
		for _, test := range p.Tests {
			text := sources(t, test.Folder)
			if !strings.Contains(text, "func "+test.Name+"(t *testing.T)") {
				t.Errorf("%s: no test %s in %s", p.Name, test.Name, test.Folder)
			}
			for _, name := range test.Figures {
				if !strings.Contains(text, `"`+name+`"`) {
					t.Errorf("%s: no test in %s notes %q", p.Name, test.Folder, name)
				}
			}
		}
	}
}

func TestEveryViolationHasAPromiseAndATestThatWouldFindItAgain(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(root, "internal", "*"))
	if err != nil {
		t.Fatal(err)
	}
	folders = append(folders, filepath.Join(root, "internal", "store", "sqlite"))
	var all strings.Builder
	for _, f := range folders {
		relative, err := filepath.Rel(root, f)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(sources(t, relative))
	}
	for _, v := range Violations {
		if !slices.ContainsFunc(Promises, func(p Promise) bool { return p.Name == v.Promise }) {
			t.Errorf("no promise is named %q", v.Promise)
		}
		if !strings.Contains(all.String(), "func "+v.Test+"(t *testing.T)") {
			t.Errorf("%s: there is no test %s", v.What, v.Test)
		}
	}
}

func TestAPageWithoutAFigureIsNotWritten(t *testing.T) {
	for name := range everything() {
		f := everything()
		delete(f, name)
		if _, err := Page(f, time.Time{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %q: got %v", name, err)
		}
	}
}

func TestFiguresAreReadAsTheyWereNoted(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Variable, dir)
	Count(t, "kills", 1)
	Count(t, "kills", 2)
	Measure(t, "seconds", 1.5)
	Measure(t, "seconds", 2.5)
	got, err := Read(dir)
	if want := (Figures{"kills": 3, "seconds": 2.5}); err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 2.55: "2.5", 21.46: "21.5"} {
		if got := number(v); got != want {
			t.Errorf("%g: got %s, want %s", v, got, want)
		}
	}
}
