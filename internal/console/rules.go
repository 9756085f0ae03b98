package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/rulebook"
)

type rulesPage struct {
	On        bool // the server judges by rules
	Packs     []packRow
	Changes   []changeRow
	Switches  []switchRow
	MayChange bool
	For       string // the form to which what was typed belongs
	Needs     []string
	Classes   []consent.Class
}

// packRow is a pack with how many of its rules were read in their sources.
type packRow struct {
	*policy.Pack
	Verified int
}

// changeRow is one decision of the operator.
type changeRow struct {
	Kind, ID, What, Reason, Actor string
	From, Until                   *ledger.Time
	Over                          bool
}

type switchRow struct {
	policy.Switch
	Taken bool // the relaxed reading holds
}

var needWords = []string{"no_objection", "implied", "soft_opt_in", "express", "express_written"}

func (s *console) rules(v *visit) error { return s.renderRules(v, http.StatusOK, form{}, "") }

func (s *console) renderRules(v *visit, status int, f form, typedIn string) error {
	page := rulesPage{On: s.Rules != nil, MayChange: v.caller.Can(access.ChangeRules), For: typedIn, Needs: needWords, Classes: consent.Classes}
	if page.On {
		for _, p := range s.Rules.Rules().Packs() {
			page.Packs = append(page.Packs, packRow{p, verifiedOf(p)})
		}
		page.Changes = s.changesOfRules()
		for _, one := range s.Rules.Rules().Contested() {
			relaxed := slices.ContainsFunc(page.Changes, func(c changeRow) bool { return c.Kind == "relaxation" && c.ID == one.ID && !c.Over })
			page.Switches = append(page.Switches, switchRow{one, relaxed})
		}
	}
	return s.render(v, status, "rules", view{Title: "Rules", Section: rulesPath, Form: f, Page: page})
}

const rulesPath = "/console/rules"

func verifiedOf(p *policy.Pack) (n int) {
	for _, r := range p.Rules {
		if r.Verified {
			n++
		}
	}
	return n
}

func (s *console) changesOfRules() (rows []changeRow) {
	for _, o := range s.Rules.Overrides() {
		rows = append(rows, changeRow{Kind: "override", ID: o.ID, What: o.Rule + ": " + overrideTerms(&o), Reason: o.Reason, Actor: o.Actor, From: o.From, Until: o.Until})
	}
	for _, n := range s.Rules.Bans() {
		what := "no contact with " + n.Region
		if len(n.Classes) > 0 {
			what += " for " + strings.Join(n.Classes, ", ")
		}
		rows = append(rows, changeRow{Kind: "ban", ID: n.ID, What: what, Reason: n.Reason, Actor: n.Actor, From: n.From, Until: n.Until})
	}
	for _, x := range s.Rules.Relaxations() {
		rows = append(rows, changeRow{Kind: "relaxation", ID: x.ID, What: "read the relaxed way", Reason: x.Reason, Actor: x.Actor, From: x.From, Until: x.Until})
	}
	for _, d := range s.Rules.Declarations() {
		what := strings.Join(slices.DeleteFunc(append([]string{d.Brand, d.Purpose, d.Sender, d.Sector, d.DispatchZone}, d.Facts...), func(s string) bool { return s == "" }), ", ")
		rows = append(rows, changeRow{Kind: "declaration", ID: d.ID, What: what, Reason: d.Reason, Actor: d.Actor, From: d.From, Until: d.Until})
	}
	for i := range rows {
		rows[i].Over = rows[i].Until != nil && !time.Time(*rows[i].Until).After(s.Now())
	}
	return rows
}

func overrideTerms(o *rulebook.Override) string {
	var terms []string
	add := func(name, value string) {
		if value != "" {
			terms = append(terms, name+" "+value)
		}
	}
	if o.Disable {
		terms = append(terms, "does not hold")
	}
	add("requires", o.Requires)
	if o.Max != nil {
		add("at most", strconv.Itoa(*o.Max))
	}
	add("period", o.Period)
	for _, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
		add(day, o.Week[day])
	}
	add("on holidays", o.OnHoliday)
	if o.Required != nil {
		add("required:", strconv.FormatBool(*o.Required))
	}
	return strings.Join(terms, ", ")
}

