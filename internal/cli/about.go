package cli

import (
	"fmt"
	"strings"
)

// aboutFlags are what is known of a contact beside its number and scope. What is left out is unknown, and lifts no rule.
type aboutFlags struct {
	Country  string `placeholder:"CC" help:"Where the person lives, ISO 3166-1: it adds rules and time zones to those of the number."`
	Region   string `placeholder:"CODE" help:"The subdivision, ISO 3166-2 without the country."`
	Postal   string `name:"postal-code" placeholder:"CODE" help:"The postal code there."`
	Zone     string `name:"time-zone" placeholder:"ZONE" help:"The IANA time zone of the person."`
	Verified bool   `name:"place-verified" help:"You vouch for place and zone: the zones take the place of the number's."`

	Contact      string   `placeholder:"KIND" help:"What the contact is: ordinary, consent_request or opt_out_confirmation."`
	Sender       string   `name:"sender-kind" placeholder:"KIND" help:"What it comes from: long_code, short_code, toll_free or alphanumeric."`
	From         string   `name:"sender" placeholder:"ID" help:"The defined sender that it comes from, which says its kind."`
	Sector       string   `placeholder:"NAME" help:"The trade of what is offered, where a rule singles it out."`
	Line         string   `placeholder:"KIND" help:"What kind of line the number is: fixed or mobile."`
	Fact         []string `placeholder:"NAME" help:"What is true of the person or the contact and lifts or triggers rules; may be given several times."`
	DispatchZone string   `placeholder:"ZONE" help:"The IANA time zone in which the message leaves."`
	Matter       string   `placeholder:"NAME" help:"What the contact is about, for caps that count by it."`
	Event        string   `placeholder:"NAME" help:"The event that it is about, for caps that count by it."`
	Registry     []string `placeholder:"ID=ANSWER" help:"What a registry answered about this number: us.ndnc=clear@2026-11-20, or listed@…"`

	Purchased    string `placeholder:"TIME" help:"When the person last bought, or a contract with them ended."`
	Inquired     string `placeholder:"TIME" help:"When they last inquired."`
	Inbound      string `placeholder:"TIME" help:"When they last wrote or called."`
	Conversation string `placeholder:"TIME" help:"When the matter was last talked about with them."`
}

// told returns what is known as the interface takes it; nil is nothing.
func (f *aboutFlags) told() (map[string]any, error) {
	told := map[string]any{}
	for name, text := range map[string]string{
		"country": f.Country, "region": f.Region, "postal_code": f.Postal, "time_zone": f.Zone, "contact": f.Contact,
		"sender_kind": f.Sender, "sender": f.From, "sector": f.Sector, "line": f.Line, "dispatch_zone": f.DispatchZone, "matter": f.Matter, "event": f.Event,
	} {
		if text != "" {
			told[name] = text
		}
	}
	for name, text := range map[string]string{
		"purchased_at": f.Purchased, "inquired_at": f.Inquired, "inbound_at": f.Inbound, "conversation_at": f.Conversation,
	} {
		if text == "" {
			continue
		}
		at, err := normalMoment(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		told[name] = at
	}
	if len(f.Fact) > 0 {
		told["facts"] = f.Fact
	}
	if f.Verified {
		told["place_verified"] = true
	}
	if err := f.registries(told); err != nil || len(told) == 0 {
		return nil, err
	}
	return told, nil
}

func (f *aboutFlags) registries(told map[string]any) error {
	var answers []map[string]any
	for _, text := range f.Registry {
		id, answer, _ := strings.Cut(text, "=")
		word, when, dated := strings.Cut(answer, "@")
		if !dated || word != "clear" && word != "listed" {
			return fmt.Errorf("--registry %s: want ID=clear@TIME or ID=listed@TIME", id)
		}
		at, err := normalMoment(when)
		if err != nil {
			return fmt.Errorf("--registry %s: %w", id, err)
		}
		answers = append(answers, map[string]any{"registry": id, "listed": word == "listed", "asked_at": at})
	}
	if answers != nil {
		told["registries"] = answers
	}
	return nil
}
