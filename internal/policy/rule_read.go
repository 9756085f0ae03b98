package policy

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentline/consentline/internal/consent"
)

// rule reads one rule: what is common to all, and the one key that says what kind it is.
func (r *reader) rule(n *yaml.Node, pack string) *Rule {
	rule := &Rule{Pack: pack, file: r.file, line: n.Line}
	fs := fields{
		"id":              r.text("id", &rule.ID),
		"citation":        r.text("citation", &rule.Citation),
		"source":          read(r, "source", &rule.Source, parseURL),
		"verified":        r.boolean("verified", &rule.Verified),
		"note":            r.text("note", &rule.Note),
		"effective_from":  r.date("effective_from", &rule.EffectiveFrom, &rule.HasFrom),
		"effective_until": r.date("effective_until", &rule.EffectiveUntil, &rule.HasUntil),
		"fallback":        r.boolean("fallback", &rule.Fallback),
		"channels": readSet(r, "channels", parseChannel, func(c consent.Channel) {
			rule.Channels = append(rule.Channels, c)
		}),
		"classes":  readSet(r, "classes", consent.ParseClass, func(c consent.Class) { rule.Classes = append(rule.Classes, c) }),
		"contacts": readSet(r, "contacts", contactWords.parse, func(c Contact) { rule.Contacts = append(rule.Contacts, c) }),
		"sectors":  readSet(r, "sectors", sectorWords.parse, func(s Sector) { rule.Sectors = append(rule.Sectors, s) }),
		"senders":  readSet(r, "senders", senderWords.parse, func(s Sender) { rule.Senders = append(rule.Senders, s) }),
		"when":     func(v *yaml.Node) { c := r.condition(v); rule.When = &c },
		"unless": func(v *yaml.Node) {
			r.list(v, "unless", func(one *yaml.Node) { rule.Unless = append(rule.Unless, r.condition(one)) })
		},
	}
	terms := r.terms(rule)
	for key, term := range terms {
		fs[key] = func(v *yaml.Node) {
			if rule.Kind != NoKind {
				r.fault(v, "a rule says one thing: %s stands beside %s", key, rule.Kind)
				return
			}
			rule.Kind, _ = kindWords.parse(key)
			term(v)
		}
	}
	r.mapping(n, "rule", fs)
	r.whole(n, rule)
	return rule
}

// whole checks what no single field can show.
func (r *reader) whole(n *yaml.Node, rule *Rule) {
	if rule.ID == "" || !strings.HasPrefix(rule.ID, rule.Pack+".") {
		r.fault(n, "a rule's id begins with its pack: want %s.something, got %q", rule.Pack, rule.ID)
	}
	if rule.Kind == NoKind {
		r.fault(n, "rule %s says nothing: want one of %s", rule.ID, strings.Join(kindWords[1:], ", "))
	}
	if rule.Citation == "" {
		r.fault(n, "rule %s needs a citation", rule.ID)
	}
	if rule.Verified && rule.Source == "" {
		r.fault(n, "rule %s is marked verified but names no source that was read", rule.ID)
	}
	if rule.HasFrom && rule.HasUntil && rule.EffectiveUntil <= rule.EffectiveFrom {
		r.fault(n, "rule %s ends before it starts", rule.ID)
	}
	for _, c := range rule.Contacts {
		if rule.Kind == KindConfirmation && c != OptOutConfirmation {
			r.fault(n, "rule %s: a confirmation rule speaks of opt_out_confirmation alone", rule.ID)
		}
	}
}

func parseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return "", fmt.Errorf("%q is no web address; a citation without one goes in citation", s)
	}
	return s, nil
}

func parseChannel(s string) (consent.Channel, error) {
	c, err := consent.ParseChannel(s)
	if err == nil && c == consent.AnyChannel {
		return 0, fmt.Errorf("leave channels out to mean every channel")
	}
	return c, err
}

func (r *reader) date(what string, day *int64, has *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*has = true
		read(r, what, day, parseDate)(n)
	}
}

func (r *reader) condition(n *yaml.Node) Condition {
	var c Condition
	period := func(what string, into **Period) func(*yaml.Node) {
		return func(v *yaml.Node) {
			var p Period
			read(r, what, &p, ParsePeriod)(v)
			*into = &p
		}
	}
	r.mapping(n, "condition", fields{
		"consent": func(v *yaml.Node) {
			read(r, "consent", &c.Consent, needWords.parse)(v)
			if c.Consent < NeedImplied {
				r.fault(v, "consent: %s is no level that a consent can have", c.Consent)
			}
		},
		"confirmed":       r.boolean("confirmed", &c.Confirmed),
		"pending":         r.boolean("pending", &c.Pending),
		"new_grant":       r.boolean("new_grant", &c.NewGrant),
		"facts":           readSet(r, "facts", parseFact, func(f Fact) { c.Facts |= f }),
		"purchase_within": period("purchase_within", &c.PurchaseWithin),
		"inquiry_within":  period("inquiry_within", &c.InquiryWithin),
		"inbound_within":  period("inbound_within", &c.InboundWithin),
		"line":            read(r, "line", &c.Line, lineWords.parse),
		"regions":         r.texts("regions", &c.Regions),
		"switch":          r.text("switch", &c.Switch),
	})
	if c.empty() {
		r.fault(n, "condition: nothing is asked, so it would always hold")
	}
	return c
}

