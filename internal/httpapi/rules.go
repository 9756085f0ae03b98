package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/rulebook"
)

const tagRules = "Rules"

// RuleText is one rule as a pack states it, or as the operator has changed it.
type RuleText struct {
	ID       string   `json:"id" doc:"The rule's id, as verdicts name it." example:"us.hours_marketing"`
	Pack     string   `json:"pack" doc:"The pack that holds it; operator for a ban that was entered here." example:"us"`
	Kind     string   `json:"kind" doc:"What it speaks about: consent, hours, cap, registry …" example:"hours"`
	Requires string   `json:"requires" doc:"What it asks, in words."`
	Citation string   `json:"citation,omitempty" doc:"The text of law or contract." example:"47 CFR 64.1200(c)(1)"`
	Source   string   `json:"source,omitempty" doc:"Where the text was read."`
	Verified bool     `json:"verified" doc:"Whether the text was read in its source."`
	Note     string   `json:"note,omitempty" doc:"What is disputed or unclear, and who changed it."`
	Channels []string `json:"channels,omitempty" doc:"The channels it speaks about; absent: all."`
	Classes  []string `json:"classes,omitempty" doc:"The classes of purpose it speaks about; absent: all."`
	From     string   `json:"effective_from,omitempty" format:"date" doc:"The day on which it begins to hold."`
	Until    string   `json:"effective_until,omitempty" format:"date" doc:"The day on which it ceases to hold."`
	Changed  bool     `json:"changed,omitempty" doc:"Whether the operator made it what it is."`
}

// Pack is one pack of rules.
type Pack struct {
	Pack    string     `json:"pack" doc:"Its name." example:"us"`
	Title   string     `json:"title" doc:"What it is about."`
	Region  string     `json:"region,omitempty" doc:"The ISO 3166 code of the region where it holds; absent: it is a base or an overlay." example:"US"`
	Parent  string     `json:"parent,omitempty" doc:"The pack whose rules hold there too."`
	Version string     `json:"version" format:"date" doc:"The day on which its facts were last looked at."`
	Rules   []RuleText `json:"rules" doc:"Its rules."`
}

// Rules are the packs in force. They are data, not legal advice.
type Rules struct {
	Packs    []Pack   `json:"packs" doc:"The packs, by name."`
	Switches []Switch `json:"switches" doc:"The contested points, read strictly unless the operator relaxed them."`

	Overrides    []rulebook.Override    `json:"overrides" doc:"The operator's changes of rules."`
	Bans         []rulebook.Ban         `json:"bans" doc:"The operator's bans."`
	Relaxations  []rulebook.Relaxation  `json:"relaxations" doc:"The contested points that the operator relaxed."`
	Declarations []rulebook.Declaration `json:"declarations" doc:"What the operator declared of contacts."`
}

// Switch is a point of law that is contested, with its two readings.
type Switch struct {
	ID      string `json:"id" doc:"The switch, as packs name it." example:"us.quiet_hours_lifted_by_consent"`
	Title   string `json:"title" doc:"What it is about."`
	Strict  string `json:"strict" doc:"The strict reading, which holds unless it was relaxed."`
	Relaxed string `json:"relaxed" doc:"The relaxed reading."`
}

// RulesQuestion asks which rules speak about a contact.
type RulesQuestion struct {
	Number  string            `json:"number" doc:"The number, with a plus sign and the country code." example:"+12025550123"`
	Brand   consent.BrandID   `json:"brand,omitempty" doc:"On whose behalf; absent: default." example:"default"`
	Purpose consent.PurposeID `json:"purpose" doc:"What the contact is for." example:"marketing"`
	Channel askedChannel      `json:"channel" doc:"The means of contact."`
	At      *ledger.Time      `json:"at,omitempty" doc:"The moment asked about; absent: now."`
	About   *About            `json:"about,omitempty" doc:"What is known of the contact: it may lift some rules and add others."`
}

