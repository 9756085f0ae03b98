package synctest

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
)

// Voice is a scope of another channel than Texts.
var Voice = consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.VoiceLive}

// Open makes a connector of a kind, whose clock stands at At.
func Open(t testing.TB, k sync.Kind, client *http.Client, d sync.Destination) sync.Connector {
	t.Helper()
	d.ID = "dest"
	c, err := k.New(sync.Config{Destination: d, Now: func() time.Time { return At }, Clients: sync.Clients{HTTP: client}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Write answers with JSON.
func Write(t testing.TB, w http.ResponseWriter, status int, body any) {
	t.Helper()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		t.Error(err)
	}
}

// Became says what became of a change: taken, refused, later, or down when the system as a whole takes nothing.
func Became(err error) string {
	var refused *sync.RefusedError
	var later *sync.LaterError
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &refused):
		return "refused"
	case errors.As(err, &later) && !later.All:
		return "later"
	case errors.As(err, &later):
		return "down"
	}
	return "an error that nobody knows: " + err.Error()
}

// Expect holds what became of changes against what should have.
func Expect(t testing.TB, errs []error, want ...string) {
	t.Helper()
	if len(errs) != len(want) {
		t.Fatalf("%d answers, want %d", len(errs), len(want))
	}
	for i, err := range errs {
		if got := Became(err); got != want[i] {
			t.Errorf("change %d: %s, want %s: %v", i, got, want[i], err)
		}
	}
}

// Invalid holds that a kind refuses a destination for one of its fields.
func Invalid(t testing.TB, k sync.Kind, field string, d sync.Destination) {
	t.Helper()
	_, err := k.New(sync.Config{Destination: d, Now: func() time.Time { return At }})
	var invalid *sync.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != field {
		t.Errorf("%s: got %v", field, err)
	}
}
