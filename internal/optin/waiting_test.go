package optin_test

import (
	"fmt"
	"testing"

	"github.com/consentline/consentline/internal/optin"
)

func TestWaitingRequestsComeInPagesAndLeaveOutWhatIsSettled(t *testing.T) {
	f := open(t, nil)
	for i := range 5 { // all at one moment, so that pages must part them by more than it
		q := request()
		q.Number, q.Address = fmt.Sprintf("+1202555012%d", i), ""
		f.ask(t, q)
	}
	confirmed := f.ask(t, func() optin.Request { q := request(); q.Number = "+12025550129"; return q }())
	if _, err := f.Confirm(ctx, confirmed.Standing, optin.Confirmation{By: "test"}); err != nil {
		t.Fatal(err)
	}
	seen := map[optin.ID]bool{}
	for place := (optin.Place{}); ; {
		page, err := f.Waiting(ctx, place, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page {
			if seen[s.ID] || s.ID == confirmed.ID {
				t.Errorf("%s comes twice, or is confirmed", s.ID)
			}
			seen[s.ID] = true
			place = optin.Place{ExpiresAt: s.ExpiresAt, ID: s.ID}
		}
		if len(page) < 2 {
			break
		}
	}
	if len(seen) != 5 {
		t.Errorf("saw %d requests, want 5", len(seen))
	}
	f.now = f.now.Add(f.Lifetime)
	if page, err := f.Waiting(ctx, optin.Place{}, 10); err != nil || len(page) != 0 {
		t.Errorf("after their end: %+v, %v", page, err)
	}
}
