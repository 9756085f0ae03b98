package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/consentline/consentline/api"
	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/httpapi"
)

var update = flag.Bool("update", false, "write the document that the types amount to")

const committed = "../../api/openapi.yaml"

func TestTheDocumentIsTheOneThatIsCommitted(t *testing.T) {
	f := start(t)
	emitted, err := f.api.Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(committed, emitted, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(emitted, api.OpenAPI) {
		t.Errorf("api/openapi.yaml is not what the types amount to: run go generate ./api\n%s", firstDifference(emitted, api.OpenAPI))
	}
}

func firstDifference(a, b []byte) string {
	x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return "emitted:   " + x[i] + "\ncommitted: " + y[i]
		}
	}
	return "one is longer"
}

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheDocumentIsValid(t *testing.T) {
	doc := load(t)
	if doc.OpenAPI != "3.1.0" || doc.Paths.Len() < 30 {
		t.Errorf("got version %s with %d paths", doc.OpenAPI, doc.Paths.Len())
	}
}

// replayOrder is the order in which the examples make sense: what is defined comes before what names it.
var replayOrder = []string{
	"askOptIn", "readOptIn", "confirmOptIn", "inbound", "listReviews", "decideReview",
	"createBrand", "createPurpose", "createSender", "createProgramme", "createDisclosure", "addVersion", "createList", "createKey",
	"recordConsent", "recordConsents", "changeMembers", "replaceMembers",
	"changeBrand", "changeLogo", "changePurpose", "changeSender", "changeProgramme", "changeList",
	"listBrands", "listPurposes", "listSenders", "listProgrammes", "listDisclosures", "listLists", "listKeys", "listVersions",
	"readBrand", "readPurpose", "readSender", "readProgramme", "readDisclosure", "readVersion", "readList", "readKey",
	"check", "checkMany", "scrub", "lookUp", "readSubject", "readHistory", "readEntry", "proveEntry", "readChanges",
	"readCheckpoint", "readLogKey", "readTile", "health", "readiness", "metrics", "export", "revokeKey",
	"readRules", "readApplicable", "listSwitches", "putOverride", "listOverrides", "liftOverride", "putBan", "listBans", "liftBan", "putRelaxation", "listRelaxations", "liftRelaxation", "putDeclaration", "listDeclarations", "liftDeclaration",
	"invitePerson", "listPeople", "readPerson", "changePerson", "linkPerson", "signPersonOut",
	"reportAttempt", "reportAttempts", "confirmAttempt", "releaseAttempt",
	"listDestinationKinds", "createDestination", "listDestinations", "readDestination", "changeDestination", "pauseDestination", "resumeDestination",
	"backfillDestination", "replayDestination", "retryDestination", "readDestinationStatus", "listParked", "readPropagation", "hearDestination", "reconcileDestination", "listReconciliations", "removeDestination",
}

// TestEveryExampleIsAnsweredAsDocumented sends each example of the document, and holds request and answer against it.
func TestEveryExampleIsAnsweredAsDocumented(t *testing.T) {
	doc, f := load(t), startWith(t, "")
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", decodeLines)
	openapi3filter.RegisterBodyDecoder("text/csv", openapi3filter.FileBodyDecoder)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	r := replay{f: f, router: router, known: map[string]string{}, bodies: map[string]any{}, operations: map[string]documented{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			r.operations[op.OperationID] = documented{method, path, op}
		}
	}
	f.waitForLog()
	r.ambiguous(t)
	for _, id := range replayOrder {
		op, there := r.operations[id]
		if !there {
			t.Errorf("the document has no operation %s", id)
			continue
		}
		delete(r.operations, id)
		t.Run(id, func(t *testing.T) { r.send(t, op) })
	}
	for id := range r.operations {
		t.Errorf("operation %s is not replayed", id)
	}
}

