package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/transfer"
)

const (
	// maxGroup is how many lines of a stream are recorded at once.
	maxGroup = 500
	// maxLine bounds a line: an act with the longest wording.
	maxLine = 64 << 10
)

var errGone = errors.New("the caller is gone")

// recordLines records a stream of acts and answers each line with a line, in order. Reading, recording and answering
// overlap in constant memory: whoever does not read the answers is not read from either. A stream that breaks off
// leaves recorded what was answered; a last line that came without its end was never whole, and is not recorded.
func (a *API) recordLines(w http.ResponseWriter, r *http.Request, t *teller) error {
	control := http.NewResponseController(w)
	if err := ignoreUnsupported(control.EnableFullDuplex()); err != nil {
		return err
	}
	// What was heard is recorded though the caller may leave meanwhile; what ends the work is stop.
	ctx, stop := context.WithCancelCause(context.WithoutCancel(r.Context()))
	defer stop(nil)
	body := newIdleReader(r.Body, control)
	heard := make(chan told, 2*maxGroup)
	answers := make(chan []ConsentItem, 1)
	var broken error // set before answers is closed
	go func() {
		defer close(heard)
		broken = t.hearLines(ctx, body, heard)
	}()
	go func() {
		defer close(answers)
		t.recordGroups(ctx, stop, heard, answers)
	}()
	w.Header().Set("Content-Type", typeNDJSON)
	err := writeItems(w, control, answers)
	if err != nil {
		stop(errGone)
		body.stop()
		for range answers { // until both goroutines have ended: they use the request
		}
	}
	if errors.Is(broken, access.ErrUnknownKey) {
		_, telling := w.Write(endedLine(nil))
		err = errors.Join(err, telling, ignoreUnsupported(control.Flush()))
	}
	if err = errors.Join(err, broken); err != nil {
		a.Log.DebugContext(ctx, "a stream of acts broke off", "error", err)
		breakOff(control) // a clean end would say that all was heard
	}
	return nil
}

// hearLines reads acts until the stream ends or the work is stopped.
func (t *teller) hearLines(ctx context.Context, body io.Reader, heard chan<- told) error {
	lines := transfer.NewLineReader(body, maxLine)
	for {
		l, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case heard <- t.hearLine(ctx, l):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (t *teller) hearLine(ctx context.Context, l *transfer.Line) told {
	id := strconv.FormatInt(l.Row, 10)
	if l.Flaws&^transfer.BadUTF8 != 0 { // broken UTF-8 is told better where the byte is known
		return told{line: l.Row, id: id, fault: problem(http.StatusBadRequest, string(l.Flaws.Code()), "Line not readable", "", l.Flaws.String()+". A line may have "+strconv.Itoa(maxLine)+" bytes.")}
	}
	out := t.hear(ctx, l.Raw, l.Row, id)
	if out.id != id && !t.recent.add(out.id) {
		out.fault = unprocessable(act.CodeDuplicateID, "correlation_id", "is that of an earlier line as well: give each line its own")
	}
	return out
}

// recentIDs holds the last correlation ids of a stream: what two lines with one would be answered, nobody could tell
// apart. It is bounded since a stream is not.
type recentIDs struct {
	held map[string]bool
	ring []string
	next int
}

const mostRecentIDs = 100_000

// add takes an id in, and reports whether it is not among the recent ones.
func (r *recentIDs) add(id string) bool {
	if r.held[id] {
		return false
	}
	if r.held == nil {
		r.held = map[string]bool{}
	}
	if len(r.ring) < mostRecentIDs {
		r.ring = append(r.ring, id)
	} else {
		delete(r.held, r.ring[r.next])
		r.ring[r.next], r.next = id, (r.next+1)%mostRecentIDs
	}
	r.held[id] = true
	return true
}

// recordGroups records what has been heard, as much at once as there is. Order is kept: of two acts without a date the
// later line is the later act. Once recording fails, every line that was heard is told so, and no more are heard.
func (t *teller) recordGroups(ctx context.Context, stop context.CancelCauseFunc, heard <-chan told, answers chan<- []ConsentItem) {
	var failed error
	for first := range heard {
		group := gather(first, heard)
		if failed == nil {
			failed = t.a.Gate.InForce(t.c.Caller)
		}
		if failed == nil {
			var items []ConsentItem
			if items, failed = t.record(ctx, group); failed == nil {
				answers <- items
				continue
			}
		}
		stop(failed)
		items := make([]ConsentItem, len(group))
		for i := range group {
			items[i] = t.rejected(ctx, &group[i], failed)
		}
		answers <- items
	}
}

// gather takes what waits already, up to a group.
func gather(first told, heard <-chan told) []told {
	group := append(make([]told, 0, maxGroup), first)
	for len(group) < maxGroup {
		select {
		case p, open := <-heard:
			if !open {
				return group
			}
			group = append(group, p)
		default:
			return group
		}
	}
	return group
}

// writeItems writes each group's lines and sends them off.
func writeItems(w io.Writer, control *http.ResponseController, answers <-chan []ConsentItem) error {
	var out []byte
	if err := ignoreUnsupported(control.Flush()); err != nil { // some callers send nothing before they see the answer begin
		return err
	}
	for items := range answers {
		out = out[:0]
		for i := range items {
			line, err := json.Marshal(&items[i])
			if err != nil {
				return err
			}
			out = append(append(out, line...), '\n')
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		if err := ignoreUnsupported(control.Flush()); err != nil {
			return err
		}
	}
	return nil
}
