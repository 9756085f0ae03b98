package phone

import (
	"errors"
	"testing"
	"unicode"
)

// FuzzParse: no text makes Parse panic, what it returns is one number whatever it is read with, and no error repeats
// four digits of the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []struct{ text, region string }{
		{"+12025550123", ""},
		{"(202) 555-0123 ext. 12", "US"},
		{"07700 900123", "GB"},
		{"tel:555-0123;phone-context=+1-202;ext=7", ""},
		{"+44 (0)20 7946 0958 / 020 7946 0959", "GB"},
		{"1-800-555-0199 TOLLFREE", "US"},
		{"٠٢٠ ٧٩٤٦ ٠٩٥٨", "GB"},
		{"0 15 11 2345-6789", "AR"},
		{"88105871886", "BY"},
		{"1.2E+10", "XX"},
		{"+12025550123;isub=1;ext=99999", ""},
	} {
		f.Add(seed.text, seed.region)
	}
	f.Fuzz(func(t *testing.T, text, region string) {
		n, err := Parse(text, region)
		if err != nil {
			checkError(t, text, err)
			return
		}
		if n == 0 || Region(n) == "" {
			t.Errorf("Parse(%q, %q) = %v of region %q", text, region, n, Region(n))
		}
		for _, again := range []string{"", region, "US", "GB", "AR", "BY"} {
			if back, err := Parse(n.String(), again); err != nil || back != n {
				t.Errorf("%v read with region %q is %v, %v", n, again, back, err)
			}
		}
		for _, written := range []string{FormatInternational(n), FormatNational(n), TelURI(n)} {
			if back, err := Parse(written, Region(n)); err != nil || back != n {
				t.Errorf("%v written %q is read as %v, %v", n, written, back, err)
			}
		}
	})
}

func checkError(t *testing.T, text string, err error) {
	t.Helper()
	var wrong *InvalidError
	if !errors.As(err, &wrong) || explanations[wrong.Reason].what == "" {
		t.Errorf("Parse(%q): error %v has no known reason", text, err)
	}
	if digitRun(err.Error()) >= 4 {
		t.Errorf("Parse(%q): error repeats digits: %v", text, err)
	}
}

// TestDigitsOfEveryScript holds digitValue equal to what Unicode says: runs of ten, zero first.
func TestDigitsOfEveryScript(t *testing.T) {
	for _, zero := range []rune{'0', '٠', '۰', '०', '০', '０', '𝟎', '𞥐'} {
		for value := range rune(10) {
			if got, ok := digitValue(zero + value); !ok || got != value {
				t.Errorf("digit %q: got %d, %v; want %d", zero+value, got, ok, value)
			}
		}
	}
	digits := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		_, ok := digitValue(r)
		if ok != unicode.IsDigit(r) {
			t.Errorf("%q: digitValue says %v", r, ok)
		}
		if ok {
			digits++
		}
	}
	for _, run := range unicode.Nd.R16 {
		if run.Stride != 1 || (run.Hi-run.Lo+1)%10 != 0 {
			t.Errorf("run %x-%x does not hold whole sets of digits", run.Lo, run.Hi)
		}
	}
	for _, run := range unicode.Nd.R32 {
		if run.Stride != 1 || (run.Hi-run.Lo+1)%10 != 0 {
			t.Errorf("run %x-%x does not hold whole sets of digits", run.Lo, run.Hi)
		}
	}
	if digits < 600 {
		t.Errorf("only %d digits were found", digits)
	}
}
