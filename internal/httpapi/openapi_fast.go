package httpapi

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
)

// documentFast puts the routes into the document that decode by hand or stream; serve does so for the others.
func (a *API) documentFast() {
	a.documentChecks()
	a.documentChanges()
	a.documentLog()
	a.documentHealth()
}

func (a *API) documentChecks() {
	question := Question{Number: "+12025550123", Brand: "default", Purpose: "marketing", Channel: "sms"}
	a.document(operation{
		id: "check", tag: tagChecks, method: http.MethodPost, path: "/v1/checks", permission: access.Check,
		summary: "Ask whether contact is allowed",
		description: "Answers whether a brand may contact a number, on a channel, for a purpose, now. Every verdict is a 200, with its reasons: the first decided. " +
			"An allow may be used for use_within_ms after the question was sent. A question about the past is answered from the history.",
		errors: []int{http.StatusPreconditionFailed}, request: question, answer: VerdictJSON(exampleAllow),
	}, reflect.TypeFor[Question](), reflect.TypeFor[Verdict]())
	batch := operation{
		id: "checkMany", tag: tagChecks, method: http.MethodPost, path: "/v1/checks/batch", permission: access.Check,
		summary:     "Ask many questions",
		description: "Answers up to 10,000 questions, or any number as a stream of lines (application/x-ndjson). Each is as fresh as if it had been asked for alone; what is wrong with one is said of that one.",
		request:     CheckBatch{Items: []CheckItem{{CorrelationID: "a1", Question: question}}},
		answer:      map[string]any{"items": []any{VerdictJSON(`{"correlation_id":"a1",` + exampleAllow[1:])}},
	}
	a.document(batch, reflect.TypeFor[CheckBatch](), reflect.TypeFor[CheckBatchAnswer]())
	a.alsoLines(batch, reflect.TypeFor[CheckItem](), reflect.TypeFor[CheckAnswer]())
	a.documentScrub()
}

func (a *API) documentScrub() {
	o := operation{
		id: "scrub", tag: tagChecks, method: http.MethodPost, path: "/v1/scrubs", permission: access.Scrub,
		summary:     "Scrub a file",
		description: "Streams a file back with verdict, reason and next_allowed_at added to each row. The header row, the delimiter and the caller's bytes are kept; rows that hold no number are marked invalid and kept.",
		params: []*huma.Param{
			required(queryParam("purpose", "What the contact is for.", &huma.Schema{Type: huma.TypeString}), "marketing"),
			required(queryParam("channel", "The means of contact.", askedChannel("").Schema(nil)), "sms"),
			queryParam("brand", "On whose behalf; absent: default.", &huma.Schema{Type: huma.TypeString}),
			queryParam("at", "The moment asked about; absent: now.", &huma.Schema{Type: huma.TypeString, Format: "date-time"}),
			queryParam("column", "The name of the column that holds the number; absent: found by its name.", &huma.Schema{Type: huma.TypeString}),
			queryParam("prefix", "Put before the names of what is added. A CSV file that has columns of these names already is refused, such a line of JSON is invalid.", &huma.Schema{Type: huma.TypeString, MaxLength: new(32)}),
			queryParam("region", "The ISO 3166-1 country of numbers that are written without a country code.", &huma.Schema{Type: huma.TypeString}),
		},
	}
	a.document(o, nil, nil)
	a.takesFiles(o, "phone,name\n+12025550123,Ada\n", `{"phone":"+12025550123","name":"Ada"}`+"\n")
	text := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	a.operationOf(o).Responses["200"].Content = map[string]*huma.MediaType{
		typeCSV: {Schema: text, Example: "phone,name,verdict,reason,next_allowed_at\n+12025550123,Ada,allow,granted,\n"}, typeNDJSON: {Schema: text},
	}
}

func required(p *huma.Param, example string) *huma.Param {
	p.Required, p.Example = true, example
	return p
}

