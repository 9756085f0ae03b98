package phone

import (
	"strings"
	"testing"
)

func TestParseE164RefusesWhatIsNotCanonical(t *testing.T) {
	for _, text := range []string{
		"", "+", "12025550123", "+1 2025550123", "+1202555012a", "+12025550123 ", " +12025550123", "+012025550123",
		"+4407700900123", "+12025550123;ext=1", "＋12025550123", "+1202555012", "+120255501234", "++12025550123",
		"+12025550123\x00", "+" + strings.Repeat("1", 16), "-12025550123", "+33063998123", "+0", "+033199001234",
	} {
		if n, ok := ParseE164([]byte(text)); ok {
			t.Errorf("%q was accepted as %v", text, n)
		}
	}
}

func TestParseE164(t *testing.T) {
	for text, want := range map[string]Number{
		"+12025550123":  1_202_555_0123,
		"+447700900123": 44_7700_900123,
		"+61491570156":  61_491_570_156,
	} {
		if n, ok := ParseE164([]byte(text)); !ok || n != want {
			t.Errorf("%s: got %v, %v", text, n, ok)
		}
	}
}

func TestRegionAndTypeOfNothing(t *testing.T) {
	for _, n := range []Number{0, 1, 999, 1_202, 999_999_999_999_999} {
		if Region(n) != "" || Type(n) != Unknown {
			t.Errorf("%v: region %q, type %s", n, Region(n), Type(n))
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	text := []byte("+447700900123")
	automatic := []byte("+12025550123")
	allocations := testing.AllocsPerRun(100, func() {
		n, _ := ParseE164(text)
		m, _ := ParseE164(automatic)
		if Region(n) != "GB" || Type(m) != FixedOrMobile {
			t.Error("wrong region or type")
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

func BenchmarkParseE164(b *testing.B) {
	for name, text := range map[string]string{
		"valid":    "+12025550123",
		"reserved": "+447700900123",
		"invalid":  "+19995550123",
	} {
		b.Run(name, func(b *testing.B) {
			input := []byte(text)
			b.ReportAllocs()
			for b.Loop() {
				ParseE164(input)
			}
		})
	}
}

// BenchmarkParseE164Many walks numbers of all countries in random order, so that the table does not stay in the
// first-level cache.
func BenchmarkParseE164Many(b *testing.B) {
	g := generator{newRand(7), numberSources(b)}
	var inputs [][]byte
	for len(inputs) < 1<<16 {
		inputs = append(inputs, []byte(g.next()))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		ParseE164(inputs[i&(1<<16-1)])
		i++
	}
}

func BenchmarkParse(b *testing.B) {
	for name, c := range map[string]struct{ text, region string }{
		"e164":          {"+12025550123", ""},
		"national":      {"(202) 555-0123", "US"},
		"international": {"+44 20 7946 0958", ""},
		"extension":     {"202 555 0123 ext. 12", "US"},
		"invalid":       {"+1 999 555 0123", ""},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Parse(c.text, c.region)
			}
		})
	}
}

func BenchmarkRegion(b *testing.B) {
	for b.Loop() {
		Region(sample)
	}
}
