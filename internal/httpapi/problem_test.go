package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/suppression"
)

func TestEachErrorOfACapabilityHasItsProblem(t *testing.T) {
	a := &API{Config: Config{Log: slog.New(slog.DiscardHandler)}}
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{access.ErrUnknownKey, http.StatusUnauthorized, "unauthenticated"},
		{access.ErrUnproven, http.StatusServiceUnavailable, "stale_node"},
		{&access.DeniedError{Role: access.Viewer, Permission: access.RecordConsent}, http.StatusForbidden, "forbidden"},
		{&act.InvalidError{Code: act.CodeUnknownBrand, Field: "brand", Reason: "x"}, 422, act.CodeUnknownBrand},
		{&act.InvalidError{Code: act.CodeEventReused, Field: "event_id", Reason: "x"}, http.StatusConflict, act.CodeEventReused},
		{&catalog.InvalidError{Field: "id", Reason: "x"}, 422, act.CodeInvalidField},
		{&suppression.InvalidError{Field: "id", Reason: "x"}, 422, act.CodeInvalidField},
		{&access.InvalidError{Field: "role", Reason: "x"}, 422, act.CodeInvalidField},
		{&phone.InvalidError{Reason: phone.ReasonTooShort}, 422, act.CodeInvalidNumber},
		{&http.MaxBytesError{Limit: 1}, http.StatusRequestEntityTooLarge, "body_too_large"},
		{catalog.ErrNotFound, http.StatusNotFound, "not_found"},
		{suppression.ErrExists, http.StatusConflict, "exists"},
		{ledger.ErrKeyReused, 422, act.CodeKeyReused},
		{ledger.ErrChanged, http.StatusConflict, "changed_meanwhile"},
		{ledger.ErrClosed, http.StatusServiceUnavailable, "stopping"},
		{&ledger.ForkedError{Seq: 7}, http.StatusServiceUnavailable, "log_forked"},
		{&ledger.MovedError{}, http.StatusServiceUnavailable, "moved"},
		{&ledger.UnconfirmedError{Err: ledger.ErrUnavailable}, http.StatusServiceUnavailable, "outcome_unknown"},
		{ledger.ErrFull, http.StatusInsufficientStorage, "storage_full"},
		{ledger.ErrFailing, http.StatusServiceUnavailable, "storage_failing"},
		{ledger.ErrUnavailable, http.StatusServiceUnavailable, "database_unavailable"},
		{errors.New("disk on fire"), http.StatusInternalServerError, "internal"},
	} {
		p := a.problemOf(context.Background(), fmt.Errorf("while it was done: %w", c.err))
		if p.Status != c.status || p.Code != c.code || strings.Contains(p.Detail, "fire") {
			t.Errorf("%v: got %d %s (%s), want %d %s", c.err, p.Status, p.Code, p.Detail, c.status, c.code)
		}
	}
}

func TestWhatCouldBeANumberIsHidden(t *testing.T) {
	for in, want := range map[string]string{
		"no digits":                       "no digits",
		`brand "+12025550123" is unknown`: `brand "+###########" is unknown`,
		"call (202) 555 0123 now":         "call (############# now",
		"at 2026-03-01T14:03:00Z":         "at 2026-03-01T14:03:00Z",
		"has 10001 items, at most 10000":  "has 10001 items, at most 10000",
		"447700900123":                    "############",
	} {
		if got := hideNumbers(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
