package httpapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/verify"
)

// appendReceipt adds to a verdict, already written, the signed statement of it.
func (a *API) appendReceipt(ctx context.Context, verdict []byte, caller *access.Caller, req *check.Request, n phone.Number, v *check.Verdict) ([]byte, error) {
	st, err := a.statement(ctx, req, n, v)
	if err != nil {
		return nil, err
	}
	seq := uint64(0)
	if v.Recorded {
		seq = v.Record.Seq
	}
	if err := a.awaitIntegration(ctx, seq); err != nil {
		return nil, err
	}
	opening, err := a.opening(ctx, caller, seq)
	if err != nil {
		return nil, err
	}
	receipt, err := a.Tree.Receipt(ctx, st, seq, opening)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(receipt)
	if err != nil {
		return nil, fmt.Errorf("encode a receipt: %w", err)
	}
	verdict = append(verdict[:len(verdict)-1], `,"receipt":`...)
	return append(append(verdict, body...), '}'), nil
}

// statement is what the log's key signs. It names the subject, not the number.
func (a *API) statement(ctx context.Context, req *check.Request, n phone.Number, v *check.Verdict) (verify.Statement, error) {
	st := verify.Statement{
		Question: verify.Question{
			Brand: string(req.Brand), Purpose: string(req.Purpose), Channel: req.Channel.String(),
			At: instant(req.At), KnownAt: instant(req.KnownAt),
		},
		Verdict: v.Outcome.String(), ReasonsOmitted: v.Omitted, CheckedAt: v.CheckedAt.UTC(),
		NextAllowedAt: instant(v.NextAllowedAt), ChangesAt: instant(v.ChangesAt),
		Revision: v.Revision, UseWithinMS: v.UseWithin.Milliseconds(),
	}
	for _, r := range v.Reasons() {
		reason := verify.Reason{Code: r.Code.String(), Text: r.Code.Text(), Entry: r.Entry, Rule: a.cited(r.Rule)}
		if r.List != nil {
			reason.List = r.List.ID
		}
		st.Reasons = append(st.Reasons, reason)
	}
	for _, rule := range v.Obligations() {
		st.Obligations = append(st.Obligations, a.cited(rule))
	}
	if v.Place.Judged {
		verified := !v.Place.Unverified
		st.Verified = &verified
		for _, p := range v.Place.PackVersions() {
			st.Packs = append(st.Packs, verify.Pack{Pack: p.Name, Version: p.Version()})
		}
	}
	who, err := a.Ledger.ByNumber(ctx, n)
	if errors.Is(err, ledger.ErrNotFound) {
		return st, nil
	}
	st.Question.Subject = hex.EncodeToString(who.ID[:])
	return st, err
}

func (a *API) cited(r check.RuleIndex) verify.Rule {
	if r == 0 || a.Citations == nil {
		return verify.Rule{}
	}
	id, citation := a.Citations.Rule(r)
	return verify.Rule{Rule: id, Citation: citation}
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// awaitIntegration waits until a checkpoint covers an entry; entry 0 is none.
func (a *API) awaitIntegration(ctx context.Context, seq uint64) error {
	if seq == 0 {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, integrationPatience)
	defer cancel()
	err := a.Tree.WaitIntegrated(waiting, seq)
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return problem(http.StatusServiceUnavailable, "not_integrated", "Not in the log yet", "",
		fmt.Sprintf("No checkpoint of the log covers entry %d yet. Ask again in a moment.", seq))
}

// opening is what an entry says, for those who may read it; nil for others, and for what was erased.
func (a *API) opening(ctx context.Context, caller *access.Caller, seq uint64) (*verify.Opening, error) {
	if seq == 0 || !caller.Can(access.ReadEntries) {
		return nil, nil
	}
	e, err := a.Ledger.Entry(ctx, seq)
	if err != nil || e.Erased || !sees(caller, &e) {
		return nil, err
	}
	return &verify.Opening{Salt: e.Body.Salt, Body: e.Raw}, nil
}
