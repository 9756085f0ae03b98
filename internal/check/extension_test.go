package check

import (
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

func TestANoAtTheNumberHoldsBehindItsExtensions(t *testing.T) {
	extension, err := phone.Parse("+1 202 555 0123 ext. 7", "")
	if err != nil {
		t.Fatal(err)
	}
	line := extension.WithoutExtension()
	everything := consent.Everything
	state := func(n phone.Number, scope consent.Scope, status consent.Status, seq uint64) RecordChange {
		return RecordChange{Number: n, Scope: scope, State: State{Status: status, GrantedAt: SecondsOf(start), Seq: seq}}
	}
	for _, c := range []struct {
		name    string
		records []RecordChange
		want    Code
	}{
		{"nothing at the number", []RecordChange{state(extension, theScope, consent.StatusGranted, 5)}, Granted},
		{"a yes at the number only", []RecordChange{state(line, theScope, consent.StatusGranted, 5)}, NoRecord},
		{"a no at the number since", []RecordChange{
			state(extension, theScope, consent.StatusGranted, 5), state(line, theScope, consent.StatusWithdrawn, 6),
		}, Withdrawn},
		{"the number handed back since", []RecordChange{
			state(extension, theScope, consent.StatusGranted, 5), state(line, everything, consent.StatusRevoked, 6),
		}, Revoked},
		{"a yes at the extension since", []RecordChange{
			state(line, theScope, consent.StatusWithdrawn, 5), state(extension, theScope, consent.StatusGranted, 6),
		}, Granted},
		{"a no at the number alone", []RecordChange{state(line, theScope, consent.StatusWithdrawn, 5)}, Withdrawn},
	} {
		x := indexWith(t, Config{}, Batch{Records: c.records})
		q := theQuestion()
		q.Number = extension
		if v := x.Check(q); v.Code() != c.want {
			t.Errorf("%s: got %s, want %s", c.name, v.Code(), c.want)
		}
	}
}
