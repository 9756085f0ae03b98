package reliability

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Page writes the figures into the page of promises. A figure that a test should have noted and did not is an error,
// since a page without it would claim a test that was not run.
func Page(f Figures, at time.Time) (string, error) {
	var b strings.Builder
	b.WriteString("# Reliability\n\n")
	fmt.Fprintf(&b, "What Consentline promises, on what assumptions, how each promise is tested, and what the tests did when this page was\nwritten, on %s. Made by `make reliability`; nothing here is written by hand.\n", at.Format(time.DateOnly))
	for i, p := range Promises {
		fmt.Fprintf(&b, "\n## %d. %s\n\n%s\n", i+1, p.Name, p.Text)
		for _, a := range p.Assumes {
			fmt.Fprintf(&b, "\n*Assumed:* %s\n", a)
		}
		b.WriteString("\n| test | how |\n|---|---|\n")
		for _, t := range p.Tests {
			fmt.Fprintf(&b, "| `%s` (`%s`) | %s |\n", t.Name, t.Folder, t.How)
		}
		if err := figures(&b, p, f); err != nil {
			return "", err
		}
	}
	b.WriteString("\n## Violations found so far\n\nFound by these tests, or by reading, before a release; each has a test that would find it again.\n")
	for _, v := range Violations {
		fmt.Fprintf(&b, "\n- *%s.* %s\n  **Fixed:** %s (`%s`)\n", v.Promise, v.What, v.Fix, v.Test)
	}
	return b.String(), nil
}

// figures writes what a promise's tests noted, each name once, in the order of the tests.
func figures(b *strings.Builder, p Promise, f Figures) error {
	var names []string
	for _, t := range p.Tests {
		for _, name := range t.Figures {
			if _, noted := f[name]; !noted {
				return fmt.Errorf("no figure %q: %s did not run", name, t.Name)
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	b.WriteString("\n| measured | |\n|---|---:|\n")
	for _, name := range names {
		fmt.Fprintf(b, "| %s | %s |\n", name, number(f[name]))
	}
	return nil
}

// number writes a figure with its thousands apart, or with one digit behind the point.
func number(v float64) string {
	if v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Selection returns the folders of all tests of promises, and a pattern of their names for go test -run.
func Selection() (folders []string, pattern string) {
	var names []string
	for _, p := range Promises {
		for _, t := range p.Tests {
			folders, names = append(folders, "./"+t.Folder), append(names, t.Name)
		}
	}
	slices.Sort(folders)
	slices.Sort(names)
	return slices.Compact(folders), "^(" + strings.Join(slices.Compact(names), "|") + ")$"
}