// decodeLines takes a stream for the text that it is, or where the document gives the schema of a line, for its first.
func decodeLines(body io.Reader, _ http.Header, schema *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	text, err := io.ReadAll(body)
	if err != nil || schema == nil || schema.Value.Type.Is("string") {
		return string(text), err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	var v any
	err = json.Unmarshal(line, &v)
	return v, err
}

type documented struct {
	method, path string
	*openapi3.Operation
}

type replay struct {
	f          *fixture
	router     routers.Router
	known      map[string]string // ids that only the answers tell
	bodies     map[string]any    // in place of examples that hold such ids
	operations map[string]documented
}

func (r *replay) send(t *testing.T, op documented) {
	path, query, header := op.path, url.Values{}, map[string]string{}
	for _, p := range op.Parameters {
		switch {
		case p.Value.In == "path":
			value, known := r.known[p.Value.Name]
			if !known {
				value = fmt.Sprint(p.Value.Example)
			}
			path = strings.ReplaceAll(path, "{"+p.Value.Name+"}", value)
		case p.Value.In == "query" && p.Value.Required:
			query.Set(p.Value.Name, fmt.Sprint(p.Value.Example))
		case p.Value.In == "header" && p.Value.Example != nil:
			header[p.Value.Name] = fmt.Sprint(p.Value.Example)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if op.OperationID == "inbound" {
		r.exchange(t, op, r.callback())
		return
	}
	if op.OperationID == "hearDestination" {
		body := `{"id":"1","data":{"phone_number":"+12025550123","purpose":"marketing","channel":"sms","status":"withdrawn"}}`
		r.exchange(t, op, request{method: op.method, path: path, body: body, header: signedBody("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body)})
		return
	}
	if op.RequestBody == nil {
		r.exchange(t, op, request{method: op.method, path: path, header: header})
		return
	}
	for media, content := range op.RequestBody.Value.Content {
		if content.Example == nil {
			if media == "application/json" {
				t.Errorf("the %s body has no example", media)
			}
			continue
		}
		body := content.Example
		if other, there := r.bodies[op.OperationID]; there {
			body = other
		}
		r.exchange(t, op, request{method: op.method, path: path, body: body, media: media})
	}
}

func (r *replay) exchange(t *testing.T, op documented, q request) {
	req := r.f.build(q)
	var sent []byte
	if req.Body != nil {
		sent, _ = io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(sent))
	}
	route, params, err := r.router.FindRoute(req)
	if err != nil {
		if op.OperationID != "readTile" { // its path has slashes, which a template of OpenAPI cannot say
			t.Fatal(err)
		}
		r.f.do(q).status(200)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
		t.Errorf("the request is not as documented: %v", err)
	}
	a := r.f.do(q)
	if a.StatusCode >= 300 {
		t.Fatalf("%s %s %s: got %d %s", q.method, q.path, sent, a.StatusCode, a.body)
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.StatusCode, Header: a.Header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("the answer is not as documented: %v\n%.300s", err, a.body)
	}
	r.learn(t, op, a)
}

func (r *replay) learn(t *testing.T, op documented, a answer) {
	var told struct{ ID, Subject string }
	switch op.OperationID {
	case "createKey":
		a.into(&told)
		r.known["key"] = told.ID
	case "invitePerson":
		a.into(&told)
		r.known["person"] = told.ID
	case "confirmAttempt": // what is confirmed cannot be released: reserve another
		at := attempt.Attempt{Number: 12025550123, Brand: "default", Class: consent.Transactional, Channel: consent.SMS}
		_, id, err := r.f.Attempts.Reserve(t.Context(), at, func() check.Verdict {
			return check.Verdict{Outcome: check.Allow, CheckedAt: r.f.now()}
		})
		if err != nil {
			t.Fatal(err)
		}
		r.known["attempt"] = id.String()
	case "reportAttempt":
		var made struct{ Attempt string }
		a.into(&made)
		r.known["attempt"] = made.Attempt
	case "askOptIn":
		a.into(&told)
		r.known["optin"] = told.ID
		r.bodies["confirmOptIn"] = r.askByCode(t)
	case "listReviews":
		var page httpapi.Page[httpapi.Review]
		if a.into(&page); len(page.Items) == 0 {
			t.Fatal("nothing waits for a person")
		}
		r.known["review"] = page.Items[0].ID
	case "recordConsent":
		a.into(&told)
		r.known["subject"] = told.Subject
	}
}

// TestProblemsAreAsDocumented holds answers that are problems against the document.
func TestProblemsAreAsDocumented(t *testing.T) {
	doc, f := load(t), start(t)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []request{
		{method: "POST", path: "/v1/consents", body: `{"number":`},
		{method: "POST", path: "/v1/consents", body: `{}`, as: "none"},
		{method: "POST", path: "/v1/consents", body: `{}`, as: "viewer"},
		{method: "POST", path: "/v1/consents", body: `{}`},
		{method: "POST", path: "/v1/consents", body: `x`, media: "text/plain"},
		{method: "POST", path: "/v1/brands", body: `{"id":"default","name":"Again"}`},
		{method: "GET", path: "/v1/brands/nobody"},
		{method: "GET", path: "/v1/brands?limit=0"},
		{method: "GET", path: "/v1/subjects/" + strings.Repeat("0", 32)},
		{method: "POST", path: "/v1/checks", body: `{"number":"+12025550123","purpose":"marketing","channel":"sms","min_revision":1000000}`},
	} {
		req := f.build(q)
		route, params, err := router.FindRoute(req)
		if err != nil {
			t.Fatal(err)
		}
		a := f.do(q)
		if a.StatusCode < 400 {
			t.Errorf("%s %s: got %d, want a problem", q.method, q.path, a.StatusCode)
		}
		err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
			Status:                 a.StatusCode, Header: a.Header, Body: io.NopCloser(bytes.NewReader(a.body)),
			Options: &openapi3filter.Options{IncludeResponseStatus: true},
		})
		if err != nil {
			t.Errorf("%s %s: %d is not as documented: %v\n%s", q.method, q.path, a.StatusCode, err, a.body)
		}
	}
}

func TestEveryOperationSaysEnough(t *testing.T) {
	for path, item := range load(t).Paths.Map() {
		for method, op := range item.Operations() {
			if op.Summary == "" || len(op.Description) < 20 || len(op.Tags) != 1 {
				t.Errorf("%s %s says too little of itself", method, path)
			}
			if op.Security != nil && (op.Responses.Value("401") == nil || op.Responses.Value("403") == nil) {
				t.Errorf("%s %s does not document who is turned away", method, path)
			}
		}
	}
}

func TestTheDocumentIsServed(t *testing.T) {
	f := start(t)
	a := f.do(request{method: "GET", path: "/v1/openapi.yaml", as: "none"}).status(200)
	if !bytes.Equal(a.body, api.OpenAPI) || a.Header.Get("Content-Type") != "application/yaml" {
		t.Errorf("yaml: got %d bytes of %s", len(a.body), a.Header.Get("Content-Type"))
	}
	a = f.do(request{method: "GET", path: "/v1/openapi.json", as: "none"}).status(200)
	if _, err := openapi3.NewLoader().LoadFromData(a.body); err != nil {
		t.Errorf("json: %v", err)
	}
}

// TestTheDocumentationPageNeedsNothingElse holds that the page is whole, and loads nothing.
func TestTheDocumentationPageNeedsNothingElse(t *testing.T) {
	f := start(t)
	a := f.do(request{method: "GET", path: "/docs", as: "none"}).status(200)
	page := string(a.body)
	for _, forbidden := range []string{"<script", "<img", "<link", "@import", "url(", "src="} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page holds %s", forbidden)
		}
	}
	style := page[strings.Index(page, "<style>")+len("<style>") : strings.Index(page, "</style>")]
	sum := sha256.Sum256([]byte(style))
	if policy := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") ||
		!strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("the policy %q does not admit the page's own style alone", policy)
	}
	for path, item := range load(t).Paths.Map() {
		for _, op := range item.Operations() {
			if !strings.Contains(page, `<article id="`+op.OperationID+`">`) || !strings.Contains(page, html.EscapeString(path)) {
				t.Errorf("the page lacks %s %s", op.OperationID, path)
			}
		}
	}
}