func (c *Condition) empty() bool {
	return c.Consent == 0 && !c.Confirmed && !c.Pending && !c.NewGrant && c.Facts == 0 && c.PurchaseWithin == nil &&
		c.InquiryWithin == nil && c.InboundWithin == nil && c.Line == 0 && len(c.Regions) == 0 && c.Switch == ""
}

// terms maps each kind's key to what reads its content into the rule.
func (r *reader) terms(rule *Rule) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"consent": func(n *yaml.Node) {
			t := &ConsentTerm{Requires: NeedExpressWritten}
			rule.Consent = t
			given := false
			r.mapping(n, "consent", fields{
				"requires":   func(v *yaml.Node) { given = true; read(r, "requires", &t.Requires, needWords.parse)(v) },
				"conditions": r.texts("conditions", &t.Conditions),
			})
			r.needs(n, "consent", "requires", given)
		},
		"double_opt_in": func(n *yaml.Node) {
			rule.Confirmed = &ConfirmedTerm{}
			r.choice(n, "double_opt_in", &rule.Confirmed.Required, "required", "recommended")
		},
		"hours":        r.hours(rule),
		"cap":          func(n *yaml.Node) { rule.Cap = r.cap(n) },
		"cool_down":    func(n *yaml.Node) { rule.CoolDown = r.coolDown(n) },
		"registry":     func(n *yaml.Node) { rule.Registry = r.registry(n) },
		"expiry":       func(n *yaml.Node) { rule.Expiry = r.expiry(n) },
		"confirmation": func(n *yaml.Node) { rule.Confirmation = r.confirmation(n) },
		"ban":          func(n *yaml.Node) { rule.Ban = &BanTerm{}; r.text("ban", &rule.Ban.Text)(n) },
		"disclosure":   func(n *yaml.Node) { rule.Disclosure = r.disclosure(n) },
		"duty":         func(n *yaml.Node) { rule.Duty = r.duty(n) },
		"opt_out":      func(n *yaml.Node) { rule.OptOut = r.optOut(n) },
		"retention":    func(n *yaml.Node) { rule.Retention = r.retention(n) },
	}
}

func (r *reader) needs(n *yaml.Node, what, field string, given bool) {
	if !given {
		r.fault(n, "%s: the field %q is missing", what, field)
	}
}

// choice reads one of two words into a boolean that is true for the first.
func (r *reader) choice(n *yaml.Node, what string, into *bool, yes, no string) {
	s, ok := r.scalar(n, what)
	if ok && s != yes && s != no {
		r.fault(n, "%s: unknown word %q: want %s or %s", what, s, yes, no)
	}
	*into = s == yes
}

func (r *reader) cap(n *yaml.Node) *CapTerm {
	t := &CapTerm{}
	per := func(s string) (Per, error) {
		if p, err := perWords.parse(s); err == nil {
			return p, nil
		}
		w, err := ParsePeriod(s)
		if err != nil {
			return 0, fmt.Errorf("%w; or a calendar unit: day, week, month", err)
		}
		t.Window = w
		return Rolling, nil
	}
	given := false
	r.mapping(n, "cap", fields{
		"max":    read(r, "max", &t.Max, parseCount),
		"per":    func(v *yaml.Node) { given = true; read(r, "per", &t.Per, per)(v) },
		"by":     read(r, "by", &t.By, capByWords.parse),
		"counts": read(r, "counts", &t.Counts, countedWords.parse),
	})
	r.needs(n, "cap", "max", t.Max > 0)
	r.needs(n, "cap", "per", given)
	r.needs(n, "cap", "by", t.By > 0)
	r.needs(n, "cap", "counts", t.Counts > 0)
	return t
}

func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 10000 {
		return 0, fmt.Errorf("%q: want a number from 1 to 10000", s)
	}
	return n, nil
}

func (r *reader) coolDown(n *yaml.Node) *CoolDownTerm {
	t := &CoolDownTerm{}
	r.mapping(n, "cool_down", fields{
		"after": read(r, "after", &t.After, afterWords.parse),
		"wait":  read(r, "wait", &t.Wait, ParsePeriod),
	})
	r.needs(n, "cool_down", "after", t.After > 0)
	r.needs(n, "cool_down", "wait", t.Wait != Period{})
	return t
}

var registryAbout = []string{"do_not_call", "reassigned", "directory", "preference"}

