package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
)

// maxBatch is how many items one request may have that is not streamed.
const maxBatch = 10_000

// ConsentBatch is many acts at once.
type ConsentBatch struct {
	Items []ConsentRequest `json:"items" maxItems:"10000" doc:"Up to 10,000 acts; stream more as application/x-ndjson."`
}

// ConsentBatchAnswer is what became of many acts, in their order.
type ConsentBatchAnswer struct {
	Revision uint64        `json:"revision" doc:"Ask for checks with this min_revision to be answered from after these acts."`
	Counts   Counts        `json:"counts" doc:"How many items came to each status."`
	Items    []ConsentItem `json:"items" doc:"One outcome for each act, in their order."`
}

// Counts is how many acts came to each status.
type Counts struct {
	Recorded   int `json:"recorded" doc:"Recorded and in force."`
	Duplicate  int `json:"duplicate" doc:"Told before."`
	Conflict   int `json:"conflict" doc:"Recorded without effect, for review."`
	Superseded int `json:"superseded" doc:"Recorded, and older than what stands."`
	Rejected   int `json:"rejected" doc:"Not recorded."`
}

func (n *Counts) add(status string) {
	switch status {
	case "duplicate":
		n.Duplicate++
	case "conflict":
		n.Conflict++
	case "superseded":
		n.Superseded++
	case "rejected":
		n.Rejected++
	default:
		n.Recorded++
	}
}

// ConsentItem is what became of one act among many.
type ConsentItem struct {
	Line int64 `json:"line,omitempty" doc:"In a stream: the line of the act, from 1."`
	Outcome
	Problem *Problem `json:"problem,omitempty" doc:"Of a rejected act: what is wrong with it."`
}

func (a *API) consentBatchRoutes() {
	o := operation{
		id: "recordConsents", tag: tagConsents, method: http.MethodPost, path: "/v1/consents/batch", permission: access.RecordConsent,
		summary: "Record many acts",
		description: "Records up to 10,000 acts in one transaction, or any number as a stream of lines (application/x-ndjson), which is answered line by line in " +
			"the same order. What is wrong with an act rejects that act alone; so does a correlation_id that another item has, or in a stream one of the last 100,000 lines. Acts told this way happened earlier: a grant revives nothing unless it is a dated act of the person.",
		params: []*huma.Param{
			queryParam("via", "By which road the acts come; all but batch need a key that may import.", &huma.Schema{
				Type: huma.TypeString, Enum: []any{"batch", "import", "crm", "provider"}, Default: "batch",
			}),
			idempotencyParam(), preferParam(),
		},
		pending: true, request: ConsentBatch{Items: []ConsentRequest{exampleGrant()}},
		answer: ConsentBatchAnswer{
			Revision: 17, Counts: Counts{Recorded: 1}, Items: []ConsentItem{{Outcome: exampleConsentAnswer().Outcome}},
		},
	}
	a.document(o, reflect.TypeFor[ConsentBatch](), reflect.TypeFor[ConsentBatchAnswer]())
	a.alsoLines(o, reflect.TypeFor[ConsentRequest](), reflect.TypeFor[ConsentItem]())
	a.handle(o.method+" "+o.path, o.permission, func(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
		c, err := newCall(r, caller, map[string]bool{"via": true})
		if err != nil {
			return err
		}
		t, err := a.newTeller(r.Context(), c)
		if err != nil {
			return err
		}
		media, err := mediaType(r, typeJSON, typeNDJSON)
		switch {
		case err != nil:
			return err
		case media == typeNDJSON:
			return a.recordLines(w, r, t)
		}
		out, err := a.recordBatch(w, r, t)
		if err != nil {
			return err
		}
		return send(a, w, r, o, out)
	})
}

// teller records the acts that one request tells of.
type teller struct {
	a      *API
	c      call
	via    consent.Via
	recent recentIDs // of a stream
	denied error     // of the first brand that the caller may not act for, so that a denial is recorded once a request
}

func (a *API) newTeller(ctx context.Context, c call) (*teller, error) {
	t := &teller{a: a, c: c, via: consent.ViaBatch}
	switch c.query("via") {
	case "", "batch":
		return t, nil
	case "import":
		t.via = consent.ViaImport
	case "crm":
		t.via = consent.ViaCRM
	case "provider":
		t.via = consent.ViaProvider
	default:
		return nil, unprocessable(act.CodeInvalidField, "via", "want one of batch, import, crm, provider")
	}
	return t, a.Gate.Authorize(ctx, c.Caller, access.ImportConsent)
}

// told is one act on its way.
type told struct {
	line   int64 // zero outside a stream
	id     string
	report act.Report
	fault  error // why it is not recorded
}