// ApplicableRules are the rules that speak about a contact, and why.
type ApplicableRules struct {
	Regions  []string   `json:"regions" doc:"Every region whose rules may apply; all of them do."`
	Zones    []string   `json:"time_zones" doc:"Every time zone in which the person may be; windows must be open in all."`
	Evidence []string   `json:"evidence" doc:"By what they were found."`
	Rules    []RuleText `json:"rules" doc:"The rules that speak, in the order in which they are judged."`
	Terms    RuleTerms  `json:"terms" doc:"What they ask beside the moment of contact."`

	Retention []Retention `json:"retention" doc:"For how long what is to be kept, the longest first within each kind."`
}

// Retention is for how long one kind of record is kept.
type Retention struct {
	Of    string       `json:"of" enum:"consent,opt_out,contact_log,call_record" doc:"The kind of record."`
	For   string       `json:"for" doc:"For how long, ISO 8601, or forever." example:"P5Y"`
	From  string       `json:"from" doc:"From when: creation, last_use or end."`
	Rule  string       `json:"rule" doc:"The rule that asks it." example:"us.retention_consent"`
	Until *ledger.Time `json:"until,omitempty" doc:"Of what is kept since its last use: until when, by the latest contact that was reported. Each use extends it."`
}

func (a *API) ruleRoutes() {
	example := RuleText{ID: "us.hours_marketing", Pack: "us", Kind: "hours", Requires: "contact only mon 08:00-21:00", Citation: "47 CFR 64.1200(c)(1)", Channels: []string{"sms"}, Classes: []string{"marketing"}}
	serve(a, operation{
		id: "readRules", tag: tagRules, method: http.MethodGet, path: "/v1/rules", permission: access.ReadCatalog,
		summary: "Read the rules", description: "Tells the packs in force and what the operator has changed in them. They are data, not legal advice: what is not verified was not read in its source, and holds all the same.",
		params: []*huma.Param{queryParam("pack", "The one pack to tell; absent: all.", &huma.Schema{Type: huma.TypeString})},
		answer: Rules{Packs: []Pack{{Pack: "us", Title: "United States, federal", Region: "US", Parent: "base", Version: "2026-11-21", Rules: []RuleText{example}}}, Switches: []Switch{}, Overrides: []rulebook.Override{}, Bans: []rulebook.Ban{}, Relaxations: []rulebook.Relaxation{}, Declarations: []rulebook.Declaration{}},
	}, a.readRules)
	serve(a, operation{
		id: "readApplicable", tag: tagRules, method: http.MethodPost, path: "/v1/rules/applicable", permission: access.ReadCatalog,
		summary: "Ask which rules apply", description: "Tells where the person at a number may be, by what that is known, and every rule that speaks about contact with them. No consent is assumed.",
		request: RulesQuestion{Number: "+12025550123", Purpose: "marketing", Channel: "sms"},
		answer: ApplicableRules{
			Regions: []string{"US-DC"}, Zones: []string{"America/New_York"}, Evidence: []string{"number_prefix"}, Rules: []RuleText{example},
			Terms:     RuleTerms{Requires: TermBy{"express_written", "us.consent_text_marketing"}, OptOut: OptOutTerms{Deadline: &TermBy{"10 business_days", "us.opt_out"}}},
			Retention: []Retention{{Of: "consent", For: "P5Y", From: "creation", Rule: "us.retention_consent"}},
		},
	}, a.readApplicable)
	a.ruleChangeRoutes()
}

// ruled returns the rules in force, or the problem that there are none.
func (a *API) ruled() (*policy.Rules, error) {
	if a.Rules == nil {
		return nil, problem(http.StatusConflict, "no_rules", "There are no rules", "", "This server was started without rules: consent alone decides.")
	}
	return a.Rules.Rules(), nil
}

func (a *API) readRules(_ context.Context, c call, _ *none) (out reply[Rules], err error) {
	rules, err := a.ruled()
	if err != nil {
		return out, err
	}
	out.body = Rules{
		Packs: []Pack{}, Switches: switchesOf(rules), Overrides: a.Rules.Overrides(), Bans: a.Rules.Bans(),
		Relaxations: a.Rules.Relaxations(), Declarations: a.Rules.Declarations(),
	}
	for _, p := range rules.Packs() {
		if name := c.query("pack"); name == "" || name == p.Name {
			out.body.Packs = append(out.body.Packs, packOf(rules, p))
		}
	}
	return out, nil
}

