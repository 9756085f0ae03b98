package rulebook

import (
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
)

// Circumstances are what a caller tells of one contact beside number, purpose and moment, in words. All may be left
// out; what is left out is unknown, and what is unknown lifts no rule.
type Circumstances struct {
	Contact string   `json:"contact,omitempty" enum:"ordinary,consent_request,opt_out_confirmation" doc:"What the contact is for; absent: an ordinary one."`
	Sender  string   `json:"sender_kind,omitempty" enum:"long_code,short_code,toll_free,alphanumeric" doc:"What kind of sender it comes from. A 10DLC number is a long code."`
	Sector  string   `json:"sector,omitempty" doc:"The trade of what is offered, where a rule singles it out." example:"energy"`
	Line    string   `json:"line,omitempty" enum:"fixed,mobile" doc:"What kind of line the number is."`
	Facts   []string `json:"facts,omitempty" doc:"What is true of the person or the contact and lifts or triggers rules. The caller must be able to show it." example:"contract_in_force"`

	PurchasedAt    *ledger.Time `json:"purchased_at,omitempty" doc:"When the person last bought from the brand, or a contract with them ended."`
	InquiredAt     *ledger.Time `json:"inquired_at,omitempty" doc:"When the person last inquired."`
	InboundAt      *ledger.Time `json:"inbound_at,omitempty" doc:"When the person last wrote or called."`
	ConversationAt *ledger.Time `json:"conversation_at,omitempty" doc:"When the matter was last talked about with the person, beside the conversations that were reported."`

	Country  string `json:"country,omitempty" doc:"Where the person lives, ISO 3166-1 alpha-2." example:"US"`
	Region   string `json:"region,omitempty" doc:"The subdivision, ISO 3166-2 without the country." example:"FL"`
	Postal   string `json:"postal_code,omitempty" doc:"The postal code there."`
	Zone     string `json:"time_zone,omitempty" doc:"The IANA time zone of the person." example:"America/New_York"`
	Verified bool   `json:"place_verified,omitempty" doc:"Whether the caller vouches for place and zone. Otherwise they only add rules and zones to those of the number; vouched for, the zones take the place of the number's."`

	DispatchZone string `json:"dispatch_zone,omitempty" doc:"The IANA time zone in which the message leaves, for rules that go by the dispatcher's clock."`

	Registries []RegistryAnswer `json:"registries,omitempty" doc:"What registries answered about this very number."`
}

// RegistryAnswer is what one registry answered about the number.
type RegistryAnswer struct {
	Registry string      `json:"registry" doc:"The registry, by the id that rules give it." example:"us.ndnc"`
	Listed   bool        `json:"listed" doc:"Whether the number stands on it."`
	AskedAt  ledger.Time `json:"asked_at" doc:"When it was asked."`
}

// Circumstances resolves what a caller tells. What no rule knows the meaning of is an *InvalidError: a mistyped word
// must be seen, not taken for unknown. Matter and event are the caller's to add.
func (b *Book) Circumstances(c *Circumstances) (*policy.Circumstances, error) {
	rules := b.Rules()
	out := &policy.Circumstances{
		PurchasedAt: instant(c.PurchasedAt), InquiredAt: instant(c.InquiredAt),
		InboundAt: instant(c.InboundAt), ConversationAt: instant(c.ConversationAt),
	}
	var err error
	for _, word := range []struct {
		field string
		read  func() error
	}{
		{"contact", func() error { out.Contact, err = policy.ParseContact(c.Contact); return err }},
		{"sender_kind", func() error { out.Sender, err = policy.ParseSender(c.Sender); return err }},
		{"sector", func() error { out.Sector, err = policy.ParseSector(c.Sector); return err }},
		{"line", func() error { out.Line, err = policy.ParseLine(c.Line); return err }},
		{"facts", func() error { out.Facts, err = policy.ParseFacts(c.Facts); return err }},
		{"country", func() error { out.Place, err = rules.Locate(c.address()); return err }},
		{"dispatch_zone", func() error { out.DispatchZone, err = dispatchZone(rules, c.DispatchZone); return err }},
		{"registries", func() error { out.Asked, err = asked(rules, c.Registries); return err }},
	} {
		if err := word.read(); err != nil {
			return nil, &InvalidError{word.field, err.Error(), err}
		}
	}
	return out, nil
}

func (c *Circumstances) address() policy.Address {
	return policy.Address{Country: c.Country, Region: c.Region, Postal: c.Postal, Zone: c.Zone, Verified: c.Verified}
}

func dispatchZone(rules *policy.Rules, name string) (policy.DispatchZone, error) {
	if name == "" {
		return 0, nil
	}
	zone, known := rules.DispatchZone(name)
	if !known {
		return 0, fmt.Errorf("no time zone %q is known", name)
	}
	return zone, nil
}

func asked(rules *policy.Rules, answers []RegistryAnswer) ([]policy.RegistryAnswer, error) {
	var out []policy.RegistryAnswer
	for _, a := range answers {
		id, known := rules.RegistryByID(a.Registry)
		if !known {
			return nil, fmt.Errorf("no rule asks a registry %q", a.Registry)
		}
		at := time.Time(a.AskedAt)
		if at.IsZero() {
			return nil, fmt.Errorf("registry %s: say when it was asked", a.Registry)
		}
		out = append(out, policy.RegistryAnswer{Registry: id, Listed: a.Listed, At: at.Unix()})
	}
	return out, nil
}
