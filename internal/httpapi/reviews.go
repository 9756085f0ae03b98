package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/ledger"
)

// Review is a message or an event that a person is to look at.
type Review struct {
	ID        string          `json:"id" doc:"The review's id." example:"1f2c4e1a7b3d5f608192a3b4c5d6e7f8"`
	Reason    inbound.Flag    `json:"reason" enum:"ambiguous,unknown_sender,unknown_number,nothing_to_restore" doc:"Why."`
	CreatedAt ledger.Time     `json:"created_at" doc:"Since when it waits."`
	Number    string          `json:"number,omitempty" doc:"Whose message it is; masked for callers who may not see numbers."`
	Brand     consent.BrandID `json:"brand" doc:"The brand that was written to."`
	Sender    string          `json:"sender,omitempty" doc:"The address that was written to."`
	Channel   consent.Channel `json:"channel" doc:"The channel."`
	Text      string          `json:"text,omitempty" doc:"What the person wrote."`
	Rule      string          `json:"rule,omitempty" doc:"The classifier's rule that fired."`
	Provider  string          `json:"provider" doc:"Who told of it."`
}

// DecisionRequest is what somebody made of a review.
type DecisionRequest struct {
	Decision inbound.Decision `json:"decision" enum:"stop,resume,dismiss" doc:"stop: it was a withdrawal. resume: it was none, so what was suspended is given back. dismiss: nothing follows."`
	Actor    string           `json:"actor" doc:"Who decided." maxLength:"200"`
	Reason   string           `json:"reason" doc:"Why." maxLength:"150"`
}

// DecisionAnswer is what followed from a decision.
type DecisionAnswer struct {
	Acts []inbound.Act `json:"acts" doc:"The acts that were recorded."`
}

func (t *talk) reviewRoutes() {
	example := Review{
		ID: "1f2c4e1a7b3d5f608192a3b4c5d6e7f8", Reason: inbound.Ambiguous, CreatedAt: *exampleTime(), Number: "+12025550123", Brand: "default",
		Sender: "21610", Channel: consent.SMS, Text: "maybe later", Provider: "twilio",
	}
	serve(t.API, operation{
		id: "listReviews", tag: tagConversations, method: http.MethodGet, path: "/v1/reviews", permission: access.ReadHistory,
		summary: "List what waits for a person", description: "Lists messages that can be read in more than one way and events that could not be placed, the longest waiting first.",
		params: pageParams(), answer: Page[Review]{Items: []Review{example}},
	}, t.listReviews)
	serve(t.API, operation{
		id: "decideReview", tag: tagConversations, method: http.MethodPost, path: "/v1/reviews/{review}/decision", permission: access.RecordConsent,
		summary: "Decide a review", description: "Records what somebody made of a message, with who and why. Until then marketing stays suspended.",
		params: []*huma.Param{pathParam("review", "The review's id.", example.ID)}, errors: []int{http.StatusNotFound},
		request: DecisionRequest{Decision: inbound.Resume, Actor: "Ann", Reason: "asked about an order"},
		answer:  DecisionAnswer{Acts: []inbound.Act{{Act: consent.Granted, Brand: "default", Purpose: "marketing", Channel: consent.SMS, Seq: 18}}},
	}, t.decideReview)
}

func (t *talk) listReviews(ctx context.Context, c call, _ *none) (out reply[Page[Review]], err error) {
	limit, err := c.limit()
	if err != nil {
		return out, err
	}
	text, err := t.after(c, "reviews")
	if err != nil {
		return out, err
	}
	found, err := t.Reviews(ctx, inbound.ParsePlace(text), limit+1)
	if err != nil {
		return out, err
	}
	if len(found) > limit {
		found = found[:limit]
		out.body.Next = t.cursor("reviews", found[limit-1].Place().String())
		out.next = out.body.Next
	}
	out.body.Items = []Review{}
	for _, v := range found {
		if c.For(v.Brand) {
			out.body.Items = append(out.body.Items, reviewOf(v, c.masked()))
		}
	}
	return out, nil
}

func reviewOf(v inbound.Review, masked bool) Review {
	out := Review{
		ID: v.ID.String(), Reason: v.Reason, CreatedAt: ledger.Time(v.CreatedAt), Brand: v.Brand, Sender: v.Sender, Channel: v.Channel,
		Text: v.Text, Rule: v.Reading.Rule, Provider: v.Provider,
	}
	switch {
	case v.Number == 0 && !masked:
		out.Number = v.Written
	case v.Number != 0 && masked:
		out.Number = v.Number.Masked()
	case v.Number != 0:
		out.Number = v.Number.String()
	}
	if masked {
		out.Text = hideNumbers(out.Text)
	}
	return out
}

func (t *talk) decideReview(ctx context.Context, c call, in *DecisionRequest) (out reply[DecisionAnswer], err error) {
	id, err := inbound.ParseReviewID(c.path("review"))
	if err != nil {
		return out, conversed(nil, err)
	}
	v, err := t.Review(ctx, id)
	if err != nil {
		return out, conversed(nil, err)
	}
	if err := t.API.Gate.Authorize(ctx, c.Caller, access.RecordConsent, v.Brand); err != nil {
		return out, err
	}
	out.body.Acts, err = t.Decide(ctx, c.Caller, id, in.Decision, in.Actor, in.Reason)
	return out, conversed(nil, err)
}
