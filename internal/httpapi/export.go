package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/ledger"
)

// ExportedRecord is one line of an export: what stands for one number in one scope.
type ExportedRecord struct {
	Number string `json:"number" doc:"The number, masked for callers who need not see it." example:"+12025550123"`
	Record
}

// Disclosed is the detail of the entries that say that personal data left. One is made before the first byte, so that
// no export goes unrecorded, and one when it is known how much left.
type Disclosed struct {
	What     string `json:"what"`
	Revision uint64 `json:"revision"` // every entry up to this one has taken part
	Masked   bool   `json:"masked,omitempty"`
	Reason   string `json:"reason,omitempty"` // why, as the caller said
	Ended    bool   `json:"ended,omitempty"`
	Records  int64  `json:"records,omitempty"`  // of an ended one: how many were sent
	Complete bool   `json:"complete,omitempty"` // of an ended one: those are all
}

// How much of an export an intermediary or a file has can be told by these: the first is a header, an estimate before
// the first line; the second a trailer, exact after the last.
const (
	headerRecords  = "Consentline-Records"
	headerExported = "Consentline-Exported"
)

// headerReason says why numbers in full are to leave.
const headerReason = "Consentline-Reason"

func reasonParam() *huma.Param {
	return &huma.Param{
		Name: headerReason, In: "header", Schema: &huma.Schema{Type: huma.TypeString}, Example: "yearly audit",
		Description: "Why the numbers are needed, in 5 to 500 bytes without a number: it is recorded for ever. Numbers in full leave only with a reason; masked ones need none.",
	}
}

func (a *API) exportRoutes() {
	o := operation{
		id: "export", tag: tagConsents, method: http.MethodGet, path: "/v1/export", permission: access.Export,
		summary: "Export every record",
		description: "Streams what stands now for every number in every scope that the caller may see, one JSON object a line. That it was exported, by whom " +
			"and how much, is recorded in the ledger. The trailer " + headerExported + " says how many lines there were; without it the export is not complete.",
		params: []*huma.Param{reasonParam()},
		answer: ExportedRecord{Number: "+12025550123", Record: exampleRecord()},
	}
	a.document(o, nil, reflect.TypeFor[ExportedRecord]())
	success := a.operationOf(o).Responses["200"]
	success.Content[typeNDJSON] = success.Content[typeJSON]
	delete(success.Content, typeJSON)
	a.handle(o.method+" "+o.path, o.permission, a.getExport)
}

func (a *API) getExport(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
	c, err := newCall(r, caller, nil)
	if err != nil {
		return err
	}
	told := Disclosed{What: "export of records", Revision: a.Index.Revision(), Masked: c.masked(), Reason: strings.TrimSpace(r.Header.Get(headerReason))}
	if err := reasonFor(caller, told); err != nil {
		return err
	}
	if err := a.disclosed(r.Context(), caller, told); err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = contentNDJSON
	h.Set(headerRecords, strconv.Itoa(a.Index.Stats().Records))
	h.Set("Trailer", headerExported)
	out := &movingWriter{w, http.NewResponseController(w), func() error { return a.Gate.InForce(caller) }}
	e := &exporting{
		call: c, now: a.Now(), out: bufio.NewWriterSize(out, 64<<10),
	}
	err = e.run(r.Context(), a.Ledger)
	told.Ended, told.Records, told.Complete = true, e.sent, err == nil
	// The caller may be gone; what they took is recorded all the same.
	if recording := a.disclosed(context.WithoutCancel(r.Context()), caller, told); recording != nil {
		err = errors.Join(err, recording)
	}
	if errors.Is(err, access.ErrUnknownKey) {
		err = errors.Join(err, out.end())
	}
	if err != nil {
		a.Log.WarnContext(r.Context(), "an export is not complete", "error", err, "records", e.sent)
		panic(http.ErrAbortHandler) // the lines that were sent must not pass for all there are
	}
	h.Set(headerExported, strconv.FormatInt(e.sent, 10))
	return nil
}

// reasonFor asks for the reason of an export of numbers in full. Whoever runs this command line has the master key and
// could take them anyway.
func reasonFor(caller *access.Caller, told Disclosed) error {
	if told.Reason == "" && (told.Masked || caller.ID == access.Local.ID) {
		return nil
	}
	if told.Reason == "" {
		return problem(http.StatusUnprocessableEntity, "reason_required", "Reason required", headerReason, "Numbers in full leave only with a reason: send "+headerReason+" with why they are needed, in 5 to 500 bytes.")
	}
	var invalid *access.InvalidError
	if err := access.ValidReason(told.Reason); errors.As(err, &invalid) {
		return problem(http.StatusUnprocessableEntity, act.CodeInvalidField, "Reason not taken", headerReason, invalid.Reason)
	}
	return nil
}

func (a *API) disclosed(ctx context.Context, caller *access.Caller, d Disclosed) error {
	_, err := a.Ledger.AppendOne(ctx, ledger.Item{Kind: ledger.KindDisclosed, By: caller.ID, Detail: d})
	return err
}

// exporting writes records while they are read. The reader's transaction stays open as long as the caller takes, which
// is bounded by the caller having to take something all the time.
type exporting struct {
	call
	now  time.Time
	out  *bufio.Writer
	sent int64
}

func (e *exporting) run(ctx context.Context, l *ledger.Ledger) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	_, err := l.LoadRecords(ctx, func(change ledger.Change) {
		if ctx.Err() == nil {
			if err := e.write(change); err != nil {
				stop(err)
			}
		}
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return errors.Join(err, e.out.Flush())
}

func (e *exporting) write(change ledger.Change) error {
	if !visible(e.call, change.Scope.Brand) {
		return nil
	}
	line := ExportedRecord{Number: change.Number.String(), Record: recordOf(change.Scope, change.Record, e.now)}
	if e.masked() {
		line.Number = change.Number.Masked()
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := e.out.Write(append(text, '\n')); err != nil {
		return err
	}
	e.sent++
	return nil
}

// movingWriter gives up on a caller who takes nothing for too long.
type movingWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	inForce func() error // asked before each piece that is told
}

func (w *movingWriter) Write(b []byte) (int, error) {
	if err := w.inForce(); err != nil {
		return 0, err
	}
	// A writer without deadlines belongs to a caller in this process.
	_ = w.control.SetWriteDeadline(time.Now().Add(idleTime)) //nolint:forbidigo // the network's time, no fact's
	return w.ResponseWriter.Write(b)
}

// end tells a caller whose key has ended that these are not all records.
func (w *movingWriter) end() error {
	_, err := w.ResponseWriter.Write(endedLine(nil))
	return errors.Join(err, ignoreUnsupported(w.control.Flush()))
}
