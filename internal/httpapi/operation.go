package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/ledger"
)

// operation is what the document says of a route, and what the gate asks for.
type operation struct {
	id, tag              string
	method, path         string
	permission           access.Permission // empty: the route is public
	summary, description string

	params []*huma.Param
	status int // of success; zero: 200
	again  int // of success that changed nothing; zero: the same
	errors []int

	pending bool // whether the caller may be answered before every node obeys

	request any // an example of the body
	answer  any // an example of the answer
}

// call is one request of a known caller.
type call struct {
	*access.Caller
	r   *http.Request
	key string // the Idempotency-Key, without quotes
}

func (c call) query(name string) string { return c.r.URL.Query().Get(name) }
func (c call) path(name string) string  { return c.r.PathValue(name) }

const respondAsync = "respond-async"

// hurried returns the context of a write, under which it waits for other nodes unless the caller prefers otherwise
// (RFC 7240).
func (c call) hurried(ctx context.Context) context.Context {
	for _, header := range c.r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(header, ",") {
			name, _, _ := strings.Cut(preference, ";")
			if strings.EqualFold(strings.TrimSpace(name), respondAsync) {
				return ledger.WithoutWaiting(ctx)
			}
		}
	}
	return ctx
}

// masked reports whether the caller must not see numbers in full.
func (c call) masked() bool { return !c.Can(access.SeeNumbers) }

// reply is what a handler answers.
type reply[T any] struct {
	body    T
	again   bool   // nothing was changed, since the request was carried out before
	pending bool   // it is durable, and some nodes may not obey it yet
	place   string // where what was made can be read
	next    string // the cursor of the next page
}

// none is the body of requests that have none.
type none struct{}

// serve registers a control route: it puts the operation into the document and decodes, calls and encodes at run time.
func serve[In, Out any](a *API, o operation, handle func(context.Context, call, *In) (reply[Out], error)) {
	hasBody := reflect.TypeFor[In]() != reflect.TypeFor[none]()
	a.document(o, bodyOf[In](hasBody), reflect.TypeFor[Out]())
	known := map[string]bool{}
	for _, p := range o.params {
		known[p.Name] = p.In == "query"
	}
	a.handle(o.method+" "+o.path, o.permission, func(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
		c, err := newCall(r, caller, known)
		if err != nil {
			return err
		}
		in := new(In)
		if hasBody {
			if err := a.read(w, r, in); err != nil {
				return err
			}
		}
		out, err := handle(r.Context(), c, in)
		if err != nil {
			return err
		}
		return send(a, w, r, o, out)
	})
}

func bodyOf[In any](hasBody bool) reflect.Type {
	if !hasBody {
		return nil
	}
	return reflect.TypeFor[In]()
}

func newCall(r *http.Request, caller *access.Caller, known map[string]bool) (call, error) {
	for name := range r.URL.Query() {
		if !known[name] {
			return call{}, unprocessable("unknown_field", printable(name), "is not a query parameter here: leave it out, or correct its name")
		}
	}
	key, err := idempotencyKey(r)
	return call{Caller: caller, r: r, key: key}, err
}

const maxKey = 255

// idempotencyKey reads the header as a structured-field string (draft-ietf-httpapi-idempotency-key-header) or as it is.
func idempotencyKey(r *http.Request) (string, error) {
	key := strings.TrimSpace(r.Header.Get("Idempotency-Key"))
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(key[1 : len(key)-1])
		if key == "" {
			return "", badKey()
		}
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return "", badKey()
		}
	}
	if len(key) > maxKey || len(r.Header.Values("Idempotency-Key")) > 1 {
		return "", badKey()
	}
	return key, nil
}

func badKey() *Problem {
	return problem(http.StatusBadRequest, act.CodeInvalidField, "Idempotency key not valid", "Idempotency-Key", "Send one key of 1 to 255 visible ASCII characters, quoted or not, such as a UUID.")
}

func (a *API) read(w http.ResponseWriter, r *http.Request, v any) error {
	if _, err := mediaType(r, typeJSON); err != nil {
		return err
	}
	body, err := readBody(w, r, maxBody)
	if err != nil {
		return err
	}
	return decode(body, v)
}

func send[T any](a *API, w http.ResponseWriter, r *http.Request, o operation, out reply[T]) error {
	body, err := json.Marshal(out.body)
	if err != nil {
		return fmt.Errorf("encode the answer of %s: %w", o.id, err)
	}
	h := w.Header()
	h.Set("Content-Type", typeJSON)
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	if out.place != "" {
		h.Set("Location", out.place)
	}
	if out.next != "" {
		h.Set("Link", nextLink(r, out.next))
	}
	status := o.statusOf(out.again)
	if out.pending {
		h.Set("Preference-Applied", respondAsync)
		status = http.StatusAccepted
	}
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		a.Log.DebugContext(r.Context(), "the caller left before the answer was told", "error", err)
	}
	return nil
}

func (o operation) statusOf(again bool) int {
	switch {
	case again && o.again != 0:
		return o.again
	case o.status != 0:
		return o.status
	}
	return http.StatusOK
}

// nextLink is the Link header of a page that is not the last (RFC 8288).
func nextLink(r *http.Request, cursor string) string {
	q := r.URL.Query()
	q.Set("cursor", cursor)
	return "<" + r.URL.Path + "?" + q.Encode() + `>; rel="next"`
}

// work is a write that a caller may ask for again. Content is what it asks for; replay makes the answer of then from
// the entry that it made.
type work[T any] struct {
	content any
	do      func(context.Context) (T, error)
	replay  func(ledger.Entry) (T, error)
}

// once carries a write out, or answers it as it was answered when it was carried out under the same key. A key holds
// for ever, for one caller and one content. What changed nothing made no entry, and so is no use of the key.
func once[T any](ctx context.Context, a *API, c call, w work[T]) (out T, again bool, err error) {
	if c.key == "" {
		out, err = w.do(ctx)
		return out, false, err
	}
	content, err := json.Marshal(w.content)
	if err != nil {
		return out, false, fmt.Errorf("encode the request: %w", err)
	}
	o := ledger.Once{Key: c.key, Content: c.r.Method + " " + c.r.URL.Path + " " + string(content)}
	if out, again, err = repeat(ctx, a, c, o, w.replay); again || err != nil {
		return out, again, err
	}
	if out, err = w.do(ledger.WithOnce(ctx, o)); err == nil {
		return out, false, nil
	}
	// The same request may have been carried out at the same time; then that, and not its own failure, is the answer.
	if before, again, repeatErr := repeat(ctx, a, c, o, w.replay); again && repeatErr == nil {
		return before, true, nil
	}
	return out, false, err
}

func repeat[T any](ctx context.Context, a *API, c call, o ledger.Once, replay func(ledger.Entry) (T, error)) (out T, again bool, err error) {
	seq, err := a.Ledger.Told(ctx, c.ID, o)
	if seq == 0 || err != nil {
		return out, false, err
	}
	e, err := a.Ledger.Entry(ctx, seq)
	if err != nil {
		return out, false, err
	}
	out, err = replay(e)
	return out, err == nil, err
}

// definition reads what an entry defined.
func definition[T any](e ledger.Entry) (out T, err error) {
	d, err := ledger.Defined(e)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(d.Body, &out); err != nil {
		return out, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	return out, nil
}
