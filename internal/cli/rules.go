package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/rulebook"
	"github.com/consentline/consentline/internal/server"
)

type rulesCmd struct {
	List  rulesListCmd  `cmd:"" help:"List the packs of rules in force."`
	Show  rulesShowCmd  `cmd:"" help:"Show a pack with its rules, or one rule."`
	Apply rulesApplyCmd `cmd:"" help:"Show which rules speak about contact with a number."`

	Changes  rulesChangesCmd  `cmd:"" help:"List the operator's changes, and the contested points."`
	Override rulesOverrideCmd `cmd:"" help:"Change one rule for a time."`
	Ban      rulesBanCmd      `cmd:"" help:"Forbid contact with a region for a time, as a declared emergency does."`
	Relax    rulesRelaxCmd    `cmd:"" help:"Take the relaxed reading of a contested point for a time."`
	Declare  rulesDeclareCmd  `cmd:"" help:"Say what holds of all contacts of a brand and a purpose."`
	Lift     rulesLiftCmd     `cmd:"" help:"Take a change back."`

	Lint rulesLintCmd `cmd:"" help:"Look for what is wrong, old or unverified in packs."`
	Test rulesTestCmd `cmd:"" help:"Judge worked examples and compare with what they say."`
}

// Help implements kong.HelpProvider.
func (rulesCmd) Help() string {
	return `The rules are data, not legal advice. What is not verified was not read in its source; it holds all the same.`
}

type wireRule struct {
	ID       string `json:"id"`
	Pack     string `json:"pack"`
	Kind     string `json:"kind"`
	Requires string `json:"requires"`
	Citation string `json:"citation"`
	Source   string `json:"source"`
	Verified bool   `json:"verified"`
	Note     string `json:"note"`
	Changed  bool   `json:"changed"`
}

func (r *wireRule) row(t *table) {
	t.row(r.ID, r.Kind, checked(r.Verified), r.Citation, r.Requires)
}

func checked(verified bool) string {
	if verified {
		return "verified"
	}
	return "not verified"
}

type wirePacks struct {
	Packs        []wirePack        `json:"packs"`
	Overrides    []json.RawMessage `json:"overrides"`
	Bans         []json.RawMessage `json:"bans"`
	Relaxations  []json.RawMessage `json:"relaxations"`
	Declarations []json.RawMessage `json:"declarations"`
}

type wirePack struct {
	Pack    string     `json:"pack"`
	Title   string     `json:"title"`
	Version string     `json:"version"`
	Rules   []wireRule `json:"rules"`
}

