package cli_test

import (
	"testing"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/server"
)

func TestAKeywordIsDefinedChangedListedAndRetired(t *testing.T) {
	dir := t.TempDir()
	s, err := server.Open(t.Context(), server.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Catalog.CreateSender(t.Context(), "test", catalog.Sender{ID: "sc", Brand: "default", Kind: "short_code", Address: "21610", Channel: consent.SMS})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	define := []string{"programmes", "define", "club", "--data", dir, "--purpose", "marketing", "--sender", "sc", "--keyword"}
	out, _ := run(t, 0, append(define, "PIZZA")...)
	in(t, out, "club", "PIZZA", "express", "in use")
	run(t, 0, append(define, "PASTA")...)
	_, errs := run(t, 1, append(define, "STOP")...)
	in(t, errs, "keyword", "opt out")
	out, _ = run(t, 0, "programmes", "list", "--data", dir)
	in(t, out, "PASTA", "sc", "marketing")
	out, _ = run(t, 0, "programmes", "retire", "club", "--data", dir, "--json")
	in(t, out, `"retired":true`)
	_, errs = run(t, 1, "programmes", "retire", "nothing", "--data", dir)
	in(t, errs, "not")
}
