package httpapi

import (
	"errors"
	"net/http"

	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/optin"
)

const tagConversations = "Conversations"

// talk is the part of the interface that talks with people through providers.
type talk struct {
	*API
	*inbound.Conversations
}

// Converse adds the routes of conversations. Call it once, before anything is served.
func (a *API) Converse(c *inbound.Conversations) {
	t := &talk{a, c}
	t.inboundRoutes()
	t.optInRoutes()
	t.reviewRoutes()
	t.programmeRoutes()
}

// conversed turns the errors of conversations into problems; others stay as they are.
func conversed(w http.ResponseWriter, err error) error {
	var (
		refused   *optin.RefusedError
		malformed *messaging.MalformedError
	)
	switch {
	case errors.As(err, &refused):
		return refusal(w, refused)
	case errors.Is(err, optin.ErrNotFound), errors.Is(err, inbound.ErrNoReview):
		return problem(http.StatusNotFound, "not_found", "Not found", "", err.Error())
	case errors.Is(err, messaging.ErrBadSignature):
		return problem(http.StatusForbidden, "bad_signature", "Signature not valid", "", "The callback is not signed with the secret that is configured for this provider, or the public address differs from the one that was signed. Nothing was recorded.")
	case errors.Is(err, messaging.ErrReplayed):
		return problem(http.StatusForbidden, "signature_expired", "Signature too old", "", "The signature is outside the time in which it counts. Nothing was recorded.")
	case errors.Is(err, messaging.ErrUnsigned):
		return problem(http.StatusServiceUnavailable, "unsigned", "Not signed", "", "The callback came without a signature. Send it again with one.")
	case errors.Is(err, messaging.ErrNotRelayed):
		return problem(http.StatusBadGateway, "not_relayed", "Not relayed", "", "What the callback tells was recorded. The application that it was to be relayed to did not take it.")
	case errors.As(err, &malformed):
		return problem(http.StatusBadRequest, "malformed_callback", "Callback malformed", "", malformed.Why+".")
	}
	return err
}

// refusal is the problem of a question that does not go out.
func refusal(w http.ResponseWriter, e *optin.RefusedError) *Problem {
	status := http.StatusUnprocessableEntity
	switch e.Code {
	case optin.CodeOptedOut, optin.CodeListed, optin.CodeStands:
		status = http.StatusConflict
	case optin.CodeBudget, optin.CodeTooSoon, optin.CodeResends, optin.CodeBreaker, optin.CodeLocked:
		status = http.StatusTooManyRequests
	}
	if e.RetryAfter > 0 && w != nil {
		w.Header().Set("Retry-After", wholeSeconds(e.RetryAfter))
	}
	return problem(status, e.Code, "Not sent", "", e.Reason)
}
