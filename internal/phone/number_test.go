package phone

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"
)

const sample = Number(1_202_555_0123)

func TestExtensionSurvivesWithLeadingZeros(t *testing.T) {
	seen := map[Number]string{}
	for size := 1; size <= maxExtension; size++ {
		limit := 1
		for range size {
			limit *= 10
		}
		for value := range limit {
			extension := fmt.Sprintf("%0*d", size, value)
			n, ok := sample.withExtension(extension)
			if !ok || n.Extension() != extension || n.WithoutExtension() != sample {
				t.Fatalf("extension %s: got %s of %s, %v", extension, n.Extension(), n.WithoutExtension(), ok)
			}
			if other, taken := seen[n]; taken {
				t.Fatalf("extensions %s and %s give the same number", other, extension)
			}
			seen[n] = extension
		}
	}
	for _, extension := range []string{"12345", "1a", "-1", " 1"} {
		if _, ok := sample.withExtension(extension); ok {
			t.Errorf("extension %q was accepted", extension)
		}
	}
}

func TestLongestNumberKeepsItsExtension(t *testing.T) {
	const longestNumber = Number(999_999_999_999_999)
	n, ok := longestNumber.withExtension("9999")
	if !ok || n.String() != "+999999999999999;ext=9999" {
		t.Errorf("got %s, %v", n, ok)
	}
}

func TestNumberTexts(t *testing.T) {
	withExtension, _ := sample.withExtension("007")
	cases := []struct {
		n                         Number
		text, digits, ext, masked string
		code                      int
	}{
		{0, "", "", "", "+•••••••••••", 0},
		{sample, "+12025550123", "12025550123", "", "+1•••••••123", 1},
		{withExtension, "+12025550123;ext=007", "12025550123", "007", "+1•••••••123", 1},
		{44_7700_900123, "+447700900123", "447700900123", "", "+44••••••123", 44},
		{353_20_910_0001, "+353209100001", "353209100001", "", "+353•••••001", 353},
		{46_8_465_004, "+468465004", "468465004", "", "+46•••••••04", 46},
		{1, "+1", "1", "", "+•••••••••••", 0},
	}
	for _, c := range cases {
		if got := c.n.String(); got != c.text {
			t.Errorf("%d: String %q, want %q", uint64(c.n), got, c.text)
		}
		if got := c.n.Digits(); got != c.digits {
			t.Errorf("%s: Digits %q, want %q", c.text, got, c.digits)
		}
		if got := c.n.Extension(); got != c.ext {
			t.Errorf("%s: Extension %q, want %q", c.text, got, c.ext)
		}
		if got := c.n.Masked(); got != c.masked || utf8.RuneCountInString(got) != maskWidth {
			t.Errorf("%s: Masked %q, want %q", c.text, got, c.masked)
		}
		if got := c.n.CallingCode(); got != c.code {
			t.Errorf("%s: CallingCode %d, want %d", c.text, got, c.code)
		}
	}
}

func TestNumberInJSON(t *testing.T) {
	type message struct {
		To    Number            `json:"to"`
		From  Number            `json:"from,omitzero"`
		Names map[Number]string `json:"names"`
	}
	extended, _ := sample.withExtension("12")
	want := message{To: extended, Names: map[Number]string{sample: "Ann"}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != `{"to":"+12025550123;ext=12","names":{"+12025550123":"Ann"}}` {
		t.Errorf("got %s", text)
	}
	var got message
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.To != want.To || got.From != 0 || got.Names[sample] != "Ann" {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []string{`{"to":12025550123}`, `{"to":"2025550123"}`, `{"to":"+1202"}`} {
		err := json.Unmarshal([]byte(bad), &got)
		if err == nil {
			t.Errorf("%s was accepted", bad)
		} else if digitRun(err.Error()) >= 4 {
			t.Errorf("%s: error repeats the number: %v", bad, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"to":""}`), &got); err != nil || got.To != 0 {
		t.Errorf("empty text: got %v, %v", got.To, err)
	}
}

func TestLogHoldsOnlyTheMask(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("sent", "to", sample)
	if !strings.Contains(out.String(), `"to":"+1•••••••123"`) || strings.Contains(out.String(), "2025550") {
		t.Errorf("got %s", out.String())
	}
}

// TestCallingCodeLengths holds the table of calling code lengths equal to the numbering plans of the automaton.
func TestCallingCodeLengths(t *testing.T) {
	for _, s := range numberSources(t) {
		if got := callingCodeLen(s.code + "00"); got != len(s.code) {
			t.Errorf("calling code %s: length %d", s.code, got)
		}
	}
}

// digitRun returns the length of the longest run of digits in text.
func digitRun(text string) int {
	longest, run := 0, 0
	for _, r := range text {
		if _, ok := digitValue(r); !ok {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