// readPacks asks for the packs in force and, with --json, writes the answer. Where there is no ledger yet, they are
// those that one would be opened with.
func readPacks(ctx context.Context, a *App, t *target, asJSON bool) (packs wirePacks, err error) {
	conn, err := t.connect(ctx, a, mustExist)
	if errors.Is(err, errNoLedger) {
		return t.packsToCome(a, asJSON)
	}
	if err != nil {
		return packs, err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	raw, err := conn.call(ctx, http.MethodGet, "/v1/rules", nil, &packs)
	if err == nil && asJSON {
		err = writeJSON(a.Out, raw)
	}
	return packs, err
}

// packsToCome reads the packs that stand built in, and over them those of the folder that --rules names.
func (t *target) packsToCome(a *App, asJSON bool) (out wirePacks, err error) {
	dir := rulesOf(t.Rules)
	if dir == server.NoRules {
		return out, errors.New("with --rules none there are no rules")
	}
	packs, err := rulebook.Load(dir)
	if err != nil {
		return out, err
	}
	for _, p := range packs {
		one := wirePack{Pack: p.Name, Title: p.Title, Version: p.Version()}
		for _, r := range p.Rules {
			one.Rules = append(one.Rules, wireRule{
				ID: r.ID, Pack: r.Pack, Kind: r.Kind.String(), Requires: r.Statement(), Citation: r.Citation,
				Source: r.Source, Verified: r.Verified, Note: r.Note,
			})
		}
		out.Packs = append(out.Packs, one)
	}
	if !asJSON {
		return out, nil
	}
	return out, writeAsJSON(a.Out, out)
}

type rulesListCmd struct {
	target
	jsonFlag
}

// Run lists the packs.
func (c *rulesListCmd) Run(ctx context.Context, a *App) error {
	packs, err := readPacks(ctx, a, &c.target, c.JSON)
	if err != nil || c.JSON {
		return err
	}
	t := newTable(a.Out)
	t.row("pack", "as of", "rules", "verified", "title")
	for _, p := range packs.Packs {
		verified := 0
		for _, r := range p.Rules {
			if r.Verified {
				verified++
			}
		}
		t.row(p.Pack, p.Version, len(p.Rules), verified, p.Title)
	}
	t.row(fmt.Sprintf("%d overrides, %d bans, %d relaxed readings and %d declarations of the operator", len(packs.Overrides), len(packs.Bans), len(packs.Relaxations), len(packs.Declarations)))
	return t.flush()
}

type rulesShowCmd struct {
	Name string `arg:"" help:"A pack such as us, or a rule such as us.hours_marketing."`
	target
	jsonFlag
}

// Run shows a pack or a rule.
func (c *rulesShowCmd) Run(ctx context.Context, a *App) error {
	packs, err := readPacks(ctx, a, &c.target, false)
	if err != nil {
		return err
	}
	found := packs.named(c.Name)
	switch {
	case len(found) == 0:
		return fmt.Errorf("there is no pack and no rule %q: see consentline rules list", c.Name)
	case c.JSON:
		return writeAsJSON(a.Out, map[string]any{"rules": found})
	}
	t := newTable(a.Out)
	for _, r := range found {
		r.row(t)
		if c.Name == r.ID {
			t.pair("source", r.Source)
			t.pair("note", r.Note)
		}
	}
	return t.flush()
}

// named returns the rules of a pack, or the one rule of that name.
func (w *wirePacks) named(name string) (found []wireRule) {
	for _, p := range w.Packs {
		for _, r := range p.Rules {
			if name == p.Pack || name == r.ID {
				found = append(found, r)
			}
		}
	}
	return found
}

type rulesApplyCmd struct {
	Number  string `arg:"" help:"The number, with a plus sign and the country code."`
	Purpose string `required:"" help:"What the contact is for."`
	Channel string `required:"" help:"The means of contact."`
	aboutFlags
	target
	jsonFlag
}

// Run shows what applies to a number.
func (c *rulesApplyCmd) Run(ctx context.Context, a *App) (err error) {
	about, err := c.told()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	var said wireApplicable
	question := map[string]any{"number": c.Number, "purpose": c.Purpose, "channel": c.Channel, "about": about}
	raw, err := conn.call(ctx, http.MethodPost, "/v1/rules/applicable", question, &said)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.Out, raw)
	}
	return said.print(a)
}

// wireApplicable is what speaks about a contact.
type wireApplicable struct {
	Regions  []string   `json:"regions"`
	Zones    []string   `json:"time_zones"`
	Evidence []string   `json:"evidence"`
	Rules    []wireRule `json:"rules"`
	Terms    wireTerms  `json:"terms"`

	Retention []struct {
		Of   string `json:"of"`
		For  string `json:"for"`
		Rule string `json:"rule"`
	} `json:"retention"`
}

// wireTerms is what the rules ask beside the moment of contact.
type wireTerms struct {
	Requires    wireTerm  `json:"requires"`
	DoubleOptIn *wireTerm `json:"double_opt_in"`
	Review      *wireTerm `json:"review"`
	OptOut      struct {
		Deadline *wireTerm `json:"deadline"`
		Honour   *wireTerm `json:"honour"`
	} `json:"opt_out"`
}

type wireTerm struct {
	Value string `json:"value"`
	Rule  string `json:"rule"`
}