func (a *API) documentChanges() {
	o := operation{
		id: "readChanges", tag: tagChanges, method: http.MethodGet, path: "/v1/changes", permission: access.ReadChanges,
		summary: "Follow the ledger",
		description: "Tells the entries after a place, in order. As JSON it is one page, for which it waits if asked to; as application/x-ndjson or " +
			"text/event-stream it goes on until the caller leaves. Keep next (or the last event's id) and go on from there: nothing is left out.",
		params: []*huma.Param{
			queryParam("after", "The last entry that was seen; absent: from the beginning.", &huma.Schema{Type: huma.TypeInteger, Minimum: new(0.0)}),
			queryParam("limit", "How many entries at most.", &huma.Schema{Type: huma.TypeInteger, Minimum: new(0.0)}),
			queryParam("wait", "For how many seconds to wait for entries, if there are none yet.", &huma.Schema{Type: huma.TypeInteger, Minimum: new(0.0), Maximum: new(60.0)}),
			queryParam("numbers", "Whether to tell numbers, for keys that may see them.", &huma.Schema{Type: huma.TypeBoolean}),
			{Name: "Last-Event-ID", In: "header", Description: "In place of after, as browsers send it when they come back.", Schema: &huma.Schema{Type: huma.TypeString}},
		},
		answer: ChangesPage{Items: []Change{{Entry: exampleEntry()}}, Next: 17, Head: 17},
	}
	a.document(o, nil, reflect.TypeFor[ChangesPage]())
	stream := func(description string) *huma.MediaType {
		return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: description}}
	}
	content := a.operationOf(o).Responses["200"].Content
	content[typeNDJSON] = stream("One entry a line, in JSON, of the schema #/components/schemas/Change.")
	content[typeEvents] = stream("Events: id is the entry's place, event its kind, data the entry in JSON.")
}

func (a *API) documentLog() {
	a.documentText(operation{
		id: "readCheckpoint", tag: tagLog, method: http.MethodGet, path: "/v1/log/checkpoint",
		summary: "Read the newest checkpoint", description: "A signed checkpoint (C2SP tlog-checkpoint). Public: the log holds no personal data.",
	}, typeText)
	a.documentText(operation{
		id: "readLogKey", tag: tagLog, method: http.MethodGet, path: "/v1/log/key",
		summary: "Read the log's key", description: "The log's origin and its verifier key, a line each, for auditors to pin.",
	}, typeText)
	path := pathParam("path", "What follows tile/ in C2SP tlog-tiles: level and number, with the width of a partial tile.", "0/000.p/1")
	o := operation{
		id: "readTile", tag: tagLog, method: http.MethodGet, path: "/v1/log/tile/{path}", params: []*huma.Param{path}, errors: []int{http.StatusNotFound},
		summary: "Read a tile", description: "A tile of hashes, or under tile/entries of leaves (C2SP tlog-tiles). The path may hold slashes. Tiles never change and may be cached for ever.",
	}
	a.documentText(o, "application/octet-stream")
	seq := pathParam("seq", "The entry's place in the ledger.", "1")
	seq.Schema, seq.Example = &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0)}, 1
	a.documentText(operation{
		id: "proveEntry", tag: tagLog, method: http.MethodGet, path: "/v1/entries/{seq}/proof", permission: access.ReadEntries,
		params: []*huma.Param{seq}, errors: []int{http.StatusNotFound},
		summary: "Prove an entry", description: "The proof that an entry is in the log (C2SP tlog-proof), with the salt of its commitment for those who may read the entry.",
	}, typeText)
}

// documentText is document for an operation that answers with text or bytes.
func (a *API) documentText(o operation, media string) {
	a.document(o, nil, nil)
	s := &huma.Schema{Type: huma.TypeString}
	if media == "application/octet-stream" {
		s.Format = "binary"
	}
	a.operationOf(o).Responses[strconv.Itoa(http.StatusOK)].Content = map[string]*huma.MediaType{media: {Schema: s}}
}

func (a *API) documentHealth() {
	a.document(operation{
		id: "health", tag: tagHealth, method: http.MethodGet, path: "/healthz",
		summary: "Ask whether the process answers", description: "Answers as long as the process lives.", answer: Health{Status: "ok", Version: "1.0.0"},
	}, nil, reflect.TypeFor[Health]())
	ready := operation{
		id: "readiness", tag: tagHealth, method: http.MethodGet, path: "/readyz",
		summary: "Ask whether to send checks here", description: "Tells whether the index is loaded and fresh and the log not stuck, and if not, why.",
		answer: Readiness{Ready: true, Revision: 17, Head: 17, LogSize: 17, Freshness: &Freshness{LeaseMS: 412, LagMS: 88}},
	}
	a.document(ready, nil, reflect.TypeFor[Readiness]())
	a.operationOf(ready).Responses["503"] = &huma.Response{
		Description: "Not ready.", Content: map[string]*huma.MediaType{
			typeJSON: a.media(reflect.TypeFor[Readiness](), Readiness{Why: []string{"the index has not applied all committed entries yet"}, Head: 17}),
		},
	}
	a.documentText(operation{
		id: "metrics", tag: tagHealth, method: http.MethodGet, path: "/metrics", permission: access.ReadMetrics,
		summary: "Read the metrics", description: "Figures in the text format of Prometheus. No label holds personal data.",
	}, "text/plain")
}
