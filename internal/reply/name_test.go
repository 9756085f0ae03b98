package reply

import (
	"slices"
	"testing"
)

func TestNamesAreCapitalsInsideASentence(t *testing.T) {
	for text, want := range map[string][]string{
		"Hello there. This is not Steve":  {"steve"},
		"Mr. Lewis doesn't live here":     {"lewis"},
		"ask Dr. Lee. Nobody else":        {"dr", "lee"},
		"STOP TEXTING ME":                 nil,
		"no idea.\nSorry, it isn't Émile": {"emile"},
	} {
		if got := capitalised(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
