package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/reconcile"
	"github.com/consentline/consentline/internal/transfer"
)

// Reconciliation is what came of holding a destination's list against the ledger.
type Reconciliation struct {
	Destination string               `json:"destination" doc:"The destination's id." example:"crm-hook"`
	BeganAt     ledger.Time          `json:"began_at" doc:"When it began."`
	EndedAt     ledger.Time          `json:"ended_at" doc:"When it had ended."`
	By          string               `json:"by" doc:"Who asked for it; schedule: it was due."`
	AsOf        ledger.Time          `json:"as_of" doc:"The moment whose truth the list is."`
	Rows        int64                `json:"rows" doc:"Rows of the list."`
	Counts      ReconciliationCounts `json:"counts" doc:"How they stand."`
	InStep      bool                 `json:"in_step" doc:"Whether nobody is treated otherwise there than here."`
	Repaired    *reconcile.Repaired  `json:"repaired,omitempty" doc:"What was mended; absent: that was not asked for."`
	Samples     []ReconciledSample   `json:"samples,omitempty" doc:"Some of each kind of difference, those that put people at risk first; numbers are masked."`
	Flaws       []ReconciledFlaw     `json:"malformed_rows,omitempty" doc:"The first of the rows that could not be read."`
}

// ReconciliationCounts counts rows, and records of which the list says nothing, by how they stand.
type ReconciliationCounts struct {
	YesThere    int64 `json:"yes_there_no_here" doc:"It says yes, and there is a no here, or a yes that ended: these people are at risk."`
	UnknownYes  int64 `json:"yes_there_unknown_here" doc:"It says yes, and nothing is on record here: these people, too."`
	YesHere     int64 `json:"no_there_yes_here" doc:"It says no, and there is a yes here."`
	MissingYes  int64 `json:"missing_there" doc:"There is a yes here, and it says nothing."`
	UnknownNo   int64 `json:"no_there_unknown_here" doc:"It says no, and nothing is on record here: nobody is contacted either way."`
	TooNew      int64 `json:"changed_since" doc:"They differ, and the record is newer than what the destination had been told of when the list was made."`
	Malformed   int64 `json:"malformed" doc:"Rows that cannot be read, or hold no number."`
	Unconcerned int64 `json:"not_concerned" doc:"Rows of what the destination is not told of."`
	Agreed      int64 `json:"agreed" doc:"Both sides say the same."`
}

// ReconciledSample is a number about which both sides differ.
type ReconciledSample struct {
	Difference string            `json:"difference" doc:"How they differ, by the names of the counts."`
	Number     string            `json:"number" doc:"The number, masked." example:"+1*******123"`
	Brand      consent.BrandID   `json:"brand"`
	Purpose    consent.PurposeID `json:"purpose"`
	Channel    askedChannel      `json:"channel"`
}

// ReconciledFlaw is a row that could not be read.
type ReconciledFlaw struct {
	Row  int64  `json:"row" doc:"The row, as a spreadsheet counts; 0: the list was no file."`
	Code string `json:"code" doc:"Why."`
}

// Reconciliations are what came of the latest ones.
type Reconciliations struct {
	Items []Reconciliation `json:"items" doc:"The latest hundred, the latest first."`
}

// headerReconciliation tells the outcome, as JSON, beside a file of differences.
const headerReconciliation = "Consentline-Reconciliation"

const samples = 5

func reconciliationOf(o *reconcile.Outcome) Reconciliation {
	count := func(k reconcile.Kind) int64 { return o.Counts[k.String()] }
	out := Reconciliation{
		Destination: o.Destination, BeganAt: ledger.Time(o.BeganAt), EndedAt: ledger.Time(o.EndedAt), By: o.By, AsOf: ledger.Time(o.AsOf), Rows: o.Rows,
		InStep: o.InStep, Repaired: o.Repaired,
		Counts: ReconciliationCounts{
			YesThere: count(reconcile.YesThere), UnknownYes: count(reconcile.UnknownYes), YesHere: count(reconcile.YesHere), MissingYes: count(reconcile.MissingYes),
			UnknownNo: count(reconcile.UnknownNo), TooNew: count(reconcile.TooNew), Malformed: count(reconcile.Malformed),
			Unconcerned: count(reconcile.Unconcerned), Agreed: count(reconcile.Agreed),
		},
	}
	if o.Report == nil {
		return out
	}
	for _, k := range reconcile.Kinds() {
		for _, d := range o.Report.Samples(k, samples) {
			out.Samples = append(out.Samples, ReconciledSample{
				k.String(), d.Number.Masked(), d.Scope.Brand, d.Scope.Purpose, askedChannel(d.Scope.Channel.String()),
			})
		}
	}
	for _, f := range o.Report.Flaws()[:min(len(o.Report.Flaws()), 20)] {
		out.Flaws = append(out.Flaws, ReconciledFlaw{f.Place, f.Code})
	}
	return out
}

