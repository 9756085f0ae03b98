package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/api"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS string

// docsRoutes serve the document, and a page made from it that loads nothing from anywhere. Both are made when they are
// first asked for, since conversations add their operations after these routes.
func (a *API) docsRoutes() {
	sum := sha256.Sum256([]byte(docsCSS))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	for pattern, file := range map[string]struct {
		media string
		body  func() []byte
	}{
		"GET /v1/openapi.yaml": {"application/yaml", func() []byte { return api.OpenAPI }},
		"GET /v1/openapi.json": {typeJSON, sync.OnceValue(a.documentJSON)},
		"GET /docs":            {"text/html; charset=utf-8", sync.OnceValue(a.docsPage)},
	} {
		a.public(pattern, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Security-Policy", policy)
			w.Header()["Cache-Control"] = fewSeconds
			return a.writeText(w, r, file.media, file.body())
		})
	}
}

func (a *API) documentJSON() []byte {
	body, err := json.Marshal(a.doc)
	if err != nil {
		panic(fmt.Sprintf("the document: %v", err)) // it is made of constants
	}
	return append(body, '\n')
}

// Document returns the OpenAPI document that the routes amount to, in YAML.
func (a *API) Document() ([]byte, error) { return a.doc.YAML() }

// docGroup is a tag with its operations, as the page shows them.
type docGroup struct {
	Name, Description string
	Operations        []docOperation
}

type docOperation struct {
	ID, Method, Path, Summary, Description string
	Public                                 bool
	Parameters                             []docField
	Requests                               []docBody
	Answers                                []docAnswer
	Curl                                   string
}

type docBody struct{ Media, Schema, Note, Example string }

type docAnswer struct {
	Status, Description string
	Bodies              []docBody
	Headers             []docField
}

type docField struct {
	Name, In, Type, Schema, Description string
	Required                            bool
}

type docSchema struct {
	Name   string
	Fields []docField
}

func (a *API) docsPage() []byte {
	t := template.Must(template.New("docs").Parse(docsHTML))
	var page bytes.Buffer
	err := t.Execute(&page, map[string]any{
		"CSS": template.CSS(docsCSS), "Info": a.doc.Info, "Groups": a.docGroups(), "Schemas": a.docSchemas(),
	})
	if err != nil {
		panic(fmt.Sprintf("the documentation page: %v", err)) // it is made of constants
	}
	return page.Bytes()
}

func (a *API) docGroups() []docGroup {
	var groups []docGroup
	for _, tag := range a.doc.Tags {
		g := docGroup{Name: tag.Name, Description: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(a.doc.Paths)) {
			item := a.doc.Paths[path]
			for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
				if op != nil && slices.Contains(op.Tags, tag.Name) {
					g.Operations = append(g.Operations, a.docOperation(op))
				}
			}
		}
		if len(g.Operations) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

func (a *API) docOperation(op *huma.Operation) docOperation {
	out := docOperation{
		ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Public: len(op.Security) == 0, Curl: curl(op),
	}
	for _, p := range op.Parameters {
		f := fieldOf(p.Name, p.Schema)
		f.In, f.Description, f.Required = p.In, p.Description, p.Required
		out.Parameters = append(out.Parameters, f)
	}
	if op.RequestBody != nil {
		out.Requests = bodies(op.RequestBody.Content)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
			r = a.doc.Components.Responses[name]
			out.Answers = append(out.Answers, docAnswer{Status: status, Description: r.Description})
			continue
		}
		answer := docAnswer{Status: status, Description: r.Description, Bodies: bodies(r.Content)}
		for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
			answer.Headers = append(answer.Headers, docField{Name: name, Description: r.Headers[name].Description})
		}
		out.Answers = append(out.Answers, answer)
	}
	return out
}

func bodies(content map[string]*huma.MediaType) []docBody {
	var out []docBody
	for _, media := range slices.Sorted(maps.Keys(content)) {
		m := content[media]
		b := docBody{Media: media, Schema: schemaName(m.Schema.Ref), Note: m.Schema.Description}
		switch example := m.Example.(type) {
		case nil:
		case string:
			b.Example = example
		default:
			text, err := json.MarshalIndent(example, "", "  ")
			if err != nil {
				panic(err) // it came from JSON
			}
			b.Example = string(text)
		}
		out = append(out, b)
	}
	return out
}

func schemaName(ref string) string { return strings.TrimPrefix(ref, "#/components/schemas/") }

// curl is the call as it can be copied; it wants the key in the variable KEY.
func curl(op *huma.Operation) string {
	var b strings.Builder
	path, query := op.Path, ""
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", fmt.Sprint(p.Example))
		case p.In == "query" && p.Required:
			query += "&" + p.Name + "=" + fmt.Sprint(p.Example)
		}
	}
	if query != "" {
		path += "?" + query[1:]
	}
	b.WriteString("curl -s")
	if op.Method != http.MethodGet {
		b.WriteString(" -X " + op.Method)
	}
	b.WriteString(" 'http://localhost:8080" + path + "'")
	if len(op.Security) > 0 {
		b.WriteString(` -H "Authorization: Bearer $KEY"`)
	}
	if op.RequestBody == nil {
		return b.String()
	}
	media := typeJSON
	m := op.RequestBody.Content[media]
	if m == nil {
		media = typeCSV
		m = op.RequestBody.Content[media]
	}
	body, isText := m.Example.(string)
	if !isText {
		raw, err := json.Marshal(m.Example)
		if err != nil {
			panic(err) // it came from JSON
		}
		body = string(raw)
	}
	b.WriteString(" \\\n  -H 'Content-Type: " + media + "' --data-binary '" + strings.ReplaceAll(body, "'", `'\''`) + "'")
	return b.String()
}

func (a *API) docSchemas() []docSchema {
	schemas := a.doc.Components.Schemas.Map()
	var out []docSchema
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		s := schemas[name]
		shown := docSchema{Name: name}
		for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
			f := fieldOf(field, s.Properties[field])
			f.Required = slices.Contains(s.Required, field)
			shown.Fields = append(shown.Fields, f)
		}
		out = append(out, shown)
	}
	return out
}

func fieldOf(name string, s *huma.Schema) docField {
	f := docField{Name: name, Type: s.Type, Schema: schemaName(s.Ref), Description: s.Description}
	if s.Items != nil {
		f.Type, f.Schema = "list of "+s.Items.Type, schemaName(s.Items.Ref)
	}
	if s.Format == "date-time" {
		f.Type = "time"
	}
	if s.Nullable {
		f.Type += " or null"
	}
	if s.MaxLength != nil {
		f.Type += ", up to " + strconv.Itoa(*s.MaxLength) + " bytes"
	}
	if len(s.Enum) > 0 && len(s.Enum) <= 16 {
		words := make([]string, len(s.Enum))
		for i, w := range s.Enum {
			words[i] = fmt.Sprint(w)
		}
		f.Type = strings.Join(words, " | ")
	}
	return f
}
