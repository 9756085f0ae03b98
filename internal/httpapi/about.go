package httpapi

import (
	"errors"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/rulebook"
)

// About is what is known of a contact beside number, purpose and channel, for the rules. What is left out is unknown,
// and what is unknown lifts no rule.
type About struct {
	rulebook.Circumstances
	Sender string `json:"sender,omitempty" doc:"The defined sender that the contact comes from, which says its kind." example:"acme-us"`
	Matter string `json:"matter,omitempty" maxLength:"255" doc:"What the contact is about, for caps that count by it, such as one debt; absent: contacts on every matter count."`
	Event  string `json:"event,omitempty" maxLength:"255" doc:"The event that it is about, for caps that count by it; absent: contacts on every event count."`
}

// maxWord bounds matters and events.
const maxWord = 255

// known resolves what a caller knows of a contact of a brand; nil is nothing.
func (a *API) known(in *About, brand string) (*policy.Circumstances, error) {
	if in == nil {
		return nil, nil
	}
	if _, err := a.ruled(); err != nil {
		return nil, err
	}
	if len(in.Matter) > maxWord || len(in.Event) > maxWord {
		return nil, unprocessable(act.CodeInvalidField, "about", "matter and event have at most 255 bytes")
	}
	if err := a.sent(in, brand); err != nil {
		return nil, err
	}
	about, err := a.Rules.Circumstances(&in.Circumstances)
	var invalid *rulebook.InvalidError
	if errors.As(err, &invalid) {
		return nil, unprocessable(act.CodeInvalidField, "about."+invalid.Field, invalid.Reason)
	}
	if err != nil {
		return nil, err
	}
	about.Matter, about.Event = a.Attempts.Matter(in.Matter), a.Attempts.Event(in.Event)
	return about, nil
}

// sent puts the kind of a defined sender in the place of its name.
func (a *API) sent(in *About, brand string) error {
	if in.Sender == "" {
		return nil
	}
	s, err := a.Catalog.Sender(in.Sender)
	if err != nil || string(s.Brand) != brand || s.Retired {
		return unprocessable(act.CodeInvalidField, "about.sender", "is no sender of the brand: define it with POST /v1/senders")
	}
	if in.Circumstances.Sender != "" {
		return unprocessable(act.CodeInvalidField, "about.sender_kind", "is what the sender says: send one of the two")
	}
	switch s.Kind {
	case "short_code", "alphanumeric":
		in.Circumstances.Sender = s.Kind
	case "number":
		in.Circumstances.Sender = "long_code"
		if n, err := phone.Parse(s.Address, ""); err == nil && phone.Type(n) == phone.TollFree {
			in.Circumstances.Sender = "toll_free"
		}
	}
	return nil
}

// about reads what a question tells of the contact; nil is nothing.
func about(req *check.Request) (*About, error) {
	if len(req.About) == 0 {
		return nil, nil
	}
	in := &About{}
	var p *Problem
	if err := decode(req.About, in); errors.As(err, &p) {
		told := *p
		if told.Field = "about"; p.Field != "" {
			told.Field += "." + p.Field
		}
		return nil, &told
	} else if err != nil {
		return nil, err
	}
	return in, nil
}

// contactOf adds to a contact that is about to be counted what caps may tell it apart by.
func contactOf(at attempt.Attempt, in *About, known *policy.Circumstances) attempt.Attempt {
	if in != nil {
		at.Matter, at.Event, at.Contact = in.Matter, in.Event, known.Contact
	}
	return at
}
