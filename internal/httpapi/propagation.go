package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// PropagationReport tells how long it took acts that restrict to reach each destination.
type PropagationReport struct {
	Since ledger.Time   `json:"since" doc:"The moment from which acts were recorded that are told of."`
	Items []Propagation `json:"items" doc:"One for each destination, by id."`
}

// Propagation is how acts that restrict reached one destination.
type Propagation struct {
	Destination  string       `json:"destination" doc:"The destination's id." example:"crm-hook"`
	Acknowledged int          `json:"acknowledged" doc:"Acts that it has acknowledged in every scope that it is told of."`
	Waiting      int          `json:"waiting" doc:"Acts that it was told of and has not acknowledged, those it refused among them."`
	Overdue      int          `json:"overdue" doc:"Of these, acts that wait for longer than alert_seconds."`
	P50          float64      `json:"p50_seconds" doc:"Half of the acknowledgements took no longer, to 1.6 %."`
	P99          float64      `json:"p99_seconds" doc:"99 of 100 acknowledgements took no longer, to 1.6 %."`
	Max          float64      `json:"max_seconds" doc:"The longest acknowledgement."`
	Behind       uint64       `json:"behind" doc:"Entries that it has not come to yet; what they restrict is in no count."`
	Oldest       *ledger.Time `json:"oldest_unacknowledged,omitempty" doc:"When the earliest act that restricts and that it owes was recorded; absent: it owes none."`
	Slowest      []Propagated `json:"slowest" doc:"The acts that took or take longest, those that still wait first."`
}

// Propagated is one act that restricts and what became of it at one destination.
type Propagated struct {
	Seq        uint64            `json:"seq" doc:"The act's entry."`
	Subject    string            `json:"subject,omitempty" doc:"Whom it is about; absent: a person who was erased."`
	Brand      consent.BrandID   `json:"brand,omitempty"`
	Purpose    consent.PurposeID `json:"purpose,omitempty"`
	Channel    askedChannel      `json:"channel,omitempty"`
	RecordedAt ledger.Time       `json:"recorded_at" doc:"When it was recorded here."`
	AckedAt    *ledger.Time      `json:"acknowledged_at,omitempty" doc:"When the destination acknowledged it; absent: not yet."`
	Seconds    float64           `json:"seconds" doc:"How long that took, or has taken by now."`
	Deadline   *ledger.Time      `json:"deadline,omitempty" doc:"Until when the rules that hold for the number want the opt-out obeyed; absent: no rule says."`
	Rule       string            `json:"rule,omitempty" doc:"The rule that sets the deadline." example:"us.opt_out"`
	Margin     *float64          `json:"margin_seconds,omitempty" doc:"From the acknowledgement, or from now, to the deadline; negative: it was missed."`
}

func propagatedOf(r *sync.Restriction, now time.Time) Propagated {
	out := Propagated{
		Seq: r.Seq, RecordedAt: ledger.Time(r.RecordedAt), AckedAt: timeOrNone(r.AckedAt), Seconds: r.Took(now).Seconds(),
		Deadline: timeOrNone(r.Deadline.At), Rule: r.Deadline.Rule,
	}
	if r.Subject != (ledger.SubjectID{}) {
		out.Subject = hex.EncodeToString(r.Subject[:])
		out.Brand, out.Purpose, out.Channel = r.Scope.Brand, r.Scope.Purpose, askedChannel(r.Scope.Channel.String())
	}
	if !r.Deadline.At.IsZero() {
		margin := r.Deadline.At.Sub(r.RecordedAt.Add(r.Took(now))).Seconds()
		out.Margin = &margin
	}
	return out
}

// reported is how far back a report looks that names no moment.
const reported = 30 * 24 * time.Hour

func (s *steps) propagationRoutes() {
	serve(s.API, operation{
		id: "readPropagation", tag: tagDestinations, method: http.MethodGet, path: "/v1/propagation", permission: access.ReadDestinations,
		summary: "Tell how fast restrictions reach destinations",
		description: "Tells of each destination how long acknowledgements of withdrawals and other acts that restrict took, which are overdue, and how the slowest " +
			"stand to the deadline that the law of their numbers sets.",
		params: []*huma.Param{
			queryParam("since", "Tell of acts that were recorded from this moment on; absent: 30 days ago.", &huma.Schema{Type: huma.TypeString, Format: "date-time"}),
			queryParam("destination", "Tell of this destination alone.", &huma.Schema{Type: huma.TypeString}),
		},
		errors: []int{http.StatusNotFound},
		answer: PropagationReport{Items: []Propagation{{Destination: "crm-hook", Acknowledged: 1204, P50: 0.21, P99: 1.9, Max: 4.2, Slowest: []Propagated{}}}},
	}, s.readPropagation)
}

func (s *steps) readPropagation(ctx context.Context, c call, _ *none) (out reply[PropagationReport], err error) {
	now := s.API.Now()
	since := now.Add(-reported)
	if text := c.query("since"); text != "" {
		if since, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return out, unprocessable(act.CodeInvalidField, "since", "want a time in RFC 3339, such as 2026-03-01T14:03:00Z")
		}
	}
	found, err := s.Propagation(ctx, since, c.query("destination"))
	if err != nil {
		return out, err
	}
	out.body = PropagationReport{Since: ledger.Time(since), Items: []Propagation{}}
	for i := range found {
		p := &found[i]
		item := Propagation{
			Destination: p.Destination.ID, Acknowledged: p.Acknowledged, Waiting: p.Waiting, Overdue: p.Overdue, P50: p.P50.Seconds(), P99: p.P99.Seconds(),
			Max: p.Max.Seconds(), Behind: p.Behind, Oldest: timeOrNone(p.Oldest), Slowest: []Propagated{},
		}
		for j := range p.Slowest {
			item.Slowest = append(item.Slowest, propagatedOf(&p.Slowest[j], now))
		}
		out.body.Items = append(out.body.Items, item)
	}
	return out, nil
}
