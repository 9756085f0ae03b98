package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// spanFlags are for how long a change of the rules holds, and who decided it.
type spanFlags struct {
	Reason string `placeholder:"TEXT" help:"Why; required for what loosens rules."`
	Actor  string `placeholder:"NAME" help:"Who decided it; left out: the holder of the key."`
	From   string `placeholder:"TIME" help:"When it begins; left out: at once."`
	Until  string `placeholder:"TIME" help:"When it ends; required for what loosens rules."`
	target
	jsonFlag
}

// put enters a change, whose terms that are left out are not sent.
func (f *spanFlags) put(ctx context.Context, a *App, kind, name string, terms map[string]any) error {
	terms["reason"], terms["actor"] = f.Reason, f.Actor
	for field, text := range map[string]string{"from": f.From, "until": f.Until} {
		if text == "" {
			continue
		}
		at, err := normalMoment(text)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--%s: %w", field, err)}
		}
		terms[field] = at
	}
	for field, v := range terms {
		switch v := v.(type) {
		case string:
			if v == "" {
				delete(terms, field)
			}
		case []string:
			if len(v) == 0 {
				delete(terms, field)
			}
		case map[string]string:
			if len(v) == 0 {
				delete(terms, field)
			}
		}
	}
	raw, err := f.ask(ctx, a, mustExist, http.MethodPut, "/v1/rules/"+kind+"/"+url.PathEscape(name), terms, nil)
	if err != nil {
		return err
	}
	if f.JSON {
		return writeJSON(a.Out, raw)
	}
	_, err = fmt.Fprintf(a.Out, "%s %s is entered\n", strings.TrimSuffix(kind, "s"), name)
	return err
}

type rulesOverrideCmd struct {
	Name string `arg:"" help:"A name for the change."`
	Rule string `required:"" placeholder:"ID" help:"The rule that it changes, such as us.hours_marketing."`

	Disable   bool              `help:"The rule does not hold at all."`
	Requires  string            `placeholder:"LEVEL" help:"The consent that it asks: none, no_objection, implied, soft_opt_in, express or express_written."`
	Max       *int              `placeholder:"N" help:"How many contacts a cap allows."`
	Period    string            `placeholder:"PERIOD" help:"The rule's length of time, such as P31D."`
	Week      map[string]string `placeholder:"DAY=HOURS" help:"The hours of weekdays, such as mon=09:00-20:00; a day that is left out has none."`
	OnHoliday string            `placeholder:"WORD" help:"What a holiday does: same_as_weekday, sunday_hours or blocked."`
	Required  *bool             `negatable:"" help:"Whether a registry or a double opt-in is required."`
	spanFlags
}

// Help implements kong.HelpProvider.
func (rulesOverrideCmd) Help() string {
	return `What makes a rule stricter is free; what loosens it needs --reason and --until. The ledger keeps who decided it, and verdicts show it.

Examples:
  consentline rules override quieter-evenings --rule us.hours_marketing --week "mon=10:00-18:00;tue=10:00-18:00"
  consentline rules override fewer --rule us-fl.cap --max 1`
}

// Run enters the override.
func (c *rulesOverrideCmd) Run(ctx context.Context, a *App) error {
	terms := map[string]any{"rule": c.Rule, "requires": c.Requires, "period": c.Period, "week": c.Week, "on_holiday": c.OnHoliday}
	if c.Disable {
		terms["disable"] = true
	}
	if c.Max != nil {
		terms["max"] = *c.Max
	}
	if c.Required != nil {
		terms["required"] = *c.Required
	}
	return c.put(ctx, a, "overrides", c.Name, terms)
}

type rulesBanCmd struct {
	Name     string   `arg:"" help:"A name for the ban."`
	Region   string   `required:"" placeholder:"CODE" help:"The region, ISO 3166, such as US-FL; a country's covers its states."`
	Postal   []string `placeholder:"CODE,…" help:"Beginnings of postal codes; a person whose code is not known is taken to be inside."`
	Prefix   []string `placeholder:"DIGITS,…" help:"Beginnings of numbers, calling code first; left out: all of the region."`
	Channel  []string `placeholder:"NAME,…" help:"The channels; left out: all."`
	Class    []string `placeholder:"NAME,…" help:"The classes of purpose; left out: all."`
	Citation string   `placeholder:"TEXT" help:"The order that declares it."`
	Source   string   `placeholder:"URL" help:"Where the order was read."`
	spanFlags
}

// Help implements kong.HelpProvider.
func (rulesBanCmd) Help() string {
	return `Examples:
  consentline rules ban storm --region US-FL --class marketing --until 2026-12-01 --reason "State of emergency" --citation "Executive Order 26-210"`
}