// reconciling is the part of the interface that compares destinations with the ledger.
type reconciling struct {
	*API
	*reconcile.Reconciler
}

// Reconcile adds the routes of reconciliations. Call it once, before anything is served.
func (a *API) Reconcile(r *reconcile.Reconciler) {
	s := &reconciling{a, r}
	text := func(name, doc string) *huma.Param { return queryParam(name, doc, &huma.Schema{Type: huma.TypeString}) }
	example := Reconciliation{Destination: "crm-hook", By: "schedule", Rows: 1200, Counts: ReconciliationCounts{YesThere: 2, Agreed: 1198}}
	o := operation{
		id: "reconcileDestination", tag: tagDestinations, method: http.MethodPost, path: "/v1/destinations/{destination}/reconciliations", permission: access.ManageDestinations,
		summary: "Hold a destination's list against the ledger",
		description: "Compares what the destination holds with the records, number by number. The list is the body, a CSV file that was exported from it; without a body " +
			"the destination itself is asked, if its kind can be. Whoever accepts text/csv gets every difference, those that put people at risk first, and the outcome in the header " +
			headerReconciliation + ". With repair, the destination is told again whatever it holds otherwise, and a no that it holds is taken in; nothing ever turns a no into a yes here.",
		params: []*huma.Param{
			destinationParam(), reasonParam(),
			queryParam("repair", "Whether what differs is mended.", &huma.Schema{Type: huma.TypeBoolean}),
			queryParam("as_of", "The moment at which the file was exported; absent: now.", &huma.Schema{Type: huma.TypeString, Format: "date-time"}),
			text("dialect", "Which system wrote the file; absent: found by the header."), text("map", "Which column holds which field, such as number=Phone,status=SMS Consent."),
			text("brand", "The brand of rows that name none."), text("purpose", "The purpose of rows that name none."), text("channel", "The channel of rows that name none."),
			text("region", "The ISO 3166-1 country of numbers that are written without a country code."),
		},
		errors: []int{http.StatusNotFound, http.StatusConflict}, answer: example,
	}
	a.document(o, nil, reflect.TypeFor[Reconciliation]())
	a.takesFiles(o, "number,brand,purpose,channel,act\n+12025550123,default,marketing,sms,granted\n", "")
	body := a.operationOf(o).RequestBody
	body.Required = false
	delete(body.Content, typeNDJSON)
	a.handle(o.method+" "+o.path, o.permission, func(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
		return s.reconcile(w, r, caller, o)
	})
	serve(a, operation{
		id: "listReconciliations", tag: tagDestinations, method: http.MethodGet, path: o.path, permission: access.ReadDestinations,
		summary: "List reconciliations", description: "Tells what came of the latest reconciliations of a destination.",
		params: []*huma.Param{destinationParam()}, errors: []int{http.StatusNotFound}, answer: Reconciliations{Items: []Reconciliation{example}},
	}, func(ctx context.Context, c call, _ *none) (out reply[Reconciliations], err error) {
		all, err := r.Outcomes(ctx, c.path("destination"), 100)
		out.body.Items = []Reconciliation{}
		for i := range all {
			out.body.Items = append(out.body.Items, reconciliationOf(&all[i]))
		}
		return out, err
	})
}

var reconcileParams = map[string]bool{
	"repair": true, "as_of": true, "dialect": true, "map": true, "brand": true, "purpose": true, "channel": true, "region": true,
}

