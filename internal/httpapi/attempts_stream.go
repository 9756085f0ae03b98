package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/transfer"
)

// AttemptItem is what became of one contact of a stream.
type AttemptItem struct {
	Line    int64    `json:"line" doc:"The line of the contact, from 1."`
	Attempt string   `json:"attempt,omitempty" doc:"The id of the contact, which counts."`
	Problem *Problem `json:"problem,omitempty" doc:"What is wrong with it, so that it does not count."`
}

// attemptBatchRoute is POST /v1/attempts/batch, which takes JSON and a stream of lines.
func (a *API) attemptBatchRoute(o operation) {
	a.document(o, reflect.TypeFor[AttemptBatch](), reflect.TypeFor[AttemptsAnswer]())
	a.alsoLines(o, reflect.TypeFor[AttemptRequest](), reflect.TypeFor[AttemptItem]())
	a.handle(o.method+" "+o.path, o.permission, func(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
		c, err := newCall(r, caller, nil)
		if err != nil {
			return err
		}
		media, err := mediaType(r, typeJSON, typeNDJSON)
		if err != nil {
			return err
		}
		if media == typeNDJSON {
			return a.attemptLines(w, r, c)
		}
		body, err := readBody(w, r, maxBatchBody)
		if err != nil {
			return err
		}
		in := new(AttemptBatch)
		if err := decode(body, in); err != nil {
			return err
		}
		out, err := a.postAttempts(r.Context(), c, in)
		if err != nil {
			return err
		}
		return send(a, w, r, o, out)
	})
}

// reporter counts the contacts of a stream, as many at once as there are before it would have to wait for more.
type reporter struct {
	a       *API
	c       call
	w       io.Writer
	control *http.ResponseController

	answers []AttemptItem
	list    []attempt.Attempt
	at      []int // where in answers each of list stands
}

// attemptLines answers line by line, in order and in constant memory. A stream that breaks off leaves counted what was
// answered.
func (a *API) attemptLines(w http.ResponseWriter, r *http.Request, c call) error {
	control := http.NewResponseController(w)
	if err := ignoreUnsupported(control.EnableFullDuplex()); err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeNDJSON)
	w.WriteHeader(http.StatusCreated)
	n := &reporter{a: a, c: c, w: w, control: control}
	// What was heard is counted though the caller may leave meanwhile.
	ctx := context.WithoutCancel(r.Context())
	body := newIdleReader(r.Body, control)
	err := n.run(ctx, transfer.NewLineReader(&sender{Reader: body, before: func() error { return n.settle(ctx) }}, maxLine))
	if err == nil {
		return nil
	}
	if errors.Is(err, access.ErrUnknownKey) {
		_, telling := w.Write(endedLine(nil))
		err = errors.Join(err, telling, ignoreUnsupported(control.Flush()))
	}
	a.Log.DebugContext(ctx, "a stream of contacts broke off", "error", err)
	breakOff(control) // a clean end would say that all was counted
	return nil
}

func (n *reporter) run(ctx context.Context, lines *transfer.LineReader) error {
	for {
		l, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return n.settle(ctx)
		}
		if err != nil {
			return err
		}
		n.hear(ctx, l)
		if len(n.answers) == maxGroup {
			if err := n.settle(ctx); err != nil {
				return err
			}
		}
	}
}

func (n *reporter) hear(ctx context.Context, l *transfer.Line) {
	item := AttemptItem{Line: l.Row}
	at, err := n.read(ctx, l)
	if err != nil {
		item.Problem = n.a.problemOf(ctx, err)
	} else {
		n.list, n.at = append(n.list, at), append(n.at, len(n.answers))
	}
	n.answers = append(n.answers, item)
}

func (n *reporter) read(ctx context.Context, l *transfer.Line) (at attempt.Attempt, err error) {
	if l.Flaws != 0 {
		return at, problem(http.StatusBadRequest, string(l.Flaws.Code()), "Line not readable", "", l.Flaws.String()+". A line may have "+strconv.Itoa(maxLine)+" bytes.")
	}
	var in AttemptRequest
	if err := decode(l.Raw, &in); err != nil {
		return at, err
	}
	if at, err = n.a.attemptOf(&in); err != nil {
		return at, err
	}
	return at, n.a.authorize(ctx, n.c.Caller, access.ReportAttempts, at.Brand)
}

// settle counts what was heard, and answers it.
func (n *reporter) settle(ctx context.Context) error {
	if len(n.answers) == 0 {
		return ignoreUnsupported(n.control.Flush()) // some callers send nothing before they see the answer begin
	}
	if err := n.a.Gate.InForce(n.c.Caller); err != nil {
		return err
	}
	ids, err := n.a.Attempts.Report(ctx, n.list...)
	for i, k := range n.at {
		if err != nil {
			n.answers[k].Problem = n.a.problemOf(ctx, err)
			continue
		}
		n.answers[k].Attempt = ids[i].String()
	}
	var out []byte
	for i := range n.answers {
		line, err := json.Marshal(&n.answers[i])
		if err != nil {
			return err
		}
		out = append(append(out, line...), '\n')
	}
	n.answers, n.list, n.at = n.answers[:0], n.list[:0], n.at[:0]
	if _, err := n.w.Write(out); err != nil {
		return err
	}
	return ignoreUnsupported(n.control.Flush())
}
