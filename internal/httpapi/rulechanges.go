package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/rulebook"
)

// ruleChange is a kind of change of the rules whose routes are alike.
type ruleChange[T rulebook.Change] struct {
	one, many string // override, overrides
	title     string // Override
	put, lift string // what the two do, in a sentence or two
	param     *huma.Param
	example   T

	id  func(*T) *string
	all func() []T
}

// Lifted names what was taken back.
type Lifted struct {
	ID string `json:"id" doc:"The name of what was taken back."`
}

// RuleChanges are the operator's changes of one kind, or what can be changed.
type RuleChanges[T any] struct {
	Items []T `json:"items" doc:"All of them, by name; of changes those that were not taken back."`
}

func defineRuleChange[T rulebook.Change](a *API, r ruleChange[T]) {
	path, name := "/v1/rules/"+r.many+"/{"+r.one+"}", r.param.Example.(string)
	given := r.example
	*r.id(&given) = ""
	serve(a, operation{
		id: "list" + r.title + "s", tag: tagRules, method: http.MethodGet, path: "/v1/rules/" + r.many, permission: access.ReadCatalog,
		summary: "List " + r.many, description: "Lists those that were not taken back, also those whose time is over or has not come.",
		answer: RuleChanges[T]{Items: []T{r.example}},
	}, func(_ context.Context, _ call, _ *none) (out reply[RuleChanges[T]], err error) {
		if _, err = a.ruled(); err == nil {
			out.body.Items = r.all()
		}
		return out, err
	})
	serve(a, operation{
		id: "put" + r.title, tag: tagRules, method: http.MethodPut, path: path, permission: access.ChangeRules,
		summary: "Enter a " + r.one, description: r.put + " It takes the place of an earlier one of this name. Verdicts show it, and the ledger keeps who decided it.",
		params: []*huma.Param{r.param, idempotencyParam()}, errors: []int{http.StatusConflict}, request: given, answer: r.example,
	}, func(ctx context.Context, c call, in *T) (reply[T], error) { return putRuleChange(ctx, a, c, &r, in) })
	serve(a, operation{
		id: "lift" + r.title, tag: tagRules, method: http.MethodDelete, path: path, permission: access.ChangeRules,
		summary: "Take a " + r.one + " back", description: r.lift,
		params: []*huma.Param{r.param, idempotencyParam()}, errors: []int{http.StatusNotFound, http.StatusConflict}, answer: Lifted{ID: name},
	}, func(ctx context.Context, c call, _ *none) (reply[Lifted], error) {
		return liftRuleChange(ctx, a, c, &r)
	})
}

// keeper returns who changes the rules, once the caller may: a change binds every brand.
func (a *API) keeper(ctx context.Context, c call) (*rulebook.Keeper, error) {
	if _, err := a.ruled(); err != nil {
		return nil, err
	}
	return &rulebook.Keeper{Book: a.Rules, Ledger: a.Ledger}, a.Gate.Authorize(ctx, c.Caller, access.ChangeRules, consent.Any)
}

func putRuleChange[T rulebook.Change](ctx context.Context, a *API, c call, r *ruleChange[T], in *T) (out reply[T], err error) {
	k, err := a.keeper(ctx, c)
	if err != nil {
		return out, err
	}
	if id := *r.id(in); id != "" && id != c.path(r.one) {
		return out, unprocessable(act.CodeInvalidField, "id", "is not the one in the path: leave it out")
	}
	*r.id(in) = c.path(r.one)
	out.body, out.again, err = once(ctx, a, c, work[T]{
		content: in, replay: definition[T],
		do: func(ctx context.Context) (T, error) { return rulebook.Put(ctx, k, c.ID, *in) },
	})
	return out, ruleProblem(err)
}

