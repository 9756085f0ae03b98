package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/rulebook"
)

// maxQuestion bounds the body of one question; an honest one has two hundred bytes.
const maxQuestion = 16 << 10

// postCheck answers one question. It is the call that comes before every message, so it decodes and encodes by hand.
func (a *API) postCheck(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
	began := a.Now()
	if !bareJSON(r) {
		if _, err := mediaType(r, typeJSON); err != nil {
			return err
		}
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	if err := s.read(r, maxQuestion); err != nil {
		return err
	}
	var req check.Request
	if err := check.DecodeQuestion(s.in, &req); err != nil {
		return questionProblem(err, len(s.in))
	}
	var n answered
	if err := a.judgeOrReserve(r.Context(), caller, &req, &n); err != nil {
		return err
	}
	var err error
	if s.out, err = a.appendVerdict(s.out[:0], &req, &n); err != nil {
		return err
	}
	if req.Receipt {
		if s.out, err = a.appendReceipt(r.Context(), s.out, caller, &req, &n); err != nil {
			return err
		}
	}
	s.out = append(s.out, '\n')
	a.Metrics.CheckTook(a.Now().Sub(began))
	a.writeJSON(w, r, s.out)
	return nil
}

func (a *API) judgeOrReserve(ctx context.Context, caller *access.Caller, req *check.Request, n *answered) error {
	if req.Reserve {
		return a.reserve(ctx, caller, req, n)
	}
	return a.judge(ctx, caller, req, newPatience(revisionPatience), n)
}

// bareJSON recognises the one spelling of the headers that nearly every caller sends.
func bareJSON(r *http.Request) bool {
	t := r.Header["Content-Type"]
	return len(t) == 1 && t[0] == typeJSON && r.Header["Content-Encoding"] == nil
}

// read reads a body of limited size into s.in.
func (s *scratch) read(r *http.Request, limit int) error {
	s.in = s.in[:0]
	for {
		if len(s.in) > limit {
			return &http.MaxBytesError{Limit: int64(limit)}
		}
		if cap(s.in)-len(s.in) < 512 {
			s.in = append(make([]byte, 0, 2*cap(s.in)), s.in...)
		}
		n, err := r.Body.Read(s.in[len(s.in):cap(s.in)])
		s.in = s.in[:len(s.in)+n]
		switch {
		case errors.Is(err, io.EOF) && len(s.in) <= limit:
			return nil
		case err != nil && !errors.Is(err, io.EOF):
			return bodyFault(err, "Send the question again.")
		}
	}
}

// judge answers a question by the index or, about the past, by the ledger. What is wrong with the question is an error:
// a mistyped word must be seen, not taken for a no.
func (a *API) judge(ctx context.Context, caller *access.Caller, req *check.Request, p *patience, n *answered) (err error) {
	*n = answered{}
	if n.question, err = a.question(ctx, caller, req, p); err != nil {
		return err
	}
	if m, past := a.past(req); past {
		err = a.judgePast(ctx, n, m)
	} else {
		n.verdict = a.Index.Check(n.question)
	}
	if err != nil {
		return err
	}
	if p := undefined(&n.verdict); p != nil {
		return p
	}
	a.Metrics.Checked(n.verdict.Outcome, n.verdict.Code())
	return nil
}

// question puts a request into the words of the index, once the caller may ask and the node has seen what they have.
func (a *API) question(ctx context.Context, caller *access.Caller, req *check.Request, p *patience) (q check.Question, err error) {
	n, ok := phone.ParseE164(req.Number)
	if !ok {
		if n, err = phone.Parse(string(req.Number), ""); err != nil {
			return q, err
		}
	}
	if len(caller.Brands) > 0 {
		if err := a.authorize(ctx, caller, access.Check, consent.BrandID(req.Brand)); err != nil {
			return q, err
		}
	}
	if req.MinRevision > 0 {
		if err := a.awaitRevision(ctx, req.MinRevision, p); err != nil {
			return q, err
		}
		if err := a.Gate.InForce(caller); err != nil {
			return q, err
		}
	}
	q = check.Question{Number: n, Brand: req.Brand, Purpose: req.Purpose, Channel: req.Channel, At: req.At}
	if len(req.About) > 0 {
		told, err := about(req)
		if err != nil {
			return q, err
		}
		if q.About, err = a.known(told, string(req.Brand)); err != nil {
			return q, err
		}
	}
	return q, nil
}

// undefined returns the problem of a question whose brand or purpose nobody defined.
func undefined(v *check.Verdict) *Problem {
	for _, r := range v.Reasons() {
		switch r.Code {
		case check.UnknownBrand:
			return unknownWord(act.CodeUnknownBrand, "brand", r.Code)
		case check.UnknownPurpose:
			return unknownWord(act.CodeUnknownPurpose, "purpose", r.Code)
		}
	}
	return nil
}

func unknownWord(code, field string, c check.Code) *Problem {
	return problem(http.StatusUnprocessableEntity, code, "Not defined", field, c.Text()+" "+c.Remedy())
}

// past reports whether a question can only be answered by the ledger, and for which moment.
func (a *API) past(req *check.Request) (ledger.Moment, bool) {
	if req.At.IsZero() && req.KnownAt.IsZero() {
		return ledger.Moment{}, false
	}
	now := a.Now()
	m := ledger.Moment{At: req.At, KnownAt: req.KnownAt}
	return m, !m.At.IsZero() && m.At.Before(now) || !m.KnownAt.IsZero() && m.KnownAt.Before(now)
}

// judgePast folds the record anew as it stood, and passes it through the gates. The revision was applied before the
// ledger was read, so every entry up to it has taken part.
func (a *API) judgePast(ctx context.Context, n *answered, m ledger.Moment) (err error) {
	q := n.question
	scope := consent.Scope{Brand: consent.BrandID(q.Brand), Purpose: consent.PurposeID(q.Purpose), Channel: q.Channel}
	if n.past, err = a.rulesOf(ctx, q.Number, m); err != nil {
		return err
	}
	var rules check.Rules
	if n.past != nil {
		rules = n.past
	}
	n.history = true
	for {
		revision := a.Index.Revision()
		record, err := a.Ledger.RecordAt(ctx, q.Number, scope, m)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
		if record.Entry > revision { // committed, and about to be applied
			if err := a.Index.WaitFor(ctx, record.Entry); err != nil {
				return err
			}
			continue
		}
		n.verdict = a.Index.CheckRecord(q, check.StateOf(record), record.Version > 0, rules)
		n.verdict.Revision = revision
		return nil
	}
}

// rulesOf returns the rules of a moment, with the contacts that had been made by then; nil without rules.
func (a *API) rulesOf(ctx context.Context, n phone.Number, m ledger.Moment) (*rulebook.Past, error) {
	if a.Rules == nil {
		return nil, nil
	}
	contacts, err := a.Attempts.Past(ctx, n, m.KnownAt)
	if err != nil {
		return nil, err
	}
	changed, err := a.Ledger.RuleChanges(ctx)
	if err != nil {
		return nil, err
	}
	return a.Rules.AsOf(changed, m.KnownAt, contacts)
}

// patience is how long the questions of one call may wait together.
type patience struct {
	left time.Duration
}

func newPatience(d time.Duration) *patience { return &patience{left: d} }

// awaitRevision waits until the index has applied an entry that the caller knows of.
func (a *API) awaitRevision(ctx context.Context, seq uint64, p *patience) error {
	if a.Index.Revision() >= seq {
		return nil
	}
	if p.left > 0 {
		began := time.Now() //nolint:forbidigo // how long a caller waits is no fact of the ledger
		waiting, cancel := context.WithTimeout(ctx, p.left)
		defer cancel()
		err := a.Index.WaitFor(waiting, seq)
		p.left -= time.Since(began)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return problem(http.StatusPreconditionFailed, "stale_replica", "This node has not seen that revision", "min_revision",
		fmt.Sprintf("The node is at revision %d. Ask again, or ask another node.", a.Index.Revision()))
}

// questionProblem says what is wrong with the text of a question, which has a size in bytes.
func questionProblem(err error, size int) error {
	var flaw *check.DecodeError
	if !errors.As(err, &flaw) {
		return err
	}
	switch flaw.Reason {
	case check.FlawUnknown:
		return unprocessable("unknown_field", flaw.Field, flaw.Reason+": leave it out, or correct its name")
	case check.FlawTwice:
		return unprocessable("duplicate_field", flaw.Field, flaw.Reason+": send it once")
	case check.FlawMissing:
		return unprocessable(act.CodeMissingField, flaw.Field, flaw.Reason)
	}
	if flaw.Field == "" || flaw.Offset >= size || flaw.Reason == "want a colon" {
		return problem(http.StatusBadRequest, "invalid_json", "Not JSON", "", fmt.Sprintf("The question cannot be read at byte %d: %s.", flaw.Offset, flaw.Reason))
	}
	return unprocessable(act.CodeInvalidField, flaw.Field, flaw.Reason)
}

// appendProblem appends a problem as a member's value.
func appendProblem(dst []byte, p *Problem) []byte {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // a Problem holds only texts and a number
	}
	return append(dst, body...)
}

// appendName appends a caller's name for a question as a JSON string. What the decoder took is valid UTF-8.
func appendName(dst, name []byte) []byte {
	if plain(name) {
		return append(append(append(dst, '"'), name...), '"')
	}
	var quoted bytes.Buffer
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	if err := e.Encode(string(name)); err != nil {
		panic(err) // every string can be encoded
	}
	return append(dst, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
}

func plain(name []byte) bool {
	for _, c := range name {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
