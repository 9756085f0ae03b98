package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/people"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/suppression"
)

// Problem is an error as RFC 9457 has it, with a stable code, and the field to blame where there is one.
type Problem struct {
	Type   string `json:"type" doc:"A URI that names the kind of problem; it resolves to its documentation."`
	Title  string `json:"title" doc:"The kind of problem in a few words."`
	Status int    `json:"status" doc:"The HTTP status."`
	Detail string `json:"detail,omitempty" doc:"What was wrong with this request, and what would be right."`
	Code   string `json:"code" doc:"The stable code by which programs tell problems apart."`
	Field  string `json:"field,omitempty" doc:"The field to blame."`
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus lets huma take the problem for an error of its own.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType lets huma send the problem under its own media type.
func (p *Problem) ContentType(string) string { return problemType }

const (
	problemType = "application/problem+json"
	typeBase    = "https://consentline.org/problems/"
)

// problem makes a problem whose type follows from its code.
func problem(status int, code, title, field, detail string) *Problem {
	return &Problem{Type: typeBase + code, Title: title, Status: status, Detail: detail, Code: code, Field: field}
}

// problemOf is the one table that turns errors into problems. An error that it does not know is ours, and only the log
// sees its text.
func (a *API) problemOf(ctx context.Context, err error) *Problem {
	if p := known(err); p != nil {
		if p.Status >= http.StatusInternalServerError && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "request refused", "code", p.Code, "error", err)
		}
		safe := *p
		safe.Detail = hideNumbers(p.Detail)
		return &safe
	}
	if ctx.Err() == nil {
		a.Log.ErrorContext(ctx, "request failed", "error", err)
	}
	return problem(http.StatusInternalServerError, "internal", "The server failed", "", "The request failed on our side and can be sent again with the same Idempotency-Key.")
}

func known(err error) *Problem {
	var (
		p          *Problem
		denied     *access.DeniedError
		invalid    *act.InvalidError
		definition *catalog.InvalidError
		list       *suppression.InvalidError
		key        *access.InvalidError
		number     *phone.InvalidError
		question   *check.DecodeError
		tooLarge   *http.MaxBytesError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, access.ErrUnknownKey):
		return problem(http.StatusUnauthorized, "unauthenticated", "No valid key", "Authorization", "Send Authorization: Bearer with a key that is in force.")
	case errors.Is(err, access.ErrUnproven):
		return problem(http.StatusServiceUnavailable, "stale_node", "This node has lost touch", "", "It cannot prove that the key is still in force, and takes only checks, which it answers stale, and acts that restrict. Ask another node, or again in a moment.")
	case errors.As(err, &denied):
		return problem(http.StatusForbidden, "forbidden", "Not allowed for this key", "", denied.Error())
	case errors.As(err, &invalid):
		return problem(statusOf(invalid.Code), invalid.Code, "Not recorded", invalid.Field, invalid.Reason)
	case errors.As(err, &definition):
		return problem(http.StatusUnprocessableEntity, act.CodeInvalidField, "Not defined", definition.Field, definition.Reason)
	case errors.As(err, &list):
		return problem(http.StatusUnprocessableEntity, act.CodeInvalidField, "Not defined", list.Field, list.Reason)
	case errors.As(err, &key):
		return problem(http.StatusUnprocessableEntity, act.CodeInvalidField, "Not defined", key.Field, key.Reason)
	case errors.As(err, &number):
		return problem(http.StatusUnprocessableEntity, act.CodeInvalidNumber, "Not a phone number", "number", number.Error())
	case errors.As(err, &question):
		return problem(http.StatusUnprocessableEntity, act.CodeInvalidField, "Not a question", question.Field, question.Reason)
	case errors.As(err, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, "body_too_large", "Body too large", "", "Send fewer items at once, or stream them as application/x-ndjson.")
	case errors.Is(err, catalog.ErrNotFound), errors.Is(err, suppression.ErrNotFound), errors.Is(err, access.ErrNotFound), errors.Is(err, ledger.ErrNotFound):
		return problem(http.StatusNotFound, "not_found", "Not found", "", err.Error())
	case errors.Is(err, catalog.ErrExists), errors.Is(err, suppression.ErrExists):
		return problem(http.StatusConflict, "exists", "Exists already", "id", err.Error())
	case errors.Is(err, ledger.ErrKeyReused):
		return problem(statusOf(act.CodeKeyReused), act.CodeKeyReused, "Idempotency key used before", "Idempotency-Key", "was used before with other content: use a new key for a new request")
	case errors.Is(err, access.ErrExists):
		return problem(http.StatusConflict, "exists", "Exists already", "login", err.Error())
	case errors.Is(err, people.ErrDisabled):
		return problem(http.StatusConflict, "person_disabled", "Disabled", "", err.Error())
	case errors.Is(err, people.ErrElsewhere):
		return problem(http.StatusConflict, "signs_in_elsewhere", "Signs in elsewhere", "", err.Error())
	case errors.Is(err, access.ErrLastAdmin):
		return problem(http.StatusConflict, "last_admin_key", "Last admin", "", err.Error())
	case errors.Is(err, ledger.ErrChanged):
		return problem(http.StatusConflict, "changed_meanwhile", "Changed meanwhile", "", err.Error())
	case errors.Is(err, ledger.ErrClosed):
		return problem(http.StatusServiceUnavailable, "stopping", "The server is stopping", "", "Send the request again, to another node or in a moment.")
	}
	if p := ofDestinations(err); p != nil {
		return p
	}
	return ofStorage(err)
}

