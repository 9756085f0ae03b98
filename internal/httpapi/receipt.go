package httpapi

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/verify"
)

// appendReceipt adds to a verdict, already written, the signed statement of it.
func (a *API) appendReceipt(ctx context.Context, verdict []byte, caller *access.Caller, req *check.Request, n *answered) ([]byte, error) {
	v := &n.verdict
	st, err := a.statement(ctx, req, n)
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
	err = appendMember(&verdict, "receipt", receipt)
	return verdict, err
}

// statement is what the log's key signs. It names the subject, not the number.
func (a *API) statement(ctx context.Context, req *check.Request, n *answered) (verify.Statement, error) {
	v := &n.verdict
	st := verify.Statement{
		Question: verify.Question{
			Brand: string(req.Brand), Purpose: string(req.Purpose), Channel: req.Channel.String(),
			At: instant(req.At), KnownAt: instant(req.KnownAt), About: bytes.Clone(req.About),
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
		stateRules(&st, &v.Place)
	}
	who, err := a.Ledger.ByNumber(ctx, n.question.Number)
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
	out := verify.Rule{Rule: id, Citation: citation}
	if sources, known := a.Citations.(check.Sources); known {
		pack, version, _, verified := sources.Source(r)
		out.Pack, out.PackVersion, out.Verified = pack, version, &verified
	}
	return out
}

// stateRules adds where the person was taken to be, and by which packs.
func stateRules(st *verify.Statement, p *check.Place) {
	verified := !p.Unverified
	st.Verified = &verified
	for _, one := range p.PackVersions() {
		st.Packs = append(st.Packs, verify.Pack{Pack: one.Name, Version: one.Version()})
	}
	st.Place = &verify.Place{Regions: check.Union(p.Regions), Zones: check.Union(p.Zones), Evidence: p.Evidence.Words()}
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
