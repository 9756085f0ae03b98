package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/rulebook"
)

// OverrideJSON is a change of one rule by the operator.
type OverrideJSON struct {
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

// BanJSON forbids contact with a region for a time.
type BanJSON struct {
	ID       string   `json:"id,omitempty" doc:"Its name, which stands in the path." example:"storm"`
	Region   string   `json:"region" doc:"The ISO 3166 code of a region that a pack covers; a country's covers its states." example:"US-FL"`
	Postal   []string `json:"postal,omitempty" doc:"Beginnings of postal codes; a person whose code is not known is taken to be inside."`
	Prefixes []string `json:"prefixes,omitempty" doc:"Beginnings of numbers, calling code first; absent: every number of the region."`
	Channels []string `json:"channels,omitempty" doc:"The channels; absent: all."`
	Classes  []string `json:"classes,omitempty" doc:"The classes of purpose; absent: all."`

	Unless []rulebook.Condition `json:"unless,omitempty" doc:"Any of these lifts it; absent: nothing does."`

	From     *ledger.Time `json:"from,omitempty" doc:"When it begins; absent: when it is recorded. Questions about the past know it from then on."`
	Until    *ledger.Time `json:"until,omitempty" doc:"When it ends; absent: when it is taken back."`
	Citation string       `json:"citation,omitempty" doc:"The order that declares it."`
	Source   string       `json:"source,omitempty" doc:"Where the order was read."`
	Reason   string       `json:"reason" doc:"Why."`
	Actor    string       `json:"actor,omitempty" doc:"Who decided it; absent: the holder of the key."`

	Removed bool `json:"removed,omitempty" readOnly:"true" doc:"Whether it was taken back."`
}

func (a *API) overrideRoutes() {
	id := pathParam("change", "The name of the change.", "quieter-evenings")
	override := OverrideJSON{Rule: "us.hours_marketing", Reason: "Fewer complaints", Week: map[string]string{"mon": "10:00-18:00"}}
	made := override
	made.ID, made.Actor = "quieter-evenings", "local"
	ban := BanJSON{Region: "US-FL", Classes: []string{"marketing"}, Reason: "State of emergency"}
	banned := ban
	banned.ID, banned.Actor = "storm", "local"
	serve(a, operation{
		id: "overrideRule", tag: tagRules, method: http.MethodPut, path: "/v1/rules/overrides/{change}", permission: access.ChangeRules,
		summary: "Change a rule", description: "Changes one rule for a time, in the place of an earlier change of this name. What makes it stricter is free; what loosens it needs a reason and an end. Verdicts show it.",
		params: []*huma.Param{id}, request: override, answer: made,
	}, a.putOverride)
	serve(a, operation{
		id: "liftOverride", tag: tagRules, method: http.MethodDelete, path: "/v1/rules/overrides/{change}", permission: access.ChangeRules,
		summary: "Take a change back", description: "The rule holds again as its pack states it.",
		params: []*huma.Param{id}, errors: []int{http.StatusNotFound}, answer: Lifted{ID: "quieter-evenings"},
	}, a.deleteOverride)
	storm := pathParam("ban", "The name of the ban.", "storm")
	serve(a, operation{
		id: "enterBan", tag: tagRules, method: http.MethodPut, path: "/v1/rules/bans/{ban}", permission: access.ChangeRules,
		summary: "Enter a ban", description: "Forbids contact with a region for a time, as a declared emergency does.",
		params: []*huma.Param{storm}, request: ban, answer: banned,
	}, a.putBan)
	serve(a, operation{
		id: "liftBan", tag: tagRules, method: http.MethodDelete, path: "/v1/rules/bans/{ban}", permission: access.ChangeRules,
		summary: "Lift a ban", description: "Contact is allowed again, as far as the rules go.",
		params: []*huma.Param{storm}, errors: []int{http.StatusNotFound}, answer: Lifted{ID: "storm"},
	}, a.deleteBan)
}

// Lifted names what was taken back.
type Lifted struct {
	ID string `json:"id" doc:"The name of what was taken back."`
}

// keeper returns who changes the rules, once the caller may: a change binds every brand.
func (a *API) keeper(ctx context.Context, c call) (*rulebook.Keeper, error) {
	if _, err := a.ruled(); err != nil {
		return nil, err
	}
	return &rulebook.Keeper{Book: a.Rules, Ledger: a.Ledger}, a.Gate.Authorize(ctx, c.Caller, access.ChangeRules, consent.Any)
}

func (a *API) putOverride(ctx context.Context, c call, in *OverrideJSON) (out reply[OverrideJSON], err error) {
	k, err := a.keeper(ctx, c)
	if err != nil {
		return out, err
	}
	in.ID, in.Removed = c.path("change"), false
	if in.Actor == "" {
		in.Actor = c.ID
	}
	out.body = *in
	return out, ruleProblem(k.Override(ctx, c.ID, rulebook.Override(*in)))
}

func (a *API) deleteOverride(ctx context.Context, c call, _ *none) (out reply[Lifted], err error) {
	k, err := a.keeper(ctx, c)
	if err != nil {
		return out, err
	}
	out.body.ID = c.path("change")
	return out, ruleProblem(k.LiftOverride(ctx, c.ID, out.body.ID))
}

func (a *API) putBan(ctx context.Context, c call, in *BanJSON) (out reply[BanJSON], err error) {
	k, err := a.keeper(ctx, c)
	if err != nil {
		return out, err
	}
	in.ID, in.Removed = c.path("ban"), false
	if in.Actor == "" {
		in.Actor = c.ID
	}
	out.body = *in
	return out, ruleProblem(k.Ban(ctx, c.ID, rulebook.Ban(*in)))
}

func (a *API) deleteBan(ctx context.Context, c call, _ *none) (out reply[Lifted], err error) {
	k, err := a.keeper(ctx, c)
	if err != nil {
		return out, err
	}
	out.body.ID = c.path("ban")
	return out, ruleProblem(k.LiftBan(ctx, c.ID, out.body.ID))
}

// ruleProblem turns what package rulebook says into what callers are told; other errors pass.
func ruleProblem(err error) error {
	var invalid *rulebook.InvalidError
	switch {
	case errors.As(err, &invalid):
		return unprocessable(act.CodeInvalidField, invalid.Field, invalid.Reason)
	case errors.Is(err, rulebook.ErrNotFound):
		return problem(http.StatusNotFound, "not_found", "Not found", "", err.Error())
	}
	return err
}
