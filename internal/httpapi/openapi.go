package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// The tags group the operations in the document.
const (
	tagConsents    = "Consents"
	tagChecks      = "Checks"
	tagSubjects    = "Subjects"
	tagDefinitions = "Definitions"
	tagLists       = "Suppression lists"
	tagKeys        = "Keys"
	tagPeople      = "People"
	tagChanges     = "Changes"
	tagLog         = "Log"
	tagHealth      = "Health"
)

func newDocument() *huma.OpenAPI {
	registry := newRegistry()
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Consentline", Version: "1",
			Description: "The consent ledger for phone numbers: record who said yes to what, in which words, and ask before every message or call whether it may go out. " +
				"Times are RFC 3339 in UTC, numbers E.164. No number ever stands in a URL. Errors are RFC 9457 problems with a stable code.",
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Servers: []*huma.Server{{URL: "/", Description: "This server"}},
		Tags: []*huma.Tag{
			{Name: tagConsents, Description: "Record what people said."},
			{Name: tagChecks, Description: "Ask before contact."},
			{Name: tagSubjects, Description: "See what is held about a person."},
			{Name: tagDefinitions, Description: "Brands, purposes, senders and the words that people are shown."},
			{Name: tagLists, Description: "Numbers that are not contacted whatever consent says."},
			{Name: tagKeys, Description: "Who may call."},
			{Name: tagPeople, Description: "Who may sign in to the console."},
			{Name: tagRules, Description: "What the law and contracts ask, as data, and what the operator has changed."},
			{Name: tagAttempts, Description: "Contacts made, tried or about to be made, which caps count."},
			{Name: tagConversations, Description: "Ask people by message, and take in what they write."},
			{Name: tagDestinations, Description: "Outside systems that are kept in step."},
			{Name: tagChanges, Description: "Follow the ledger."},
			{Name: tagLog, Description: "The public Merkle log, and proofs."},
			{Name: tagHealth, Description: "Whether the node is well."},
		},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"key": {Type: "http", Scheme: "bearer", Description: "An API key, as POST /v1/keys shows it once."},
			},
		},
	}
	doc.Components.Responses = problemResponses(registry.Schema(reflect.TypeFor[Problem](), true, "Problem"))
	return doc
}

// failure says when a status is answered, and shows a problem that comes with it.
type failure struct {
	when    string
	problem *Problem
}

// failures lists the statuses of problems. The first code is the example's.
var failures = []failure{
	{"The body cannot be read. Codes: invalid_json, invalid_utf8, body_incomplete, invalid_cursor; invalid_field for the header Idempotency-Key.",
		problem(http.StatusBadRequest, "invalid_json", "Not JSON", "", "The body cannot be read as JSON at byte 11. Send one JSON object.")},
	{"No key, or none that is in force. Code: unauthenticated.",
		problem(http.StatusUnauthorized, "unauthenticated", "No valid key", "Authorization", "Send Authorization: Bearer with a key that is in force.")},
	{"The key may not do this, or not for this brand; the denial is recorded. Code: forbidden; bad_signature, signature_expired for callbacks.",
		problem(http.StatusForbidden, "forbidden", "Not allowed for this key", "", "a key with role viewer may not record consent: ask for one with role admin")},
	{"There is no such thing, or the caller may not see it. Code: not_found.",
		problem(http.StatusNotFound, "not_found", "Not found", "", `brand "acne" is not defined`)},
	{"The id is taken, the event was told with other content, or another node changed the same thing. Codes: exists, event_id_reused, changed_meanwhile; opted_out, suppressed, already_granted for requests for confirmation.",
		problem(http.StatusConflict, "exists", "Exists already", "id", `brand "acme" is defined already`)},
	{"This node has not seen min_revision yet. Code: stale_replica.",
		problem(http.StatusPreconditionFailed, "stale_replica", "This node has not seen that revision", "min_revision", "The node is at revision 17. Ask again, or ask another node.")},
	{"Too much at once. Codes: body_too_large, too_many_items.",
		problem(http.StatusRequestEntityTooLarge, "body_too_large", "Body too large", "", "Send fewer items at once, or stream them as application/x-ndjson.")},
	{"The body's type is not understood. Codes: unsupported_media_type, unsupported_encoding.",
		problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "Media type not understood", "Content-Type", "Send application/json.")},
	{"A field is wrong; the problem names it and says what would be right. Codes: invalid_field, missing_field, unknown_field, duplicate_field, " +
		"invalid_number, unknown_brand, unknown_purpose, unknown_disclosure, confirmation_needed, effective_at_in_future, duplicate_correlation_id, idempotency_key_reused, country_not_allowed, line_not_allowed, challenge_failed, wrong_code.",
		problem(http.StatusUnprocessableEntity, "invalid_field", "Field not valid", "channel", "want one of *, sms, whatsapp, voice_live, voice_auto")},
	{"No question goes out for now, and Retry-After says until when where trying again helps. Codes: budget_spent, too_few_confirm, " +
		"resend_too_soon, resend_limit, too_many_wrong_codes.",
		problem(http.StatusTooManyRequests, "resend_too_soon", "Not sent", "", "The question went out a moment ago. Ask again in a minute.")},
	{"The server failed; the request can be sent again with the same Idempotency-Key. Code: internal.",
		problem(http.StatusInternalServerError, "internal", "The server failed", "", "The request failed on our side and can be sent again with the same Idempotency-Key.")},
	{"The server or its database is not ready, or the outcome is unknown; the request can be sent again with the same Idempotency-Key. " +
		"Codes: stopping, not_integrated, database_unavailable, outcome_unknown, storage_failing, log_forked, moved, stale_node.",
		problem(http.StatusServiceUnavailable, "stopping", "The server is stopping", "", "Send the request again, to another node or in a moment.")},
	{"Nothing was recorded, since there is no room. Code: storage_full.",
		problem(http.StatusInsufficientStorage, "storage_full", "The storage is full", "", "Nothing was recorded. Send the request again with the same Idempotency-Key once there is room; checks are answered meanwhile.")},
}

