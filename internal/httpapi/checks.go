package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/transfer"
)

// answerChunk is how much of an answer is gathered before it is written.
const answerChunk = 64 << 10

// postChecks answers many questions. What is wrong with one is said of that one; each answer is as fresh as if it had
// been asked for alone.
func (a *API) postChecks(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
	kind, err := mediaType(r, typeJSON, typeNDJSON)
	if err != nil {
		return err
	}
	q := &questioner{api: a, caller: caller, patience: newPatience(revisionPatience)}
	if kind == typeNDJSON {
		return q.stream(w, r)
	}
	body, err := readBody(w, r, maxBatchBody)
	if err != nil {
		return err
	}
	items, err := questions(body)
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = contentJSON
	if err := q.batch(r.Context(), w, items); err != nil {
		a.Log.DebugContext(r.Context(), "the caller of a batch of checks left", "error", err)
	}
	return nil
}

// questions cuts {"items":[…]} into its items, which are decoded one by one so that each can be wrong for itself.
func questions(body []byte) ([]jsontext.Value, error) {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	if kind := d.PeekKind(); kind != '{' {
		return nil, notJSON(d, nil)
	}
	_, err := d.ReadToken()
	var items []jsontext.Value
	found := false
	for err == nil && d.PeekKind() != '}' {
		var name jsontext.Token
		if name, err = d.ReadToken(); err != nil {
			break
		}
		switch {
		case name.String() != "items":
			return nil, unprocessable("unknown_field", printable(name.String()), "is not a field here: send items")
		case found:
			return nil, unprocessable("duplicate_field", "items", "stands twice: send it once")
		}
		found = true
		if items, err = elements(d, body); err != nil {
			break
		}
	}
	var p *Problem
	if err == nil {
		_, err = d.ReadToken()
	}
	if err == nil {
		if _, end := d.ReadToken(); !errors.Is(end, io.EOF) {
			err = errors.New("more follows")
		}
	}
	switch {
	case errors.As(err, &p):
		return nil, p
	case err != nil:
		return nil, notJSON(d, err)
	case !found:
		return nil, unprocessable(act.CodeMissingField, "items", "is missing: send up to 10,000 questions")
	}
	return items, nil
}

func elements(d *jsontext.Decoder, body []byte) (items []jsontext.Value, err error) {
	if d.PeekKind() != '[' {
		if d.PeekKind() == 0 {
			_, err = d.ReadToken()
			return nil, err
		}
		return nil, unprocessable(act.CodeInvalidField, "items", "want a list of questions")
	}
	if _, err = d.ReadToken(); err != nil {
		return nil, err
	}
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		if len(items) == maxBatch {
			return nil, problem(http.StatusRequestEntityTooLarge, "too_many_items", "Too many items", "items", "Send up to 10,000 questions at once, or stream them as application/x-ndjson.")
		}
		end := d.InputOffset()
		items = append(items, body[end-int64(len(v)):end])
	}
	_, err = d.ReadToken()
	return items, err
}

func notJSON(d *jsontext.Decoder, err error) *Problem {
	var syntax *jsontext.SyntacticError
	at := d.InputOffset()
	if errors.As(err, &syntax) {
		at = syntax.ByteOffset
	}
	return problem(http.StatusBadRequest, "invalid_json", "Not JSON", "", fmt.Sprintf("The body cannot be read as a JSON object at byte %d.", at))
}

// questioner answers the questions of one call.
type questioner struct {
	api      *API
	caller   *access.Caller
	patience *patience
	item     check.Item
	answered answered
	named    map[string]bool // the correlation ids of a batch; nil in a stream, whose length has no bound
	denied   error           // of the first brand that the caller may not ask for; a call is denied once
	out      []byte
}

func (q *questioner) batch(ctx context.Context, w io.Writer, items []jsontext.Value) error {
	q.named = make(map[string]bool, len(items))
	q.out = append(q.out, `{"items":[`...)
	for i, item := range items {
		if i > 0 {
			q.out = append(q.out, ',')
		}
		q.answer(ctx, item, int64(i))
		if len(q.out) < answerChunk {
			continue
		}
		if _, err := w.Write(q.out); err != nil {
			return err
		}
		q.out = q.out[:0]
	}
	_, err := w.Write(append(q.out, "]}\n"...))
	return err
}