func liftRuleChange[T rulebook.Change](ctx context.Context, a *API, c call, r *ruleChange[T]) (out reply[Lifted], err error) {
	k, err := a.keeper(ctx, c)
	if err != nil {
		return out, err
	}
	var named T
	*r.id(&named) = c.path(r.one)
	out.body.ID = c.path(r.one)
	_, out.again, err = once(ctx, a, c, work[T]{
		content: c.path(r.one), replay: definition[T],
		do: func(ctx context.Context) (T, error) { return named, k.Lift(ctx, c.ID, named) },
	})
	return out, ruleProblem(err)
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

// switchRoute lists the points of law that can be read in two ways.
func (a *API) switchRoute() {
	serve(a, operation{
		id: "listSwitches", tag: tagRules, method: http.MethodGet, path: "/v1/rules/switches", permission: access.ReadCatalog,
		summary: "List contested points", description: "Lists the points of law that packs call contested, with both readings. The strict one holds unless it was relaxed, under /v1/rules/relaxations.",
		answer: RuleChanges[Switch]{Items: []Switch{{
			ID: "us.quiet_hours_lifted_by_consent", Title: "Federal quiet hours and consented contact",
			Strict: "8 am to 9 pm binds all marketing", Relaxed: "A contact with prior express written consent is no telephone solicitation",
		}}},
	}, func(_ context.Context, _ call, _ *none) (out reply[RuleChanges[Switch]], err error) {
		rules, err := a.ruled()
		if err == nil {
			out.body.Items = switchesOf(rules)
		}
		return out, err
	})
}

func (a *API) ruleChangeRoutes() {
	a.switchRoute()
	defineRuleChange(a, ruleChange[rulebook.Override]{
		one: "override", many: "overrides", title: "Override", param: pathParam("override", "The name of the change.", "quieter-evenings"),
		put:  "Changes one rule for a time. What makes it stricter is free; what loosens it needs a reason and an end.",
		lift: "The rule holds again as its pack states it.",
		example: rulebook.Override{
			ID: "quieter-evenings", Rule: "us.hours_marketing", Reason: "Fewer complaints", Actor: "counsel", Week: map[string]string{"mon": "10:00-18:00"},
		},
		id: func(o *rulebook.Override) *string { return &o.ID }, all: func() []rulebook.Override { return a.Rules.Overrides() },
	})
	defineRuleChange(a, ruleChange[rulebook.Ban]{
		one: "ban", many: "bans", title: "Ban", param: pathParam("ban", "The name of the ban.", "storm"),
		put:     "Forbids contact with a region for a time, as a declared emergency does.",
		lift:    "Contact is allowed again, as far as the rules go.",
		example: rulebook.Ban{ID: "storm", Region: "US-FL", Classes: []string{"marketing"}, Reason: "State of emergency", Actor: "counsel"},
		id:      func(n *rulebook.Ban) *string { return &n.ID }, all: func() []rulebook.Ban { return a.Rules.Bans() },
	})
	end := ledger.Time(time.Date(2027, 12, 31, 0, 0, 0, 0, time.UTC))
	defineRuleChange(a, ruleChange[rulebook.Relaxation]{
		one: "relaxation", many: "relaxations", title: "Relaxation",
		param:   pathParam("relaxation", "The switch, as packs name it.", "us.quiet_hours_lifted_by_consent"),
		put:     "Takes the relaxed reading of a contested point for a time. It loosens rules, so it needs a reason and an end.",
		lift:    "The strict reading holds again.",
		example: rulebook.Relaxation{ID: "us.quiet_hours_lifted_by_consent", Reason: "Opinion of counsel", Actor: "counsel", Until: &end},
		id:      func(x *rulebook.Relaxation) *string { return &x.ID }, all: func() []rulebook.Relaxation { return a.Rules.Relaxations() },
	})
	defineRuleChange(a, ruleChange[rulebook.Declaration]{
		one: "declaration", many: "declarations", title: "Declaration", param: pathParam("declaration", "The name of the declaration.", "short-code"),
		put:     "Says what holds of all contacts of a brand and a purpose, so that questions need not tell it. Facts lift rules, and so need a reason.",
		lift:    "It holds no more; what a question does not tell is unknown again.",
		example: rulebook.Declaration{ID: "short-code", Brand: "default", Sender: "short_code", Actor: "counsel"},
		id:      func(d *rulebook.Declaration) *string { return &d.ID }, all: func() []rulebook.Declaration { return a.Rules.Declarations() },
	})
}