// Run enters the ban.
func (c *rulesBanCmd) Run(ctx context.Context, a *App) error {
	return c.put(ctx, a, "bans", c.Name, map[string]any{
		"region": c.Region, "postal": c.Postal, "prefixes": c.Prefix, "channels": c.Channel, "classes": c.Class, "citation": c.Citation, "source": c.Source,
	})
}

type rulesRelaxCmd struct {
	Switch string `arg:"" help:"The contested point, as consentline rules changes lists it."`
	spanFlags
}

// Run takes the relaxed reading.
func (c *rulesRelaxCmd) Run(ctx context.Context, a *App) error {
	return c.put(ctx, a, "relaxations", c.Switch, map[string]any{})
}

type rulesDeclareCmd struct {
	Name         string   `arg:"" help:"A name for the declaration."`
	Brand        string   `placeholder:"ID" help:"The brand whose contacts it is about; left out: every brand."`
	Purpose      string   `placeholder:"ID" help:"The purpose of the contacts it is about; left out: every purpose."`
	Sender       string   `name:"sender-kind" placeholder:"KIND" help:"What they come from: long_code, short_code, toll_free or alphanumeric."`
	Sector       string   `placeholder:"NAME" help:"The trade of what is offered."`
	DispatchZone string   `placeholder:"ZONE" help:"The IANA time zone in which messages leave."`
	Fact         []string `placeholder:"NAME,…" help:"What is true of all of them; facts lift rules, and need --reason."`
	spanFlags
}

// Run enters the declaration.
func (c *rulesDeclareCmd) Run(ctx context.Context, a *App) error {
	return c.put(ctx, a, "declarations", c.Name, map[string]any{
		"brand": c.Brand, "purpose": c.Purpose, "sender_kind": c.Sender, "sector": c.Sector, "dispatch_zone": c.DispatchZone, "facts": c.Fact,
	})
}

type rulesLiftCmd struct {
	Kind string `arg:"" enum:"override,ban,relaxation,declaration" help:"What it is: ${enum}."`
	Name string `arg:"" help:"Its name."`
	target
	jsonFlag
}

// Run takes the change back.
func (c *rulesLiftCmd) Run(ctx context.Context, a *App) error {
	raw, err := c.ask(ctx, a, mustExist, http.MethodDelete, "/v1/rules/"+c.Kind+"s/"+url.PathEscape(c.Name), nil, nil)
	if err == nil && c.JSON {
		return writeJSON(a.Out, raw)
	}
	if err == nil {
		_, err = fmt.Fprintf(a.Out, "%s %s is taken back\n", c.Kind, c.Name)
	}
	return err
}

type rulesChangesCmd struct {
	target
	jsonFlag
}

// Run lists what the operator changed, and what may be relaxed.
func (c *rulesChangesCmd) Run(ctx context.Context, a *App) (err error) {
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	all := map[string][]map[string]any{}
	for _, kind := range []string{"overrides", "bans", "relaxations", "declarations", "switches"} {
		var list struct{ Items []map[string]any }
		if _, err := conn.call(ctx, http.MethodGet, "/v1/rules/"+kind, nil, &list); err != nil {
			return err
		}
		all[kind] = list.Items
	}
	if c.JSON {
		return writeAsJSON(a.Out, all)
	}
	t := newTable(a.Out)
	for _, kind := range []string{"overrides", "bans", "relaxations", "declarations"} {
		for _, one := range all[kind] {
			t.row(strings.TrimSuffix(kind, "s"), one["id"], termsOf(one))
		}
	}
	for _, s := range all["switches"] {
		t.row("switch", s["id"], fmt.Sprint("strict: ", s["strict"]))
		t.row("", "", fmt.Sprint("relaxed: ", s["relaxed"]))
	}
	return t.flush()
}

// termsOf writes the terms of a change on one line, by their names.
func termsOf(change map[string]any) string {
	var terms []string
	for name, v := range change {
		if name != "id" {
			terms = append(terms, name+"="+termText(v))
		}
	}
	slices.Sort(terms)
	return strings.Join(terms, " ")
}

// byDay orders names, those of weekdays as the week runs.
func byDay(a, b string) int {
	const week = "mon tue wed thu fri sat sun"
	if i, j := strings.Index(week, a), strings.Index(week, b); i != j {
		return i - j
	}
	return strings.Compare(a, b)
}

// termText writes a term as the flags take it: a list with commas, the hours of a week day by day.
func termText(v any) string {
	switch v := v.(type) {
	case []any:
		var parts []string
		for _, one := range v {
			parts = append(parts, termText(one))
		}
		return strings.Join(parts, ",")
	case map[string]any:
		var parts []string
		for _, name := range slices.SortedFunc(maps.Keys(v), byDay) {
			parts = append(parts, name+"="+termText(v[name]))
		}
		return strings.Join(parts, ";")
	}
	return fmt.Sprint(v)
}
