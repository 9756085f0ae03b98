package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// rehearsal records nothing: it asks what stands, and says what would become of each act.
type rehearsal struct{ client *client }

func (in rehearsal) take(ctx context.Context, reports []act.Report) ([]outcome, error) {
	out := make([]outcome, len(reports))
	var questions []scopeQuestion
	var asked []int
	for i := range reports {
		p := &reports[i]
		out[i] = outcome{act: p.Act, Status: statusRecorded}
		number, err := phone.Parse(p.Number, p.Region)
		if err != nil {
			out[i].Status, out[i].Code, out[i].Field, out[i].Text = statusRejected, act.CodeInvalidNumber, "number", err.Error()
			continue
		}
		scope := consent.Scope{Brand: p.Brand, Purpose: p.Purpose, Channel: p.Channel}
		if scope.Concrete() {
			questions = append(questions, scopeQuestion{number.String(), string(p.Brand), string(p.Purpose), p.Channel.String()})
			asked = append(asked, i)
		}
	}
	answers, err := in.ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	for n, i := range asked {
		answers[n].judge(&reports[i], &out[i])
		if out[i].Status != statusConflict || reports[i].EffectiveAt.IsZero() {
			continue
		}
		if err := in.date(ctx, questions[n], &reports[i], &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (in rehearsal) ask(ctx context.Context, questions []scopeQuestion) ([]rehearsed, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	var answer struct {
		Items []rehearsed `json:"items"`
	}
	if _, err := in.client.call(ctx, http.MethodPost, "/v1/checks/batch", map[string]any{"items": questions}, &answer); err != nil {
		return nil, err
	}
	if len(answer.Items) != len(questions) {
		return nil, fmt.Errorf("%s %w: to %d questions it gave %d verdicts", in.client.where, errOddAnswer, len(questions), len(answer.Items))
	}
	return answer.Items, nil
}

// scopeQuestion asks about one number in one scope.
type scopeQuestion struct {
	Number  string `json:"number"`
	Brand   string `json:"brand"`
	Purpose string `json:"purpose"`
	Channel string `json:"channel"`
}

// date tells a conflict, which is later than what stands, from an act that is older than what stands.
func (in rehearsal) date(ctx context.Context, q scopeQuestion, p *act.Report, out *outcome) error {
	var held heldSubject
	if _, err := in.client.call(ctx, http.MethodPost, "/v1/lookups", map[string]string{"number": q.Number}, &held); err != nil {
		return err
	}
	for _, r := range held.Records {
		if r.Brand != q.Brand || r.Purpose != q.Purpose || r.Channel != q.Channel {
			continue
		}
		for _, at := range []*time.Time{r.GrantedAt, r.RequestedAt, r.RestrictedAt} {
			if at != nil && at.After(p.EffectiveAt) {
				out.Status = statusSuperseded
			}
		}
	}
	return nil
}

// rehearsed is the answer to one question of a batch.
type rehearsed struct {
	verdict
	Problem *problemError `json:"problem"`
}

// judge says what would become of an act, given what stands now. It does not see the file's other rows.
func (r *rehearsed) judge(p *act.Report, out *outcome) {
	if r.Problem != nil {
		out.Status, out.Code, out.Field, out.Text = statusRejected, r.Problem.Code, r.Problem.Field, r.Problem.Detail
		return
	}
	for _, reason := range r.Reasons {
		switch reason.Code {
		case act.CodeUnknownBrand, act.CodeUnknownPurpose:
			out.Status, out.Code, out.Text = statusRejected, reason.Code, reason.Text
			return
		}
	}
	held := r.Record
	if !p.Act.Grants() || held == nil || held.Status == consent.None.String() || held.Status == consent.StatusGranted.String() {
		return
	}
	personal := consent.Act{Source: p.Source, Via: p.Via, Dated: !p.EffectiveAt.IsZero(), Evidence: p.Evidence}.Personal()
	if !personal {
		out.Status = statusConflict
	}
}