// hear reads one act. Whatever speaks against it is its own fault, and leaves the others alone.
func (t *teller) hear(ctx context.Context, raw []byte, line int64, id string) told {
	out := told{line: line, id: id}
	var q ConsentRequest
	if out.fault = decode(raw, &q); out.fault != nil {
		if name := nameIn(raw); len(name) > 0 {
			out.id = string(name)
		}
		return out
	}
	if q.CorrelationID != "" {
		out.id = q.CorrelationID
	}
	if out.report, out.fault = q.report(); out.fault != nil {
		return out
	}
	out.report.Via, out.report.CorrelationID = t.via, q.CorrelationID
	if t.c.key != "" {
		out.report.IdempotencyKey = itemKey(t.c.key, out.id)
	}
	out.fault = t.authorize(ctx, q.brand())
	return out
}

func (t *teller) authorize(ctx context.Context, b consent.BrandID) error {
	if t.c.For(b) {
		return nil
	}
	var denied *access.DeniedError
	err := t.denied
	if _, unknown := t.a.Catalog.Brand(string(b)); err == nil || b != consent.Any && unknown != nil {
		err = t.a.authorize(ctx, t.c.Caller, access.RecordConsent, b)
	}
	if errors.As(err, &denied) {
		t.denied = err
	}
	return err
}

// itemKey is the key of one item of a request that has a key.
func itemKey(key, id string) string {
	sum := sha256.Sum256([]byte(key + "\x00" + id))
	return "item:" + hex.EncodeToString(sum[:])
}

// record appends the acts that are sound, in one transaction, and says of each what became of it.
func (t *teller) record(ctx context.Context, acts []told) ([]ConsentItem, error) {
	reports := make([]act.Report, 0, len(acts))
	for i := range acts {
		if acts[i].fault == nil {
			reports = append(reports, acts[i].report)
		}
	}
	results, err := t.a.Recorder.Record(ctx, t.c.Caller, reports)
	if err != nil {
		return nil, err
	}
	items := make([]ConsentItem, len(acts))
	for i := range acts {
		p, fault := &acts[i], acts[i].fault
		if fault == nil {
			var r act.Result
			r, results = results[0], results[1:]
			if fault = r.Err; fault == nil {
				items[i] = ConsentItem{Line: p.line, Outcome: outcomeOf(p.id, &p.report, r.Result)}
				continue
			}
		}
		items[i] = t.rejected(ctx, p, fault)
	}
	return items, nil
}

func (t *teller) rejected(ctx context.Context, p *told, fault error) ConsentItem {
	return ConsentItem{Line: p.line, Outcome: Outcome{CorrelationID: p.id, Status: "rejected"}, Problem: t.a.problemOf(ctx, fault)}
}

func (a *API) recordBatch(w http.ResponseWriter, r *http.Request, t *teller) (out reply[ConsentBatchAnswer], err error) {
	body, err := readBody(w, r, maxBatchBody)
	if err != nil {
		return out, err
	}
	var raw struct {
		Items []jsontext.Value `json:"items"`
	}
	if err := decode(body, &raw); err != nil {
		return out, err
	}
	switch {
	case len(raw.Items) == 0:
		return out, unprocessable(act.CodeMissingField, "items", "want at least one act")
	case len(raw.Items) > maxBatch:
		return out, tooMany("items", "Send up to 10,000 acts at once, or stream them as application/x-ndjson.")
	}
	items, err := t.record(t.c.hurried(r.Context()), t.hearAll(r.Context(), raw.Items))
	if err != nil {
		return out, err
	}
	out.body = ConsentBatchAnswer{Revision: a.Index.Revision(), Items: items}
	for i := range items {
		out.body.Counts.add(items[i].Status)
		out.pending = out.pending || items[i].Effective == "pending"
	}
	return out, nil
}

func tooMany(field, remedy string) *Problem {
	return problem(http.StatusRequestEntityTooLarge, "too_many_items", "Too many items", field, remedy)
}

// hearAll reads the items of a batch. An item without a correlation id goes by its index; an id that another item has
// already makes this item's answer impossible to tell apart, and so rejects it.
func (t *teller) hearAll(ctx context.Context, raw []jsontext.Value) []told {
	acts := make([]told, len(raw))
	taken := make(map[string]int, len(raw))
	for i, item := range raw {
		acts[i] = t.hear(ctx, item, 0, strconv.Itoa(i))
		if first, twice := taken[acts[i].id]; twice {
			acts[i].fault = unprocessable(act.CodeDuplicateID, "correlation_id", fmt.Sprintf("is that of item %d as well: give each item its own", first))
			continue
		}
		taken[acts[i].id] = i
	}
	return acts
}