// ofStorage returns the problem of an error that is neither the request's nor the program's, but the storage's.
func ofStorage(err error) *Problem {
	var forked *ledger.ForkedError
	var unconfirmed *ledger.UnconfirmedError
	var moved *ledger.MovedError
	switch {
	case errors.As(err, &moved):
		return problem(http.StatusServiceUnavailable, "moved", "The ledger is being moved", "", "Nothing was recorded here. Send the request with the same Idempotency-Key to where the ledger goes on.")
	case errors.As(err, &forked):
		return problem(http.StatusServiceUnavailable, "log_forked", "The database is not the one this node followed", "", "Nothing was recorded here. Send the request to another node; the operator must look at this one.")
	case errors.As(err, &unconfirmed):
		return problem(http.StatusServiceUnavailable, "outcome_unknown", "Perhaps recorded", "", "The connection to the database was lost while it committed. Send the request again with the same Idempotency-Key: it is recorded once.")
	case errors.Is(err, ledger.ErrFull):
		return problem(http.StatusInsufficientStorage, "storage_full", "The storage is full", "", "Nothing was recorded. Send the request again with the same Idempotency-Key once there is room; checks are answered meanwhile.")
	case errors.Is(err, ledger.ErrFailing):
		return problem(http.StatusServiceUnavailable, "storage_failing", "The storage fails", "", "Nothing is known to have been recorded. Send the request again with the same Idempotency-Key; the operator must look at the disk.")
	case errors.Is(err, ledger.ErrUnavailable):
		return problem(http.StatusServiceUnavailable, "database_unavailable", "The database is not available", "", "Nothing was recorded. Send the request again with the same Idempotency-Key in a moment.")
	}
	return nil
}

func statusOf(code string) int {
	switch code {
	case act.CodeKeyReused:
		return http.StatusUnprocessableEntity // draft-ietf-httpapi-idempotency-key-header, section 2.7
	case act.CodeEventReused:
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

func (a *API) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := a.problemOf(r.Context(), err)
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // a Problem holds only texts and a number
	}
	w.Header().Set("Content-Type", problemType)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="consentline"`)
	}
	w.WriteHeader(p.Status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		a.Log.DebugContext(r.Context(), "the caller left before the problem was told", "error", err)
	}
}
