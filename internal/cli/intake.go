package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/server"
)

// outcome is what became of one act, in the words of POST /v1/consents/batch.
type outcome struct {
	Status string // recorded, duplicate, conflict, superseded or rejected
	Code   string // of a rejection, with the field and what is wrong with it
	Field  string
	Text   string

	act consent.Kind
}

const (
	statusRecorded   = "recorded"
	statusDuplicate  = "duplicate"
	statusConflict   = "conflict"
	statusSuperseded = "superseded"
	statusRejected   = "rejected"
)

// intake takes acts in, as an import, and returns what became of each. It must be safe for several callers at once. An
// error means that it is unknown what became of any; to take them in again does no harm, since each has an event id.
type intake interface {
	take(ctx context.Context, reports []act.Report) ([]outcome, error)
}

func (c *connection) intake(dry bool) intake {
	switch {
	case dry:
		return rehearsal{c.client}
	case c.server != nil:
		return ownIntake{c.server}
	}
	return remoteIntake{c.client}
}

// ownIntake records in this process: what POST /v1/consents/batch does, without writing and reading JSON.
type ownIntake struct{ server *server.Server }

func (in ownIntake) take(ctx context.Context, reports []act.Report) ([]outcome, error) {
	results, err := in.server.Recorder.Record(ctx, access.Local, reports)
	if err != nil {
		return nil, err
	}
	out := make([]outcome, len(results))
	for i, r := range results {
		out[i] = outcome{act: reports[i].Act, Status: statusRecorded}
		var invalid *act.InvalidError
		switch {
		case errors.As(r.Err, &invalid):
			out[i].Status, out[i].Code, out[i].Field, out[i].Text = statusRejected, invalid.Code, invalid.Field, invalid.Reason
		case r.Err != nil:
			return nil, r.Err
		case r.Outcome == ledger.Duplicate:
			out[i].Status = statusDuplicate
		case r.Outcome == ledger.Conflicting:
			out[i].Status = statusConflict
		case r.Outcome == ledger.Superseded:
			out[i].Status = statusSuperseded
		}
	}
	return out, nil
}

// wireAct is an act as POST /v1/consents takes it.
type wireAct struct {
	Number        string `json:"number"`
	Region        string `json:"region,omitempty"`
	Brand         string `json:"brand,omitempty"`
	Purpose       string `json:"purpose"`
	Channel       string `json:"channel"`
	Act           string `json:"act"`
	Level         string `json:"level,omitempty"`
	Confirmed     bool   `json:"confirmed,omitempty"`
	Source        string `json:"source,omitempty"`
	Method        string `json:"method,omitempty"`
	EffectiveAt   string `json:"effective_at,omitempty"`
	ValidUntil    string `json:"valid_until,omitempty"`
	ReviewAt      string `json:"review_at,omitempty"`
	Disclosure    string `json:"disclosure,omitempty"`
	Text          string `json:"text,omitempty"`
	Language      string `json:"language,omitempty"`
	Evidence      string `json:"evidence,omitempty"`
	Actor         string `json:"actor,omitempty"`
	EventID       string `json:"event_id,omitempty"`
	CorrelationID string `json:"correlation_id,omitempty"`
}

func wireOf(p *act.Report) wireAct {
	w := wireAct{
		Number: p.Number, Region: p.Region, Brand: string(p.Brand), Purpose: string(p.Purpose), Channel: p.Channel.String(),
		Act: p.Act.String(), Level: p.Level.String(), Confirmed: p.Confirmed, Method: p.Method,
		EffectiveAt: wireTime(p.EffectiveAt), ValidUntil: wireTime(p.ValidUntil), ReviewAt: wireTime(p.ReviewAt),
		Disclosure: p.Disclosure, Text: p.Text, Language: p.Language, Evidence: p.Evidence, Actor: p.Actor, EventID: p.EventID,
	}
	if p.Source != consent.NoSource {
		w.Source = p.Source.String()
	}
	return w
}

func wireTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ledger.FormatTime(t)
}

// remoteIntake records through the interface.
type remoteIntake struct{ client *client }

// The same acts are sent again a few times when it is unknown whether they arrived: their event ids make that harmless.
const (
	sendings = 5
	patience = 500 * time.Millisecond // before the second sending; twice as long before each next
)

func (in remoteIntake) take(ctx context.Context, reports []act.Report) (out []outcome, err error) {
	pause := patience
	for n := 1; ; n++ {
		out, err = in.send(ctx, reports)
		if err == nil || n == sendings || ctx.Err() != nil || final(err) {
			return out, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
		pause *= 2
	}
}

// errOddAnswer says that the server does not speak as it should.
var errOddAnswer = errors.New("answered out of turn")

// final reports whether sending again would change nothing.
func final(err error) bool {
	var refused *problemError
	return errors.Is(err, errOddAnswer) || errors.As(err, &refused) && refused.Status < 500
}

func (in remoteIntake) send(ctx context.Context, reports []act.Report) ([]outcome, error) {
	var body struct {
		Items []wireAct `json:"items"`
	}
	body.Items = make([]wireAct, len(reports))
	for i := range reports {
		body.Items[i] = wireOf(&reports[i]) // without correlation ids: the answer has the order of the items
	}
	var answer struct {
		Items []struct {
			Status  string        `json:"status"`
			Problem *problemError `json:"problem"`
		} `json:"items"`
	}
	if _, err := in.client.call(ctx, http.MethodPost, "/v1/consents/batch?via=import", body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Items) != len(reports) {
		return nil, fmt.Errorf("%s %w: to %d acts it gave %d outcomes", in.client.where, errOddAnswer, len(reports), len(answer.Items))
	}
	out := make([]outcome, len(reports))
	for i, item := range answer.Items {
		out[i] = outcome{act: reports[i].Act, Status: item.Status}
		if p := item.Problem; p != nil {
			out[i].Code, out[i].Field, out[i].Text = p.Code, p.Field, p.Detail
		}
	}
	return out, nil
}
