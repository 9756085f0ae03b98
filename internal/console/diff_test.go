package console

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever changed, both versions can be read from the pieces.
func TestADiffHoldsBothVersions(t *testing.T) {
	words := rapid.SliceOfN(rapid.SampledFrom([]string{"I", "agree", "to", "texts", "calls", "not"}), 0, 30)
	rapid.Check(t, func(t *rapid.T) {
		a, b := strings.Join(words.Draw(t, "from"), " "), strings.Join(words.Draw(t, "to"), " ")
		var from, to []string
		last := ""
		for _, p := range diff(a, b) {
			if p.Kind == last {
				t.Fatalf("two pieces %s in a row", p.Kind)
			}
			if last = p.Kind; p.Kind != "added" {
				from = append(from, p.Text)
			}
			if p.Kind != "removed" {
				to = append(to, p.Text)
			}
		}
		if got := strings.Join(from, " "); got != a {
			t.Fatalf("from %q, want %q", got, a)
		}
		if got := strings.Join(to, " "); got != b {
			t.Fatalf("to %q, want %q", got, b)
		}
	})
}

func TestAChartStaysWithinItsBoxAndItsLinesAreRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := make([]period, rapid.IntRange(1, 60).Draw(t, "rows"))
		for i := range rows {
			rows[i].Granted, rows[i].Withdrawn = rapid.IntRange(0, 3_000_000).Draw(t, "yes"), rapid.IntRange(0, 100).Draw(t, "no")
		}
		c := chartOf(rows)
		for _, b := range c.Bars {
			if b.X < chartLeft || b.X+b.Width > chartWidth || b.Y < chartTop || b.Y+b.Height != chartBase {
				t.Fatalf("the bar %+v leaves its box", b)
			}
		}
		if n := len(c.Lines); n < 2 || n > 6 {
			t.Fatalf("%d lines", n)
		}
	})
}