func (s *reconciling) reconcile(w http.ResponseWriter, r *http.Request, caller *access.Caller, o operation) error {
	c, err := newCall(r, caller, reconcileParams)
	if err != nil {
		return err
	}
	if err := s.Gate.Authorize(r.Context(), caller, access.ManageDestinations, consent.Any); err != nil {
		return err
	}
	q, err := s.request(w, c)
	if err != nil {
		return err
	}
	full := strings.Contains(r.Header.Get("Accept"), typeCSV)
	told := Disclosed{What: "differences with a destination", Revision: s.API.Index.Revision(), Masked: c.masked(), Reason: strings.TrimSpace(r.Header.Get(headerReason))}
	if full {
		if err := reasonFor(caller, told); err != nil {
			return err
		}
	}
	outcome, err := s.Run(r.Context(), q)
	if err != nil {
		return reconciled(err)
	}
	if !full {
		return send(s.API, w, r, o, reply[Reconciliation]{body: reconciliationOf(outcome)})
	}
	told.Ended, told.Complete = true, true
	for _, k := range reconcile.Kinds()[:reconcile.UnknownNo+1] {
		told.Records += outcome.Report.Counts[k]
	}
	if err := s.disclosed(r.Context(), caller, told); err != nil {
		return err
	}
	return writeDifferences(w, c, outcome)
}

// request reads what is asked for. A body that is a file is the destination's list.
func (s *reconciling) request(w http.ResponseWriter, c call) (q reconcile.Request, err error) {
	q = reconcile.Request{Destination: c.path("destination"), By: c.Caller}
	if text := c.query("repair"); text != "" {
		if q.Repair, err = strconv.ParseBool(text); err != nil {
			return q, unprocessable(act.CodeInvalidField, "repair", "want true or false")
		}
	}
	if text := c.query("as_of"); text != "" {
		if q.AsOf, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return q, unprocessable(act.CodeInvalidField, "as_of", "want a time in RFC 3339, such as 2026-03-01T14:03:00Z")
		}
	}
	if c.r.Header.Get("Content-Type") == "" && c.r.ContentLength == 0 {
		return q, nil
	}
	if _, err := mediaType(c.r, typeCSV); err != nil {
		return q, err
	}
	f := reconcile.File{Dialect: c.query("dialect"), Settings: transfer.Settings{
		Brand: consent.BrandID(c.query("brand")), Purpose: consent.PurposeID(c.query("purpose")), Region: strings.ToUpper(c.query("region")),
	}}
	if text := c.query("map"); text != "" {
		if f.Columns, err = transfer.ParseColumnMap(text); err != nil {
			return q, unprocessable(act.CodeInvalidField, "map", err.Error())
		}
	}
	if text := c.query("channel"); text != "" {
		if f.Settings.Channel, err = consent.ParseChannel(text); err != nil {
			return q, unprocessable(act.CodeInvalidField, "channel", "want one of sms, whatsapp, voice_live, voice_auto")
		}
	}
	q.Source = f.Read(newIdleReader(http.MaxBytesReader(w, c.r.Body, maxFile), http.NewResponseController(w)))
	return q, nil
}

// reconciled tells a caller's error as a problem.
func reconciled(err error) error {
	var header *reconcile.FileError
	switch {
	case errors.As(err, &header):
		return problem(http.StatusUnprocessableEntity, "invalid_header", "Header not usable", "map", header.Err.Error())
	case errors.Is(err, reconcile.ErrNoList):
		return problem(http.StatusConflict, "no_list", "Cannot be asked", "", err.Error())
	}
	return err
}

// writeDifferences writes every difference as CSV that a spreadsheet takes as it is.
func writeDifferences(w http.ResponseWriter, c call, o *reconcile.Outcome) error {
	head, err := json.Marshal(reconciliationOf(o))
	if err != nil {
		return fmt.Errorf("encode a reconciliation: %w", err)
	}
	w.Header().Set(headerReconciliation, string(head))
	w.Header().Set("Content-Type", typeCSV+"; charset=utf-8; header=present")
	out := transfer.NewWriter(w, transfer.WriterOptions{Spreadsheet: true})
	err = out.Write("difference", "number", "brand", "purpose", "channel")
	if err == nil {
		err = o.Report.Each(func(d reconcile.Difference) error {
			number := d.Number.Masked()
			if !c.masked() {
				number = out.Number(d.Number.String())
			}
			return out.Write(d.Kind.String(), number, string(d.Scope.Brand), string(d.Scope.Purpose), d.Scope.Channel.String())
		})
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		panic(http.ErrAbortHandler) // what was sent must not pass for all there is
	}
	return nil
}