type packPage struct {
	*policy.Pack
	Rules []packRule
}

type packRule struct {
	*policy.Rule
	Asks string
}

func (s *console) rulePack(v *visit) error {
	if s.Rules == nil {
		return errNoPage
	}
	for _, p := range s.Rules.Rules().Packs() {
		if p.Name != v.PathValue("pack") {
			continue
		}
		page := packPage{Pack: p}
		for _, r := range p.Rules {
			page.Rules = append(page.Rules, packRule{r, r.Statement()})
		}
		return s.render(v, http.StatusOK, "pack", view{Title: p.Title, Section: rulesPath, Page: page})
	}
	return errNoPage
}

// changeRule enters a change of the rules, or takes one back.
func (s *console) changeRule(v *visit) error {
	if s.Rules == nil {
		return errNoPage
	}
	f, err := v.typed()
	if err != nil {
		return err
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ChangeRules, consent.Any); err != nil {
		return err
	}
	kind := v.PathValue("kind")
	k := &rulebook.Keeper{Book: s.Rules, Ledger: s.Ledger}
	change, err := changeTyped(kind, f)
	switch {
	case errors.Is(err, errNoPage):
		return err
	case err == nil && f.Value("do") == "lift":
		err = k.Lift(v.ctx(), v.caller.ID, change)
	case err == nil:
		err = k.Put(v.ctx(), v.caller.ID, change)
	}
	if errors.Is(err, rulebook.ErrNotFound) {
		return errNoPage
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderRules(v, http.StatusUnprocessableEntity, f, kind)
	}
	return v.done(rulesPath, "saved")
}

// changeTyped reads a change; of one that is to be taken back, its name is enough.
func changeTyped(kind string, f form) (rulebook.Change, error) {
	from, err := f.moment("from")
	if err != nil {
		return nil, err
	}
	until, err := f.moment("until")
	if err != nil {
		return nil, err
	}
	id, reason, actor := f.text("id"), f.text("reason"), f.text("actor")
	switch kind {
	case "override":
		o := rulebook.Override{ID: id, Rule: f.text("rule"), Reason: reason, Actor: actor, From: from, Until: until, Disable: f.Value("disable") != "", Requires: f.Value("requires"), Period: f.text("period")}
		if text := f.text("max"); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return nil, invalid("max", "want a whole number")
			}
			o.Max = &n
		}
		o.Week, err = weekTyped(f.text("week"))
		return o, err
	case "ban":
		n := rulebook.Ban{ID: id, Region: f.text("region"), Reason: reason, Actor: actor, From: from, Until: until, Citation: f.text("citation")}
		if class := f.Value("class"); class != "" {
			n.Classes = []string{class}
		}
		return n, nil
	case "relaxation":
		return rulebook.Relaxation{ID: id, Reason: reason, Actor: actor, From: from, Until: until}, nil
	case "declaration":
		return rulebook.Declaration{ID: id}, nil // which are entered through the interface, and taken back here too
	}
	return nil, errNoPage
}

// weekTyped reads hours written one day a line, such as mon 09:00-20:00; nothing leaves the hours as they are.
func weekTyped(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	week := map[string]string{}
	for line := range strings.Lines(text) {
		day, hours, found := strings.Cut(strings.TrimSpace(line), " ")
		if day != "" && !found {
			return nil, invalid("week", "write one day a line, such as: mon 09:00-20:00")
		}
		if day != "" {
			week[day] = strings.TrimSpace(hours)
		}
	}
	return week, nil
}

// moment reads a moment from a field; nil for an empty one.
func (f form) moment(name string) (*ledger.Time, error) {
	t, err := f.at(name)
	if err != nil || t.IsZero() {
		return nil, err
	}
	m := ledger.Time(t)
	return &m, nil
}