func (w *wireTerms) pairs(t *table) {
	for _, one := range []struct {
		what string
		term *wireTerm
	}{
		{"least consent", &w.Requires}, {"double opt-in", w.DoubleOptIn}, {"review a consent after", w.Review},
		{"obey an opt-out within", w.OptOut.Deadline}, {"and honour it for", w.OptOut.Honour},
	} {
		if one.term != nil {
			t.pair(one.what, one.term.Value+" ("+one.term.Rule+")")
		}
	}
}

func (w *wireApplicable) print(a *App) error {
	t := newTable(a.Out)
	t.pair("regions", strings.Join(w.Regions, ", "))
	t.pair("time zones", strings.Join(w.Zones, ", "))
	t.pair("evidence", strings.Join(w.Evidence, ", "))
	w.Terms.pairs(t)
	for _, r := range w.Retention {
		t.pair("keep each "+r.Of+" for", r.For+" ("+r.Rule+")")
	}
	if err := t.flush(); err != nil {
		return err
	}
	t = newTable(a.Out)
	for _, r := range w.Rules {
		r.row(t)
	}
	return t.flush()
}

type rulesLintCmd struct {
	Dir string `arg:"" optional:"" help:"A folder of packs that stand over those built in; left out: those built in alone."`
	jsonFlag
}

// Run reads the packs as a server would, and tells what their keeper should know.
func (c *rulesLintCmd) Run(a *App) error {
	packs, err := rulebook.Load(c.Dir)
	if err != nil {
		return err
	}
	found, err := policy.Lint(packs, a.Now())
	if err != nil {
		return err
	}
	if c.JSON {
		remarks := []map[string]any{}
		for _, f := range found {
			remarks = append(remarks, map[string]any{"file": f.File, "line": f.Line, "text": f.Text})
		}
		return writeAsJSON(a.Out, map[string]any{"packs": len(packs), "remarks": remarks})
	}
	for _, f := range found {
		if _, err := fmt.Fprintln(a.Out, f); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.Out, "%d packs can be used; %d remarks\n", len(packs), len(found))
	return err
}

type rulesTestCmd struct {
	Dir string `arg:"" optional:"" help:"A folder with packs and examples (*.tsv); left out: those built in."`
	jsonFlag
}

// Run judges the examples; one that comes out otherwise is a failure.
func (c *rulesTestCmd) Run(a *App) error {
	packs, err := rulebook.Load(c.Dir)
	if err != nil {
		return err
	}
	rules, err := policy.Compile(packs)
	if err != nil {
		return err
	}
	from := policy.BuiltInCases()
	if c.Dir != "" {
		from = os.DirFS(c.Dir)
	}
	cases, err := policy.ReadCases(from)
	if err != nil {
		return err
	}
	if len(cases) == 0 {
		return fmt.Errorf("there are no examples in %s: want files that end in .tsv", c.Dir)
	}
	wrong := rules.RunCases(cases)
	if err := c.tell(a, len(cases), wrong); err != nil || len(wrong) == 0 {
		return err
	}
	return fmt.Errorf("%d of %d examples came out otherwise", len(wrong), len(cases))
}

func (c *rulesTestCmd) tell(a *App, cases int, wrong []policy.CaseResult) error {
	if c.JSON {
		otherwise := []map[string]any{}
		for _, w := range wrong {
			otherwise = append(otherwise, map[string]any{"file": w.Case.File, "line": w.Case.Line, "case": w.Case.Text, "got": w.Got})
		}
		return writeAsJSON(a.Out, map[string]any{"examples": cases, "otherwise": otherwise})
	}
	for _, w := range wrong {
		if _, err := fmt.Fprintf(a.Out, "%s:%d: %s\n\tgot %s\n", w.Case.File, w.Case.Line, w.Case.Text, w.Got); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return nil
	}
	_, err := fmt.Fprintf(a.Out, "%d examples came out as written\n", cases)
	return err
}
