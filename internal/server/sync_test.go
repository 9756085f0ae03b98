package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/egress"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/sync"
)

// TestAServingNodeTellsDestinations follows a withdrawal from its record to a webhook, after a restart as well.
func TestAServingNodeTellsDestinations(t *testing.T) {
	told := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ Type string }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		told <- event.Type
	}))
	defer hook.Close()
	dir := t.TempDir()
	config := server.Config{
		DataDir: dir, Rules: server.NoRules, Egress: egress.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	for i, want := range []consent.Kind{consent.Granted, consent.Withdrawn} {
		s, err := server.Open(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		_, _, stop := serving(t, s, "")
		if i == 0 {
			_, err = s.Destinations.Create(ctx, "test", sync.Destination{
				ID: "hook", Kind: "webhook", Name: "Hook", Settings: map[string]string{"url": hook.URL},
				Secrets: map[string]string{"secret": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		report := grants(1, 1)
		report[0].Act = want
		if _, err := s.Recorder.Record(ctx, access.Local, report); err != nil {
			t.Fatal(err)
		}
		if got, want := <-told, "com.consentline.consent."+want.String()+".v1"; got != want {
			t.Errorf("told of %s, want %s", got, want)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		closing(t, s)
	}
}
