package signon_test

import (
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/signon"
)

const good = `{"address": "https://consent.example/", "issuer": "https://login.example", "client_id": "c", "grants": [{"group": "g", "role": "admin"}]}`

func TestAConfigurationSaysWhatIsMissing(t *testing.T) {
	c, err := signon.Parse(strings.NewReader(good))
	if err != nil || c.Address != "https://consent.example" || c.GroupsClaim != "groups" || c.Name == "" {
		t.Fatalf("got %+v, %v", c, err)
	}
	for _, change := range [][3]string{
		{`"https://consent.example/"`, `"http://consent.example"`, "address"},
		{`"https://consent.example/"`, `"consent.example"`, "address"},
		{`"https://login.example"`, `"http://login.example"`, "issuer"},
		{`"https://login.example"`, `"https://u:p@login.example"`, "issuer"},
		{`"client_id": "c", `, ``, "client_id"},
		{`{"group": "g", "role": "admin"}`, ``, "grants"},
		{`"admin"`, `"sender"`, "grants[0]"},
		{`"group": "g"`, `"group": ""`, "grants[0]"},
		{`"client_id"`, `"clientid"`, "clientid"},
		{`]}`, `]}{}`, "more than one"},
		{good, ``, "EOF"},
	} {
		if _, err := signon.Parse(strings.NewReader(strings.Replace(good, change[0], change[1], 1))); err == nil || !strings.Contains(err.Error(), change[2]) {
			t.Errorf("%s in place of %s: got %v, want one about %s", change[1], change[0], err, change[2])
		}
	}
	if _, err := signon.Parse(strings.NewReader(strings.Replace(good, "https://login.example", "http://127.0.0.1:8081", 1))); err != nil {
		t.Errorf("a provider on this machine: %v", err)
	}
}
