package httpapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// Entry is one entry of the ledger, as far as it can be read.
type Entry struct {
	Seq        uint64      `json:"seq" doc:"The entry's place in the ledger."`
	RecordedAt ledger.Time `json:"recorded_at" doc:"When the ledger learned of it."`
	Kind       kindOfEntry `json:"kind" doc:"What the entry is about."`
	Subject    string      `json:"subject,omitempty" doc:"The person it is about."`
	Erased     bool        `json:"erased,omitempty" doc:"Whether the person was erased: then nothing else can be read."`
	By         string      `json:"by,omitempty" doc:"Who was authenticated when it was told." example:"key:k3v9a2m0"`
	Actor      string      `json:"actor,omitempty" doc:"Who acted, as the teller said."`
	EventID    string      `json:"event_id,omitempty" doc:"The source's own id of the event."`
	Commitment string      `json:"commitment" doc:"SHA-256 over salt and content, as it stands in the log's leaf." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	*ActEntry
	CorrelationID string          `json:"correlation_id,omitempty" doc:"The teller's name for it."`
	Detail        json.RawMessage `json:"detail,omitempty" doc:"The content of an entry that is no act of consent."`
}

// ActEntry is what an entry says of an act of consent.
type ActEntry struct {
	Act         consent.Kind      `json:"act,omitzero" doc:"What was done."`
	Brand       consent.BrandID   `json:"brand,omitempty" doc:"On whose behalf."`
	Purpose     consent.PurposeID `json:"purpose,omitempty" doc:"What contact is for."`
	Channel     *consent.Channel  `json:"channel,omitempty" doc:"The channel."`
	Level       consent.Level     `json:"level,omitzero" doc:"How strong the consent is."`
	Confirmed   bool              `json:"confirmed,omitempty" doc:"Whether a double opt-in was completed."`
	Source      consent.Source    `json:"source,omitzero" doc:"Where the act came from."`
	Via         string            `json:"via,omitempty" doc:"The road by which it reached the ledger; absent: live." enum:"batch,import,provider,crm"`
	Method      string            `json:"method,omitempty" doc:"How within the source."`
	EffectiveAt *ledger.Time      `json:"effective_at,omitempty" doc:"When it happened."`
	ValidUntil  *ledger.Time      `json:"valid_until,omitempty" doc:"When the consent runs out."`
	ReviewAt    *ledger.Time      `json:"review_at,omitempty" doc:"When it should be looked at again."`
	Disclosure  string            `json:"disclosure,omitempty" doc:"The wording that was shown, as id@version."`
	Wording     *Wording          `json:"wording,omitempty" doc:"The exact words of that version."`
	Evidence    string            `json:"evidence,omitempty" doc:"The reference to an artefact."`
}

// kindOfEntry is the name of a ledger.Kind.
type kindOfEntry string

// Schema lists the kinds.
func (kindOfEntry) Schema(huma.Registry) *huma.Schema {
	return enum("act", ledger.KindAct, ledger.KindDefinition, ledger.KindSuppression, ledger.KindAccess, ledger.KindDenial,
		ledger.KindDisclosed, ledger.KindErasure, ledger.KindAttempt, ledger.KindOverride, ledger.KindRequest)
}

// entryOf shows an entry with the words that were used.
func (a *API) entryOf(e *ledger.Entry) Entry {
	out := Entry{
		Seq: e.Seq, RecordedAt: ledger.Time(e.RecordedAt), Kind: kindOfEntry(e.Kind.String()), Erased: e.Erased,
		By: e.Body.By, Actor: e.Body.Actor, EventID: e.Body.EventID, CorrelationID: e.Body.CorrelationID,
		Commitment: hex.EncodeToString(e.Commitment[:]), Detail: e.Body.Detail,
	}
	if e.Subject != (ledger.SubjectID{}) {
		out.Subject = hex.EncodeToString(e.Subject[:])
	}
	act, ok := e.Act()
	if !ok {
		return out
	}
	out.ActEntry = &ActEntry{
		Act: act.Kind, Brand: act.Scope.Brand, Purpose: act.Scope.Purpose, Channel: &act.Scope.Channel,
		Level: act.Level, Confirmed: act.Confirmed, Source: act.Source, Via: act.Via.String(), Method: act.Method,
		EffectiveAt: moment(act.EffectiveAt), ValidUntil: moment(act.ValidUntil), ReviewAt: moment(act.ReviewAt),
		Disclosure: ledger.FormatDisclosure(act.Disclosure), Evidence: act.Evidence,
	}
	if w, err := a.Catalog.Wording(act.Disclosure); err == nil {
		shown := Wording(w)
		out.Wording = &shown
	}
	return out
}

func (a *API) entryRoutes() {
	serve(a, operation{
		id: "readHistory", tag: tagSubjects, method: http.MethodGet, path: "/v1/subjects/{subject}/history", permission: access.ReadHistory,
		summary:     "Read a subject's history",
		description: "Tells every entry about a person in the order in which the ledger learned of them: who told it, when it happened, in which words, with what evidence, and its commitment in the log.",
		params:      append([]*huma.Param{subjectParam()}, pageParams()...),
		errors:      []int{http.StatusNotFound},
		answer:      Page[Entry]{Items: []Entry{exampleEntry()}},
	}, a.readHistory)
	seq := pathParam("seq", "The entry's place in the ledger.", "1")
	seq.Schema = &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0)}
	seq.Example = 1
	serve(a, operation{
		id: "readEntry", tag: tagLog, method: http.MethodGet, path: "/v1/entries/{seq}", permission: access.ReadEntries,
		summary:     "Read an entry",
		description: "Tells one entry of the ledger. Of an erased person's entries only place, time, kind and commitment are left.",
		params:      []*huma.Param{seq},
		errors:      []int{http.StatusNotFound},
		answer:      exampleEntry(),
	}, a.readEntry)
}

func (a *API) readHistory(ctx context.Context, c call, _ *none) (out reply[Page[Entry]], err error) {
	id, err := subjectID(c)
	if err != nil {
		return out, err
	}
	limit, err := c.limit()
	if err != nil {
		return out, err
	}
	list := "history of " + hex.EncodeToString(id[:])
	place, err := a.after(c, list)
	if err != nil {
		return out, err
	}
	after, _ := strconv.ParseUint(place, 10, 64) // the cursor is ours
	entries, more, err := a.historyFor(ctx, c, id, after, limit)
	if err != nil {
		return out, notFoundSubject(err)
	}
	if len(entries) == 0 && len(c.Brands) > 0 && after == 0 {
		return out, notFoundSubject(ledger.ErrNotFound)
	}
	out.body.Items = make([]Entry, len(entries))
	for i := range entries {
		out.body.Items[i] = a.entryOf(&entries[i])
	}
	if more {
		out.next = a.cursor(list, strconv.FormatUint(entries[limit-1].Seq, 10))
		out.body.Next = out.next
	}
	return out, nil
}

// historyFor returns the entries that a caller may see, and whether there are more.
func (a *API) historyFor(ctx context.Context, c call, id ledger.SubjectID, after uint64, limit int) (seen []ledger.Entry, more bool, err error) {
	for {
		entries, err := a.Ledger.History(ctx, id, after, limit+1)
		if err != nil {
			return nil, false, err
		}
		for _, e := range entries {
			after = e.Seq
			if len(c.Brands) > 0 && !visible(c, e.Body.Brand) {
				continue
			}
			if len(seen) == limit {
				return seen, true, nil
			}
			seen = append(seen, e)
		}
		if len(entries) <= limit {
			return seen, false, nil
		}
	}
}

func (a *API) readEntry(ctx context.Context, c call, _ *none) (out reply[Entry], err error) {
	seq, err := strconv.ParseUint(c.path("seq"), 10, 64)
	if err != nil || seq == 0 || seq > math.MaxInt64 {
		return out, unprocessable(act.CodeInvalidField, "seq", "want the number of an entry, from 1")
	}
	e, err := a.Ledger.Entry(ctx, seq)
	if err != nil {
		return out, err
	}
	if err := a.mayRead(ctx, c, &e); err != nil {
		return out, err
	}
	out.body = a.entryOf(&e)
	return out, nil
}

// mayRead passes the gate for one entry: of another brand's acts, and of what concerns all brands, a caller who acts
// for some brands only sees nothing; of keys, only those who manage them.
func (a *API) mayRead(ctx context.Context, c call, e *ledger.Entry) error {
	permission := access.ReadEntries
	if e.Kind == ledger.KindAccess {
		permission = access.ManageKeys
	}
	brand := e.Body.Brand
	if brand == "" {
		brand = consent.Any
	}
	if e.Kind == ledger.KindAct && brand == consent.Any {
		return a.Gate.Authorize(ctx, c.Caller, permission)
	}
	return a.Gate.Authorize(ctx, c.Caller, permission, brand)
}

func exampleEntry() Entry {
	sms := consent.SMS
	return Entry{
		Seq: 17, RecordedAt: *exampleTime(), Kind: "act", Subject: exampleSubject, By: "key:k3v9a2m0",
		Commitment: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		ActEntry: &ActEntry{
			Act: consent.Granted, Brand: "default", Purpose: "marketing", Channel: &sms, Level: consent.ExpressWritten,
			Source: consent.WebForm, Method: "checkbox", EffectiveAt: exampleTime(), Disclosure: "newsletter-sms@1",
			Wording: exampleWording(), Evidence: "https://example.com/forms/17",
		},
	}
}