func (r *reader) registry(n *yaml.Node) *RegistryTerm {
	t := &RegistryTerm{}
	r.mapping(n, "registry", fields{
		"id":      r.text("id", &t.ID),
		"name":    r.text("name", &t.Name),
		"about":   read(r, "about", &t.About, oneOf(registryAbout)),
		"max_age": read(r, "max_age", &t.MaxAge, ParsePeriod),
		"binding": func(v *yaml.Node) { r.choice(v, "binding", &t.Voluntary, "voluntary", "required") },
	})
	r.needs(n, "registry", "id", t.ID != "")
	r.needs(n, "registry", "name", t.Name != "")
	r.needs(n, "registry", "about", t.About != "")
	r.needs(n, "registry", "max_age", t.MaxAge != Period{})
	return t
}

func oneOf(known []string) func(string) (string, error) {
	return func(s string) (string, error) {
		if !slices.Contains(known, s) {
			return "", fmt.Errorf("unknown word %q: want one of %s", s, strings.Join(known, ", "))
		}
		return s, nil
	}
}

func (r *reader) expiry(n *yaml.Node) *ExpiryTerm {
	t := &ExpiryTerm{}
	r.mapping(n, "expiry", fields{
		"levels": readSet(r, "levels", needWords.parse, func(l Need) { t.Levels = append(t.Levels, l) }),
		"after":  read(r, "after", &t.After, ParsePeriod),
		"from":   read(r, "from", &t.From, startFrom),
		"review": r.boolean("review", &t.Review),
	})
	r.needs(n, "expiry", "levels", len(t.Levels) > 0)
	r.needs(n, "expiry", "after", t.After != Period{})
	for _, l := range t.Levels {
		if l < NeedImplied {
			r.fault(n, "expiry: %s is no level that a consent can have", l)
		}
	}
	return t
}

func startFrom(s string) (Start, error) { return startWords.parse(s) }

func (r *reader) confirmation(n *yaml.Node) *ConfirmationTerm {
	t := &ConfirmationTerm{}
	r.mapping(n, "confirmation", fields{
		"max":    read(r, "max", &t.Max, parseCount),
		"within": read(r, "within", &t.Within, ParsePeriod),
	})
	r.needs(n, "confirmation", "max", t.Max > 0)
	r.needs(n, "confirmation", "within", t.Within != Period{})
	return t
}

func (r *reader) disclosure(n *yaml.Node) *DisclosureTerm {
	t := &DisclosureTerm{}
	r.mapping(n, "disclosure", fields{
		"moment": read(r, "moment", &t.Moment, momentWords.parse),
		"items":  r.texts("items", &t.Items),
	})
	r.needs(n, "disclosure", "moment", t.Moment > 0)
	r.needs(n, "disclosure", "items", len(t.Items) > 0)
	return t
}

func (r *reader) duty(n *yaml.Node) *DutyTerm {
	t := &DutyTerm{}
	r.mapping(n, "duty", fields{
		"at":   func(v *yaml.Node) { r.choice(v, "at", &t.AtContact, "contact", "setup") },
		"text": r.text("text", &t.Text),
	})
	r.needs(n, "duty", "text", t.Text != "")
	return t
}

func (r *reader) optOut(n *yaml.Node) *OptOutTerm {
	t := &OptOutTerm{Deadline: Deadline{}}
	given := false
	period := func(what string, into **Period) func(*yaml.Node) {
		return func(v *yaml.Node) {
			*into = &Period{}
			read(r, what, *into, ParsePeriod)(v)
		}
	}
	r.mapping(n, "opt_out", fields{
		"deadline":  func(v *yaml.Node) { given = true; read(r, "deadline", &t.Deadline, parseDeadline)(v) },
		"honour":    period("honour", &t.Honour),
		"keywords":  r.texts("keywords", &t.Keywords),
		"means":     r.text("means", &t.Means),
		"mechanism": period("mechanism", &t.Mechanism),
		"ends":      func(v *yaml.Node) { r.choice(v, "ends", &t.Everything, "everything", "scope") },
	})
	if given || t.Honour != nil || t.Mechanism != nil || t.Everything || len(t.Keywords) > 0 || t.Means != "" {
		t.HasDeadline = given
		return t
	}
	r.fault(n, "opt_out: says nothing")
	return t
}

func (r *reader) retention(n *yaml.Node) *RetentionTerm {
	t := &RetentionTerm{}
	r.mapping(n, "retention", fields{
		"of":              read(r, "of", &t.Of, oneOf(retentionOf)),
		"for":             read(r, "for", &t.For, ParsePeriod),
		"from":            read(r, "from", &t.From, oneOf([]string{"creation", "last_use", "end"})),
		"restarts_on_use": r.boolean("restarts_on_use", &t.RestartsOnUse),
	})
	r.needs(n, "retention", "of", t.Of != "")
	r.needs(n, "retention", "for", t.For != Period{})
	r.needs(n, "retention", "from", t.From != "")
	return t
}
