package rulebook

import (
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
)

// Override changes one rule for a time. What loosens it needs a reason and an end. Left-out terms stay as they are.
type Override struct {
	ID     string       `json:"id,omitempty" doc:"Its name, which stands in the path." example:"quieter-evenings"`
	Rule   string       `json:"rule" doc:"The id of the rule that it changes." example:"us.hours_marketing"`
	Reason string       `json:"reason,omitempty" doc:"Why; required for what loosens the rule."`
	Actor  string       `json:"actor,omitempty" doc:"Who decided it; absent: the holder of the key."`
	From   *ledger.Time `json:"from,omitempty" doc:"When it begins; absent: when it is recorded. Questions about the past know it from then on."`
	Until  *ledger.Time `json:"until,omitempty" doc:"When it ends; required for what loosens the rule."`

	Disable   bool              `json:"disable,omitempty" doc:"The rule does not hold at all."`
	Requires  string            `json:"requires,omitempty" doc:"The consent that it asks: none, no_objection, implied, soft_opt_in, express or express_written."`
	Max       *int              `json:"max,omitempty" doc:"How many contacts a cap allows."`
	Period    string            `json:"period,omitempty" doc:"The rule's length of time, such as P31D."`
	Week      map[string]string `json:"week,omitempty" doc:"The hours of each weekday, mon to sun, such as 09:00-20:00; a day that is left out has none."`
	OnHoliday string            `json:"on_holiday,omitempty" doc:"What a holiday does to hours: same_as_weekday, sunday_hours or blocked."`
	Required  *bool             `json:"required,omitempty" doc:"Whether a registry or a double opt-in is required."`

	Removed bool `json:"removed,omitempty" readOnly:"true" doc:"Whether it was taken back."`
}

func (o Override) kind() string   { return kindOverride }
func (o Override) name() string   { return o.ID }
func (o Override) removed() bool  { return o.Removed }
func (o Override) begins() span   { return spanOf(o.From, o.Until) }
func (o Override) lifted() Change { o.Removed = true; return o }
func (o Override) decided(by string) Change {
	o.Actor, o.Removed = decider(o.Actor, by), false
	return o
}

func (o Override) addTo(p *policy.Changes, _ string, in span) error {
	one := policy.Override{
		Rule: o.Rule, Reason: o.Reason, Actor: o.Actor, From: in.from, Until: in.until,
		Disable: o.Disable, Max: o.Max, Required: o.Required,
	}
	var err error
	if one.Requires, err = term("requires", o.Requires, policy.ParseNeed); err != nil {
		return err
	}
	if one.Period, err = term("period", o.Period, policy.ParsePeriod); err != nil {
		return err
	}
	if one.OnHoliday, err = term("on_holiday", o.OnHoliday, policy.ParseOnHoliday); err != nil {
		return err
	}
	if len(o.Week) > 0 {
		week, err := policy.ParseWeek(o.Week)
		if err != nil {
			return &InvalidError{"week", err.Error(), err}
		}
		one.Week = &week
	}
	p.Overrides = append(p.Overrides, one)
	return nil
}

// term reads one term of an override; an empty text leaves it as it is.
func term[T any](field, text string, parse func(string) (T, error)) (*T, error) {
	if text == "" {
		return nil, nil
	}
	v, err := parse(text)
	if err != nil {
		return nil, &InvalidError{field, err.Error(), err}
	}
	return &v, nil
}

// Ban forbids contact with a region for a time, as a declared emergency does.
type Ban struct {
	ID       string   `json:"id,omitempty" doc:"Its name, which stands in the path." example:"storm"`
	Region   string   `json:"region" doc:"The ISO 3166 code of a region that a pack covers; a country's covers its states." example:"US-FL"`
	Postal   []string `json:"postal,omitempty" doc:"Beginnings of postal codes; a person whose code is not known is taken to be inside."`
	Prefixes []string `json:"prefixes,omitempty" doc:"Beginnings of numbers, calling code first; absent: every number of the region."`
	Channels []string `json:"channels,omitempty" doc:"The channels; absent: all."`
	Classes  []string `json:"classes,omitempty" doc:"The classes of purpose; absent: all."`

	Unless []Condition `json:"unless,omitempty" doc:"Any of these lifts it; absent: nothing does."`

	From     *ledger.Time `json:"from,omitempty" doc:"When it begins; absent: when it is recorded. Questions about the past know it from then on."`
	Until    *ledger.Time `json:"until,omitempty" doc:"When it ends; absent: when it is taken back."`
	Citation string       `json:"citation,omitempty" doc:"The order that declares it."`
	Source   string       `json:"source,omitempty" doc:"Where the order was read."`
	Reason   string       `json:"reason" doc:"Why."`
	Actor    string       `json:"actor,omitempty" doc:"Who decided it; absent: the holder of the key."`

	Removed bool `json:"removed,omitempty" readOnly:"true" doc:"Whether it was taken back."`
}

func (n Ban) kind() string             { return kindBan }
func (n Ban) name() string             { return n.ID }
func (n Ban) removed() bool            { return n.Removed }
func (n Ban) begins() span             { return spanOf(n.From, n.Until) }
func (n Ban) lifted() Change           { n.Removed = true; return n }
func (n Ban) decided(by string) Change { n.Actor, n.Removed = decider(n.Actor, by), false; return n }

func (n Ban) addTo(p *policy.Changes, name string, in span) error {
	one := policy.Ban{
		ID: name, Region: n.Region, Postal: n.Postal, Prefixes: n.Prefixes,
		From: in.from, Until: in.until, Citation: n.Citation, Source: n.Source, Reason: n.Reason, Actor: n.Actor,
	}
	for _, text := range n.Channels {
		c, err := consent.ParseChannel(text)
		if err != nil {
			return &InvalidError{"channels", err.Error(), err}
		}
		one.Channels = append(one.Channels, c)
	}
	for _, text := range n.Classes {
		c, err := consent.ParseClass(text)
		if err != nil {
			return &InvalidError{"classes", err.Error(), err}
		}
		one.Classes = append(one.Classes, c)
	}
	for i := range n.Unless {
		c, err := n.Unless[i].policy()
		if err != nil {
			return &InvalidError{"unless", err.Error(), err}
		}
		one.Unless = append(one.Unless, c)
	}
	p.Bans = append(p.Bans, one)
	return nil
}
