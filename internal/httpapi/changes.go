package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/ledger"
)

// Change is one committed entry as followers see it. It names the person by subject ID.
type Change struct {
	Entry
	Number string `json:"number,omitempty" doc:"The person's number, for those who may see it and asked with numbers=true." example:"+12025550123"`
}

// ChangesPage is a stretch of the changefeed.
type ChangesPage struct {
	Items []Change `json:"items" doc:"Entries in the order of the ledger. Those that the caller may not see are left out."`
	Next  uint64   `json:"next" doc:"Ask with this as after for what comes next."`
	Head  uint64   `json:"head" doc:"The last entry that is committed."`
}

const (
	changesDefault = 100
	changesMax     = 1000
	longestWait    = 60 * time.Second

	// heartbeat is how often a stream of events shows that it lives, so that proxies do not cut it.
	heartbeat = 15 * time.Second

	// reconnect is how long a browser waits before it comes back, in milliseconds.
	reconnect = 2000

	typeEvents = "text/event-stream"
)

// following is one caller's way through the changefeed.
type following struct {
	api     *API
	caller  *access.Caller
	after   uint64
	limit   int // of a page; in a stream, zero is no end
	wait    time.Duration
	numbers bool
	beat    time.Duration // between two signs of life in a stream of events
}

var changesParams = map[string]bool{"after": true, "limit": true, "wait": true, "numbers": true}

// getChanges tells what was committed after a cursor: as a page, for which it waits if it is asked to, or as a stream of
// lines or of events that goes on until the caller leaves.
func (a *API) getChanges(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
	c, err := newCall(r, caller, changesParams)
	if err != nil {
		return err
	}
	kind := accepted(r)
	f, err := a.following(c, kind)
	if err != nil {
		return err
	}
	if f.numbers {
		if err := a.Gate.Authorize(r.Context(), caller, access.SeeNumbers); err != nil {
			return err
		}
	}
	switch kind {
	case typeNDJSON:
		return f.stream(r.Context(), w, kind, f.line, nil)
	case typeEvents:
		return f.stream(r.Context(), w, kind, f.event, []byte("retry: "+strconv.Itoa(reconnect)+"\n\n"))
	}
	if err := f.behind(r.Context()); err != nil {
		return err
	}
	page, err := f.page(r.Context())
	if err != nil {
		return err
	}
	return a.writeStatus(w, r, http.StatusOK, page)
}

// behind refuses a cursor that no entry has reached, unless the caller would wait for it: it is of another ledger, or of
// this one before a copy was restored, and would pass over entries in silence. Other nodes may be ahead of this one, so
// the ledger is asked.
func (f *following) behind(ctx context.Context) error {
	if f.wait > 0 || f.after <= f.api.Feed.Head() {
		return nil
	}
	head, err := f.api.Ledger.Head(ctx)
	if err != nil || f.after <= head {
		return err
	}
	return problem(http.StatusUnprocessableEntity, "cursor_ahead", "Cursor beyond the ledger", "after",
		"No entry has this place yet. The cursor is of another ledger, or a copy was restored: begin from 0, and pass over what is known.")
}

// accepted returns the media type that the caller named first among those there are; JSON if none.
func accepted(r *http.Request) string {
	for _, header := range r.Header.Values("Accept") {
		for offer := range strings.SplitSeq(header, ",") {
			name, _, _ := strings.Cut(offer, ";")
			switch name = strings.ToLower(strings.TrimSpace(name)); name {
			case typeJSON, typeNDJSON, typeEvents:
				return name
			}
		}
	}
	return typeJSON
}

func (a *API) following(c call, kind string) (*following, error) {
	f := &following{api: a, caller: c.Caller, beat: heartbeat}
	after := c.query("after")
	if id := c.r.Header.Get("Last-Event-ID"); id != "" && kind == typeEvents {
		after = id // what a browser has seen since the address was written
	}
	var err error
	if f.after, err = wholeNumber(after, "after", 0, math.MaxInt64); err != nil {
		return nil, err
	}
	least, most := uint64(0), uint64(math.MaxInt32)
	if kind == typeJSON {
		least, most = 1, changesMax
	}
	limit, err := wholeNumber(c.query("limit"), "limit", least, most)
	if err != nil {
		return nil, err
	}
	if f.limit = int(limit); kind == typeJSON && c.query("limit") == "" {
		f.limit = changesDefault
	}
	seconds, err := wholeNumber(c.query("wait"), "wait", 0, uint64(longestWait/time.Second))
	if err != nil {
		return nil, err
	}
	f.wait = time.Duration(seconds) * time.Second
	switch c.query("numbers") {
	case "", "false":
	case "true":
		f.numbers = true
	default:
		return nil, unprocessable(act.CodeInvalidField, "numbers", "want true or false")
	}
	return f, nil
}

func wholeNumber(text, field string, least, most uint64) (uint64, error) {
	if text == "" {
		return least, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, unprocessable(act.CodeInvalidField, field, "want a whole number from "+strconv.FormatUint(least, 10)+" to "+strconv.FormatUint(most, 10))
	}
	return n, nil
}

// page returns the next entries, and waits for some that the caller may see for as long as was asked for.
func (f *following) page(ctx context.Context) (ChangesPage, error) {
	out := ChangesPage{Items: []Change{}}
	waiting, cancel := context.WithTimeout(ctx, f.wait)
	defer cancel()
	for {
		seen, full, err := f.next(ctx, f.limit)
		if err != nil {
			return out, err
		}
		out.Items, out.Next, out.Head = append(out.Items, seen...), f.after, f.api.Feed.Head()
		switch {
		case len(out.Items) > 0 || f.wait == 0:
			return out, nil
		case full:
			continue
		}
		if f.api.Feed.Wait(waiting, f.after) != nil {
			return out, f.api.Gate.InForce(f.caller) // the wait is over, or the server stops: the cursor goes on from here
		}
	}
}

