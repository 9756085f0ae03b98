package rulebook

import "github.com/consentline/consentline/internal/policy"

// Condition lifts a ban where all of its parts that are given are known to hold.
type Condition struct {
	Consent        string   `json:"consent,omitempty" enum:"implied,soft_opt_in,express,express_written" doc:"The standing consent is at least this strong."`
	Confirmed      bool     `json:"confirmed,omitempty" doc:"The consent was confirmed by double opt-in."`
	NewGrant       bool     `json:"new_grant,omitempty" doc:"The person consented after their latest no."`
	Facts          []string `json:"facts,omitempty" doc:"All of these facts are told or declared."`
	PurchaseWithin string   `json:"purchase_within,omitempty" doc:"The person bought within this period." example:"P18M"`
	InquiryWithin  string   `json:"inquiry_within,omitempty" doc:"The person inquired within this period." example:"P3M"`
	InboundWithin  string   `json:"inbound_within,omitempty" doc:"The person wrote or called within this period." example:"PT24H"`
	Line           string   `json:"line,omitempty" enum:"fixed,mobile" doc:"The number is such a line."`
	Regions        []string `json:"regions,omitempty" doc:"Every region where the person may be is one of these."`
	Switch         string   `json:"switch,omitempty" doc:"The operator has relaxed this contested point."`
}

func (c *Condition) policy() (out policy.Condition, err error) {
	out = policy.Condition{Confirmed: c.Confirmed, NewGrant: c.NewGrant, Regions: c.Regions, Switch: c.Switch}
	if c.Consent != "" {
		if out.Consent, err = policy.ParseNeed(c.Consent); err != nil {
			return out, err
		}
	}
	if out.Facts, err = policy.ParseFacts(c.Facts); err != nil {
		return out, err
	}
	if out.Line, err = policy.ParseLine(c.Line); err != nil {
		return out, err
	}
	for _, within := range []struct {
		text string
		into **policy.Period
	}{{c.PurchaseWithin, &out.PurchaseWithin}, {c.InquiryWithin, &out.InquiryWithin}, {c.InboundWithin, &out.InboundWithin}} {
		if *within.into, err = term("unless", within.text, policy.ParsePeriod); err != nil {
			return out, err
		}
	}
	return out, nil
}