// stream answers line by line, in order and in constant memory. Before it waits for more questions, it sends off what
// it has answered: whoever asks one at a time is answered one at a time.
func (q *questioner) stream(w http.ResponseWriter, r *http.Request) error {
	a, control := q.api, http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	w.Header()["Content-Type"] = contentNDJSON
	w.WriteHeader(http.StatusOK)
	send := func() error {
		if len(q.out) == 0 {
			return nil
		}
		_, err := w.Write(q.out)
		q.out = q.out[:0]
		return err
	}
	lines := transfer.NewLineReader(&sender{Reader: r.Body, before: func() error {
		if err := send(); err != nil {
			return err
		}
		q.patience.left = revisionPatience
		return ignoreUnsupported(control.Flush())
	}}, maxLine)
	for {
		l, err := lines.Read()
		if err == nil {
			if err = a.Gate.InForce(q.caller); err == nil {
				q.answerLine(r.Context(), l)
			}
			if err == nil && len(q.out) >= answerChunk {
				err = send()
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if err = send(); err == nil {
				return nil
			}
			fallthrough
		case err != nil:
			if errors.Is(err, access.ErrUnknownKey) {
				q.out = endedLine(q.out[:0])
				err = errors.Join(err, send(), ignoreUnsupported(control.Flush()))
			}
			a.Log.DebugContext(r.Context(), "a stream of questions broke off", "error", err)
			breakOff(control) // a clean end would say that all was answered
		}
	}
}

// sender does something before each read: the reader may have to wait.
type sender struct {
	io.Reader
	before func() error
}

func (s *sender) Read(p []byte) (int, error) {
	if err := s.before(); err != nil {
		return 0, err
	}
	return s.Reader.Read(p)
}

func ignoreUnsupported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

func (q *questioner) answerLine(ctx context.Context, l *transfer.Line) {
	if l.Flaws == 0 {
		q.answer(ctx, l.Raw, l.Row)
	} else {
		q.refuse(ctx, nil, l.Row, problem(http.StatusBadRequest, string(l.Flaws.Code()), "Line not readable", "",
			l.Flaws.String()+". A line may have "+strconv.Itoa(maxLine)+" bytes."))
	}
	q.out = append(q.out, '\n')
}

// answer appends what becomes of one question, under the caller's name for it or else its place.
func (q *questioner) answer(ctx context.Context, data []byte, place int64) {
	it := &q.item
	if err := check.DecodeItem(data, it); err != nil {
		if len(it.CorrelationID) == 0 {
			it.CorrelationID = nameIn(data)
		}
		q.refuse(ctx, it.CorrelationID, place, questionProblem(err, len(data)))
		return
	}
	if err := q.sound(it); err != nil {
		q.refuse(ctx, it.CorrelationID, place, err)
		return
	}
	if q.denied != nil && !q.caller.For(consent.BrandID(it.Brand)) {
		q.refuse(ctx, it.CorrelationID, place, q.denied)
		return
	}
	err := q.api.judge(ctx, q.caller, &it.Request, q.patience, &q.answered)
	if err != nil {
		var denied *access.DeniedError
		if errors.As(err, &denied) {
			q.denied = err
		}
		q.refuse(ctx, it.CorrelationID, place, err)
		return
	}
	q.name(it.CorrelationID, place)
	verdict := len(q.out)
	said, err := q.api.appendVerdict(q.out, &it.Request, &q.answered)
	if err != nil {
		q.api.Log.ErrorContext(ctx, "a verdict could not be written in full", "error", err)
		said = check.AppendJSON(q.out, &q.answered.verdict, q.api.Citations)
	}
	q.out = slices.Delete(said, verdict, verdict+1) // its opening bracket: the name's object goes on
}

// sound refuses what may not be asked among others.
func (q *questioner) sound(it *check.Item) error {
	if it.Receipt {
		return unprocessable(act.CodeInvalidField, "receipt", "receipts are signed one at a time: ask with POST /v1/checks")
	}
	if it.Reserve {
		return unprocessable(act.CodeInvalidField, "reserve", "contacts are reserved one at a time: ask with POST /v1/checks")
	}
	if q.named == nil || len(it.CorrelationID) == 0 {
		return nil
	}
	if q.named[string(it.CorrelationID)] {
		return unprocessable(act.CodeDuplicateID, "correlation_id", "stands at an earlier item too: give each item a name of its own")
	}
	q.named[string(it.CorrelationID)] = true
	return nil
}

func (q *questioner) refuse(ctx context.Context, name []byte, place int64, err error) {
	q.name(name, place)
	q.out = append(appendProblem(append(q.out, `"problem":`...), q.api.problemOf(ctx, err)), '}')
}

func (q *questioner) name(name []byte, place int64) {
	q.out = append(q.out, `{"correlation_id":`...)
	if len(name) > 0 {
		q.out = append(appendName(q.out, name), ',')
		return
	}
	q.out = append(strconv.AppendInt(append(q.out, '"'), place, 10), `",`...)
}

// nameIn looks for the caller's name in a question that could not be read otherwise.
func nameIn(data []byte) []byte {
	var named struct {
		CorrelationID string `json:"correlation_id"`
	}
	if json.Unmarshal(data, &named) != nil || len(named.CorrelationID) > check.MaxCorrelationID {
		return nil
	}
	return []byte(named.CorrelationID)
}