// next reads up to n entries and returns those that the caller may see; full says that there may be more at once. The
// database is not held while the caller reads.
func (f *following) next(ctx context.Context, n int) (seen []Change, full bool, err error) {
	entries, err := f.api.Ledger.Entries(ctx, f.after, n)
	if err == nil {
		err = f.api.Gate.InForce(f.caller)
	}
	if err != nil {
		return nil, false, err
	}
	for i := range entries {
		e := &entries[i]
		f.after = e.Seq
		if sees(f.caller, e) {
			seen = append(seen, f.change(e))
		}
	}
	return seen, len(entries) == n, nil
}

// sees reports whether an entry may be told to a caller. Who acts for some brands only sees acts that concern these;
// entries about keys are for those who manage them, refused calls for those who read entries.
func sees(caller *access.Caller, e *ledger.Entry) bool {
	switch {
	case e.Kind == ledger.KindAccess && !caller.Can(access.ManageKeys):
		return false
	case e.Kind == ledger.KindDenial && !caller.Can(access.ReadEntries):
		return false
	case len(caller.Brands) == 0:
		return true
	}
	return e.Kind == ledger.KindAct && !e.Erased && visible(call{Caller: caller}, e.Body.Brand)
}

func (f *following) change(e *ledger.Entry) Change {
	c := Change{Entry: f.api.entryOf(e)}
	if c.ActEntry != nil {
		c.Wording = nil // the words themselves are read once, by their reference
	}
	if !f.caller.Can(access.ReadHistory) {
		c.By, c.Actor = "", ""
		if c.ActEntry != nil {
			c.Evidence = ""
		}
	}
	if f.numbers && e.Number != 0 {
		c.Number = e.Number.String()
	}
	return c
}

// streamPage is how many entries a stream reads at once: all the memory that a slow reader holds.
const streamPage = 500

// stream tells entries as they are committed, until the caller leaves, the server stops or the limit is reached. A
// broken stream loses nothing: the cursor of the last entry that arrived continues it.
func (f *following) stream(ctx context.Context, w http.ResponseWriter, kind string, write func([]byte, *Change) ([]byte, error), begin []byte) error {
	control := http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Accel-Buffering", "no") // reverse proxies that would gather events before they pass them on
	w.WriteHeader(http.StatusOK)
	out, left := begin, f.limit
	for {
		size := streamPage
		if f.limit > 0 {
			size = min(size, left)
		}
		before := f.after
		seen, full, err := f.next(ctx, size)
		if err != nil {
			return f.ended(ctx, w, control, kind, err)
		}
		for i := range seen {
			if out, err = write(out, &seen[i]); err != nil {
				return f.broken(ctx, err)
			}
		}
		if kind == typeEvents && f.after > before && (len(seen) == 0 || seen[len(seen)-1].Seq < f.after) {
			out = f.appendCursor(out) // past what the caller may not see
		}
		if err := f.send(w, control, out); err != nil {
			return f.broken(ctx, err)
		}
		out = out[:0]
		if left -= len(seen); f.limit > 0 && left <= 0 {
			return nil
		}
		if full {
			continue
		}
		if err := f.await(ctx, w, control, kind); err != nil {
			return f.ended(ctx, w, control, kind, err)
		}
	}
}

// ended tells a caller whose key has ended that the stream does so too; otherwise it is broken.
func (f *following) ended(ctx context.Context, w http.ResponseWriter, control *http.ResponseController, kind string, err error) error {
	if !errors.Is(err, access.ErrUnknownKey) {
		return f.broken(ctx, err)
	}
	last := endedLine
	if kind == typeEvents {
		last = endedEvent
	}
	if err := f.send(w, control, last(nil)); err != nil {
		return f.broken(ctx, err)
	}
	return nil
}

// broken ends a stream. Its beginning has been sent, so the error cannot be told; the end of the connection tells it.
func (f *following) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil // the caller left, or the server stops
	}
	f.api.Log.ErrorContext(ctx, "a stream of changes broke off", "error", err)
	panic(http.ErrAbortHandler)
}

func (f *following) send(w http.ResponseWriter, control *http.ResponseController, out []byte) error {
	if len(out) > 0 {
		if _, err := w.Write(out); err != nil {
			return err
		}
	}
	return ignoreUnsupported(control.Flush())
}

// await returns when there is more. Meanwhile it shows the caller of a stream of events that the stream lives.
func (f *following) await(ctx context.Context, w http.ResponseWriter, control *http.ResponseController, kind string) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, f.beat)
		err := f.api.Feed.Wait(waiting, f.after)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err := f.api.Gate.InForce(f.caller); err != nil {
			return err
		}
		if kind == typeEvents {
			if err := f.send(w, control, []byte(": alive\n\n")); err != nil {
				return err
			}
		}
	}
}

func (f *following) line(out []byte, c *Change) ([]byte, error) {
	body, err := json.Marshal(c)
	return append(append(out, body...), '\n'), err
}

func (f *following) event(out []byte, c *Change) ([]byte, error) {
	body, err := json.Marshal(c)
	out = append(strconv.AppendUint(append(out, "id: "...), c.Seq, 10), "\nevent: "...)
	out = append(append(out, c.Kind...), "\ndata: "...)
	return append(append(out, body...), "\n\n"...), err
}

// appendCursor moves a browser's Last-Event-ID without an event: one without data is not dispatched (WHATWG HTML, 9.2.6).
func (f *following) appendCursor(out []byte) []byte {
	return append(strconv.AppendUint(append(out, "id: "...), f.after, 10), "\n\n"...)
}
