package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/consentline/consentline/internal/server"
)

func TestRulesCanBeReadBeforeThereIsALedger(t *testing.T) {
	dir := t.TempDir()
	out, _ := run(t, 0, "rules", "list", "--data", dir)
	in(t, out, "base", "fi", "us-fl")
	out, _ = run(t, 0, "rules", "show", "us.hours_marketing", "--data", dir)
	in(t, out, "us.hours_marketing", "not verified", "47 CFR 64.1200(c)(1)")
	out, _ = run(t, 0, "rules", "list", "--data", dir, "--json")
	var said struct {
		Packs []struct{ Pack, Version string }
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || len(said.Packs) < 60 || said.Packs[0].Version == "" {
		t.Errorf("%v: %d packs", err, len(said.Packs))
	}
	out, _ = run(t, 0, "rules", "show", "us-fl", "--data", dir, "--json")
	var shown struct {
		Rules []struct{ ID, Citation string }
	}
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.Rules) < 5 || shown.Rules[0].ID != "us-fl.consent" {
		t.Errorf("%v: %+v", err, shown)
	}
	_, errs := run(t, 1, "rules", "show", "us.nothing", "--data", dir)
	in(t, errs, "there is no pack and no rule")
	_, errs = run(t, 1, "rules", "list", "--data", dir, "--rules", "none")
	in(t, errs, "there are no rules")
}

func TestPacksAreJudgedForPrograms(t *testing.T) {
	out, _ := run(t, 0, "rules", "lint", "--json")
	var lint struct {
		Packs   int
		Remarks []struct {
			File, Text string
			Line       int
		}
	}
	if err := json.Unmarshal([]byte(out), &lint); err != nil || lint.Packs < 60 || len(lint.Remarks) == 0 || lint.Remarks[0].Line < 1 {
		t.Errorf("%v: %+v", err, lint)
	}
	dir := t.TempDir()
	examples := "+13055550123\tmarketing\tsms\tnone\t2026-11-18T12:00 America/New_York\tallow\t\n"
	if err := os.WriteFile(filepath.Join(dir, "own.tsv"), []byte(examples), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs := run(t, 1, "rules", "test", dir, "--json")
	in(t, errs, "1 of 1 examples came out otherwise")
	var test struct {
		Examples  int
		Otherwise []struct {
			File, Got string
			Line      int
		}
	}
	if err := json.Unmarshal([]byte(out), &test); err != nil || test.Examples != 1 || len(test.Otherwise) != 1 || test.Otherwise[0].Line != 1 || test.Otherwise[0].Got == "" {
		t.Errorf("%v: %+v", err, test)
	}
}

func TestChangesAreListedAsTheFlagsTakeThem(t *testing.T) {
	dir := t.TempDir()
	s, err := server.Open(t.Context(), server.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, 0, "rules", "override", "evenings", "--rule", "us.hours_marketing", "--week", "tue=10:00-18:00;mon=10:00-18:00", "--data", dir)
	run(t, 0, "rules", "ban", "storm", "--region", "US-FL", "--class", "marketing,transactional", "--reason", "Storm", "--data", dir)
	out, _ := run(t, 0, "rules", "changes", "--data", dir)
	in(t, out, "week=mon=10:00-18:00;tue=10:00-18:00", "classes=marketing,transactional")
}
