package preference_test

import (
	"errors"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/preference"
)

func TestAHandleOpensInItsUseItsPlaceAndItsTimeOnly(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	handles := preference.NewHandles(tagger("ours"), "form", clock)
	handle := handles.Seal(12025550123, "news", time.Minute)
	if n, err := handles.Open(handle, "news"); err != nil || n != 12025550123 {
		t.Errorf("got %v", err)
	}
	for name, open := range map[string]func() error{
		"another place": func() error { _, err := handles.Open(handle, "other"); return err },
		"another use": func() error {
			_, err := preference.NewHandles(tagger("ours"), "console", clock).Open(handle, "news")
			return err
		},
		"another deployment": func() error {
			_, err := preference.NewHandles(tagger("theirs"), "form", clock).Open(handle, "news")
			return err
		},
		"a changed handle": func() error { _, err := handles.Open("A"+handle[1:len(handle)-1], "news"); return err },
		"nothing":          func() error { _, err := handles.Open("", "news"); return err },
		"its end":          func() error { now = now.Add(time.Minute); _, err := handles.Open(handle, "news"); return err },
	} {
		before := now
		if err := open(); !errors.Is(err, preference.ErrNoHandle) {
			t.Errorf("%s: %v", name, err)
		}
		now = before
	}
}