func problemResponses(schema *huma.Schema) map[string]*huma.Response {
	out := map[string]*huma.Response{}
	for _, f := range failures {
		out[strconv.Itoa(f.problem.Status)] = &huma.Response{
			Description: f.when, Content: map[string]*huma.MediaType{problemType: {Schema: schema, Example: plainExample(f.problem)}},
		}
	}
	return out
}

// document puts an operation into the OpenAPI document. A nil type is no body.
func (a *API) document(o operation, in, out reflect.Type) {
	op := &huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Description: o.description, Tags: []string{o.tag},
		Parameters: o.params, Responses: map[string]*huma.Response{},
	}
	if o.permission != "" {
		op.Description += " The caller must be allowed to " + string(o.permission) + "."
		op.Security = []map[string][]string{{"key": {}}}
	}
	if in != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{typeJSON: a.media(in, o.request)}}
	}
	success := &huma.Response{Description: "Done.", Content: map[string]*huma.MediaType{}}
	if out != nil {
		success.Content[typeJSON] = a.media(out, o.answer)
	}
	if o.next() {
		success.Headers = map[string]*huma.Param{"Link": {
			Description: `The address of the next page, with rel="next" (RFC 8288); absent on the last.`, Schema: &huma.Schema{Type: huma.TypeString},
		}}
	}
	op.Responses[strconv.Itoa(o.statusOf(false))] = success
	if o.again != 0 {
		again := *success
		again.Description = "It was done before; nothing was changed."
		op.Responses[strconv.Itoa(o.again)] = &again
	}
	if o.pending {
		accepted := *success
		accepted.Description = "It is durable, and obeyed by all nodes within moments: the caller did not want to wait."
		op.Responses[strconv.Itoa(http.StatusAccepted)] = &accepted
	}
	for _, status := range o.problems(in != nil) {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + strconv.Itoa(status)}
	}
	a.doc.AddOperation(op)
}

// next reports whether the operation answers by pages.
func (o operation) next() bool {
	return slices.ContainsFunc(o.params, func(p *huma.Param) bool { return p.Name == "cursor" })
}

// problems are the statuses with which the operation may fail.
func (o operation) problems(body bool) []int {
	out := slices.Clone(o.errors)
	if o.permission != "" {
		out = append(out, http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusServiceUnavailable)
	}
	if o.permission != "" && o.method != http.MethodGet {
		out = append(out, http.StatusInsufficientStorage)
	}
	if body {
		out = append(out, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if body || len(o.params) > 0 {
		out = append(out, http.StatusBadRequest, http.StatusUnprocessableEntity)
	}
	return out
}

func (a *API) media(t reflect.Type, example any) *huma.MediaType {
	return &huma.MediaType{Schema: a.doc.Components.Schemas.Schema(t, true, t.Name()), Example: plainExample(example)}
}

// plainExample turns an example into what JSON makes of it, so that the document shows what crosses the wire.
func plainExample(v any) any {
	if v == nil {
		return nil
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("example %T: %v", v, err)) // examples are constants
	}
	var out any
	if err := json.Unmarshal(body, &out); err != nil {
		panic(err) // it was written a line above
	}
	return out
}

// operationOf returns an operation that was documented.
func (a *API) operationOf(o operation) *huma.Operation {
	item := a.doc.Paths[o.path]
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
	}[o.method]
}

// alsoLines says that an operation takes and answers streams of lines, whose values have these types.
func (a *API) alsoLines(o operation, in, out reflect.Type) {
	op := a.operationOf(o)
	lines := func(t reflect.Type, what string) *huma.MediaType {
		ref := a.doc.Components.Schemas.Schema(t, true, t.Name()).Ref
		return &huma.MediaType{Schema: &huma.Schema{
			Type: huma.TypeString, Format: "binary", Description: what + " a line, in JSON, of the schema " + ref + ". Streamed without a limit, both ways.",
		}}
	}
	op.RequestBody.Content[typeNDJSON] = lines(in, "One item")
	op.Responses[strconv.Itoa(o.statusOf(false))].Content[typeNDJSON] = lines(out, "One answer")
}

// takesFiles says that an operation takes a file of numbers.
func (a *API) takesFiles(o operation, csv, lines string) {
	op := a.operationOf(o)
	text := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		typeCSV: {Schema: text, Example: csv}, typeNDJSON: {Schema: text, Example: lines},
	}}
	for _, status := range []int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType} {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + strconv.Itoa(status)}
	}
}
