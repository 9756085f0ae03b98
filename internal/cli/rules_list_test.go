package cli_test

import (
	"encoding/json"
	"testing"
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
	_, errs := run(t, 1, "rules", "show", "us.nothing", "--data", dir)
	in(t, errs, "there is no pack and no rule")
	_, errs = run(t, 1, "rules", "list", "--data", dir, "--rules", "none")
	in(t, errs, "there are no rules")
}
