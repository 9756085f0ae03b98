package server_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/server"
)

// documented is the file that the page on conversations shows.
func documented(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/CONVERSATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(page), "\n    {\n")
	block, _, ended := strings.Cut(rest, "\n    }\n")
	if !begun || !ended {
		t.Fatal("the page shows no file")
	}
	return "{" + block + "}"
}

func TestTheDocumentedFileOpensAServer(t *testing.T) {
	v, err := server.ReadSettings(strings.NewReader(documented(t)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Open(ctx, server.Config{
		DataDir: t.TempDir(), Rules: server.NoRules, Providers: v.Config, OptIn: v.OptIn, Gateway: v.Gateway, Words: v.Words,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, s)
	limits := s.Conversations.OptIns.Limits
	if limits.Number.Max != 3 || limits.Number.Per != 24*time.Hour || len(limits.Countries) != 2 || s.Conversations.OptIns.Challenge == nil {
		t.Errorf("the limits are %+v", limits)
	}
	if v.Gateway.FailOpen[0] != consent.Transactional || !v.Gateway.Callbacks || v.Gateway.Purposes["ORD"] != "transactional" {
		t.Errorf("the gateways' settings are %+v", v.Gateway)
	}
	if _, stop := gated(t, s, server.Listening{GatewayTwilio: "127.0.0.1:0"}); stop() != nil {
		t.Error("it does not stop")
	}
}

func TestWhatCannotBeInTheFileIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		`{"optin":{"contries":["US"]}}`: "contries", `{"optin":{"countries":["us"]}}`: "countries", `{"gateway":{"fail_open":["marketing"]}}`: "marketing",
		`{"gateway":{"callbacks":true}}`: "public_url", `{"words":{"keywords":"/nowhere/words.tsv"}}`: "words.tsv",
	} {
		v, err := server.ReadSettings(strings.NewReader(text))
		if err == nil {
			var s *server.Server
			s, err = server.Open(ctx, server.Config{
				DataDir: t.TempDir(), Rules: server.NoRules, Providers: v.Config, OptIn: v.OptIn, Gateway: v.Gateway, Words: v.Words,
			})
			if err == nil {
				err = s.Serve(ctx, server.Listening{GatewayTwilio: "127.0.0.1:0"})
				closing(t, s)
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that names %s", text, err, want)
		}
	}
}
