package history

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/consentline/consentline/internal/phone"
)

const number phone.Number = 12025550123

// told is a history of one caller who was told all this, one after the other.
func told(pairs ...string) *History {
	h := New()
	var next string
	ask := h.Client(func(int, string, phone.Number) (string, bool) { return next, next != "" })
	for i := 0; i < len(pairs); i += 2 {
		next = pairs[i+1]
		ask(0, pairs[i], number)
	}
	return h
}

func TestOnlyAnAllowFromBeforeAnAcknowledgedWithdrawalIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		told []string
		want porcupine.CheckResult
	}{
		"silence":                       {[]string{Check, "deny"}, porcupine.Ok},
		"an allow of nothing":           {[]string{Check, Allow}, porcupine.Illegal},
		"granted":                       {[]string{Grant, Done, Check, Allow, Check, "stale", Check, Allow}, porcupine.Ok},
		"withdrawn":                     {[]string{Grant, Done, Withdraw, Done, Check, "deny"}, porcupine.Ok},
		"an allow after a withdrawal":   {[]string{Grant, Done, Withdraw, Done, Check, Allow}, porcupine.Illegal},
		"nobody knows of the grant":     {[]string{Grant, "lost", Check, "deny", Check, Allow}, porcupine.Ok},
		"nobody knows of the end":       {[]string{Grant, Done, Withdraw, "lost", Check, Allow, Check, "deny"}, porcupine.Ok},
		"an end that began is an end":   {[]string{Grant, Done, Withdraw, Done, Grant, Done, Check, Allow, Withdraw, Done, Check, Allow}, porcupine.Illegal},
		"a node that died said nothing": {[]string{Check, "", Check, "deny"}, porcupine.Ok},
	} {
		if got := told(c.told...).Judge(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestWhatWasHeardIsCounted(t *testing.T) {
	h := told(Grant, Done, Withdraw, "lost", Check, "", Check, "stale")
	if got := h.Heard(); got[Done] != 1 || got[Unknown] != 1 || got["stale"] != 1 || len(got) != 3 || h.Len() != 3 {
		t.Errorf("heard %v in %d answers", got, h.Len())
	}
}
