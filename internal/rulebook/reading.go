package rulebook

import (
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
)

// Relaxation takes the relaxed reading of one contested point for a time. It loosens rules, so it needs a reason and an
// end. Its ID is that of the switch.
type Relaxation struct {
	ID     string       `json:"id,omitempty" doc:"The switch, as packs name it, which stands in the path." example:"us.quiet_hours_lifted_by_consent"`
	Reason string       `json:"reason" doc:"Why the relaxed reading is taken."`
	Actor  string       `json:"actor,omitempty" doc:"Who decided it; absent: the holder of the key."`
	From   *ledger.Time `json:"from,omitempty" doc:"When it begins; absent: when it is recorded."`
	Until  *ledger.Time `json:"until" doc:"When it ends, and the strict reading holds again."`

	Removed bool `json:"removed,omitempty" readOnly:"true" doc:"Whether it was taken back."`
}

func (x Relaxation) kind() string   { return kindRelaxation }
func (x Relaxation) name() string   { return x.ID }
func (x Relaxation) removed() bool  { return x.Removed }
func (x Relaxation) begins() span   { return spanOf(x.From, x.Until) }
func (x Relaxation) lifted() Change { x.Removed = true; return x }
func (x Relaxation) decided(by string) Change {
	x.Actor, x.Removed = decider(x.Actor, by), false
	return x
}

func (x Relaxation) addTo(p *policy.Changes, _ string, in span) error {
	p.Relaxations = append(p.Relaxations, policy.Relaxation{Switch: x.ID, Reason: x.Reason, Actor: x.Actor, From: in.from, Until: in.until})
	return nil
}

// Declaration says what holds of all contacts of a brand and a purpose, so that callers need not tell it each time.
// Facts lift rules, and so need a reason.
type Declaration struct {
	ID           string       `json:"id,omitempty" doc:"Its name, which stands in the path." example:"short-code"`
	Brand        string       `json:"brand,omitempty" doc:"The brand whose contacts it is about; absent: every brand."`
	Purpose      string       `json:"purpose,omitempty" doc:"The purpose of the contacts it is about; absent: every purpose."`
	Sender       string       `json:"sender_kind,omitempty" doc:"What kind of sender they come from: long_code, short_code, toll_free or alphanumeric." example:"short_code"`
	Sector       string       `json:"sector,omitempty" doc:"The trade of what is offered, where a rule singles it out." example:"energy"`
	DispatchZone string       `json:"dispatch_zone,omitempty" doc:"The IANA time zone in which messages leave." example:"Europe/Paris"`
	Facts        []string     `json:"facts,omitempty" doc:"What is true of all of them and lifts or triggers rules."`
	Reason       string       `json:"reason,omitempty" doc:"Why; required for facts."`
	Actor        string       `json:"actor,omitempty" doc:"Who decided it; absent: the holder of the key."`
	From         *ledger.Time `json:"from,omitempty" doc:"When it begins; absent: when it is recorded."`
	Until        *ledger.Time `json:"until,omitempty" doc:"When it ends; absent: when it is taken back."`

	Removed bool `json:"removed,omitempty" readOnly:"true" doc:"Whether it was taken back."`
}

func (d Declaration) kind() string   { return kindDeclaration }
func (d Declaration) name() string   { return d.ID }
func (d Declaration) removed() bool  { return d.Removed }
func (d Declaration) begins() span   { return spanOf(d.From, d.Until) }
func (d Declaration) lifted() Change { d.Removed = true; return d }
func (d Declaration) decided(by string) Change {
	d.Actor, d.Removed = decider(d.Actor, by), false
	return d
}

func (d Declaration) addTo(p *policy.Changes, name string, in span) error {
	one := policy.Declaration{
		ID: name, Brand: d.Brand, Purpose: d.Purpose, DispatchZone: d.DispatchZone, Reason: d.Reason, Actor: d.Actor, From: in.from, Until: in.until,
	}
	var err error
	if one.Sender, err = policy.ParseSender(d.Sender); err != nil {
		return &InvalidError{"sender_kind", err.Error(), err}
	}
	if one.Sector, err = policy.ParseSector(d.Sector); err != nil {
		return &InvalidError{"sector", err.Error(), err}
	}
	if one.Facts, err = policy.ParseFacts(d.Facts); err != nil {
		return &InvalidError{"facts", err.Error(), err}
	}
	p.Declarations = append(p.Declarations, one)
	return nil
}