func switchesOf(rules *policy.Rules) []Switch {
	list := []Switch{}
	for _, s := range rules.Contested() {
		list = append(list, Switch{s.ID, s.Title, s.Strict, s.Relaxed})
	}
	return list
}

func packOf(rules *policy.Rules, p *policy.Pack) Pack {
	out := Pack{Pack: p.Name, Title: p.Title, Region: p.Region, Parent: p.Parent, Version: p.Version(), Rules: []RuleText{}}
	for i, rule := range rules.All() {
		if rule.Pack == p.Name {
			out.Rules = append(out.Rules, ruleOf(rules, policy.RuleIndex(i)))
		}
	}
	return out
}

func ruleOf(rules *policy.Rules, i policy.RuleIndex) RuleText {
	r := rules.Rule(i)
	from, until := r.Effective()
	return RuleText{
		ID: r.ID, Pack: r.Pack, Kind: r.Kind.String(), Requires: r.Statement(), Citation: r.Citation, Source: r.Source,
		Verified: r.Verified, Note: r.Note, Channels: named(r.Channels), Classes: named(r.Classes), From: day(from), Until: day(until), Changed: rules.Changed(i),
	}
}

func named[T fmt.Stringer](list []T) (names []string) {
	for _, one := range list {
		names = append(names, one.String())
	}
	return names
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func (a *API) readApplicable(ctx context.Context, c call, in *RulesQuestion) (out reply[ApplicableRules], err error) {
	rules, err := a.ruled()
	if err != nil {
		return out, err
	}
	q, err := a.contact(in)
	if err != nil {
		return out, err
	}
	var j policy.Judgement
	rules.Judge(&q, &j)
	where := rules.Whereabouts(&q)
	out.body = ApplicableRules{
		Regions: append([]string{}, where.Regions...), Zones: append([]string{}, where.Zones...),
		Evidence: append([]string{}, j.Evidence.Words()...), Rules: []RuleText{}, Terms: termsOf(rules, &q),
	}
	for _, i := range rules.Applicable(&q) {
		out.body.Rules = append(out.body.Rules, ruleOf(rules, i))
	}
	out.body.Retention, err = a.retention(ctx, c, rules, in.Brand, &q)
	return out, err
}

// retention tells how long what is kept. When a consent was last used is told only to who may act for its brand.
func (a *API) retention(ctx context.Context, c call, rules *policy.Rules, b consent.BrandID, q *policy.Question) ([]Retention, error) {
	if b == "" {
		b = act.DefaultBrand
	}
	if !c.For(b) {
		return nil, a.Gate.Authorize(ctx, c.Caller, access.ReadCatalog, b)
	}
	used, err := a.Attempts.LastUsed(ctx, q.Number, b, q.Class, q.Channel)
	if err != nil {
		return nil, err
	}
	list := []Retention{}
	terms := rules.Terms(q)
	for _, r := range terms.Retention {
		one := Retention{Of: r.Of, For: r.For.String(), From: r.From, Rule: rules.Rule(r.By).ID}
		if !used.IsZero() && (r.RestartsOnUse || r.From == "last_use") {
			one.Until = moment(r.For.After(used))
		}
		list = append(list, one)
	}
	return list, nil
}

// contact puts a question about rules into their words.
func (a *API) contact(in *RulesQuestion) (q policy.Question, err error) {
	if q.Number, err = phone.Parse(in.Number, ""); err != nil {
		return q, err
	}
	purpose, err := a.Catalog.Purpose(string(in.Purpose))
	if err != nil {
		return q, unprocessable(act.CodeUnknownPurpose, "purpose", "is not defined: define it with POST /v1/purposes")
	}
	q.Class = purpose.Class
	if q.Channel, err = consent.ParseChannel(string(in.Channel)); err != nil || !slices.Contains(consent.Channels, q.Channel) {
		return q, unprocessable(act.CodeInvalidField, "channel", "want one of sms, whatsapp, voice_live, voice_auto")
	}
	if q.At = zeroOr(in.At); q.At.IsZero() {
		q.At = a.Now()
	}
	known, err := a.known(in.About, string(cmp.Or(in.Brand, act.DefaultBrand)))
	if known != nil {
		q.Circumstances = *known
	}
	return q, err
}
