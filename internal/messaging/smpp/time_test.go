package smpp

import (
	"errors"
	"testing"
	"time"
)

func TestTimesAreReadAsTheSpecificationWritesThem(t *testing.T) {
	for text, want := range map[string]string{
		"260301143000000+": "2026-03-01T14:30:00Z",
		"260301143000004+": "2026-03-01T13:30:00Z", // four quarters of an hour ahead of UTC
		"260301093000020-": "2026-03-01T14:30:00Z",
		"020610233429000R": "2028-09-12T11:34:29Z", // the specification's example: 2 years, 6 months, 10 days …
		"000000003000000R": "2026-03-01T12:30:00Z",
	} {
		got, err := ParseTime(text, noon)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: got %s, %v, want %s", text, got.UTC().Format(time.RFC3339), err, want)
		}
	}
	for _, text := range []string{"", "260301143000000", "260301143000000Z", "26030114300000a+", "261301143000000+", "260230143000000+", "260301243000000+"} {
		if got, err := ParseTime(text, noon); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %s, %v, want ErrMalformed", text, got, err)
		}
	}
}
