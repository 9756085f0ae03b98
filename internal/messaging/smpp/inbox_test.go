package smpp

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/testkit/dbtest"
	"github.com/consentline/consentline/internal/vault"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const alice phone.Number = 12025550123

// heard is an inbox that keeps what it hears, on a clock that the test steps.
type heard struct {
	*Inbox
	now   time.Time
	got   []messaging.Event
	fails error
}

func (h *heard) take(_ context.Context, events []messaging.Event) error {
	if h.fails == nil {
		h.got = append(h.got, events...)
	}
	return h.fails
}

// on is the inbox of a node on a database.
func (h *heard) on(t testing.TB, db store.DB) *heard {
	t.Helper()
	v, err := vault.Open([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	h.Inbox = &Inbox{DB: db, Vault: v, Now: func() time.Time { return h.now }, Take: h.take}
	return h
}

func inbox(t testing.TB) *heard {
	t.Helper()
	return (&heard{now: noon}).on(t, dbtest.Open(t))
}

// shorts is a text of Alice's as it is delivered.
func shorts(text string, reference byte) []Short {
	parts := Split(text, reference)
	for i := range parts {
		parts[i].Source, parts[i].Destination = International("12025550123"), Address{TON: 3, Number: "21610"}
	}
	return parts
}

func (h *heard) deliver(t testing.TB, parts ...Short) {
	t.Helper()
	for i := range parts {
		if err := h.Deliver(t.Context(), &parts[i]); !errors.Is(err, h.fails) {
			t.Fatalf("got %v, want %v", err, h.fails)
		}
	}
}

func (h *heard) texts() (out []string) {
	for _, e := range h.got {
		out = append(out, e.Text)
	}
	return out
}

var long = "Please stop. " + strings.Repeat("x", 300)

func TestPartsJoinInWhateverOrderAndAcrossRestarts(t *testing.T) {
	reopen := dbtest.New(t)
	h := &heard{now: noon}
	parts := shorts(long, 7)
	slices.Reverse(parts)
	for i := range parts {
		db, err := reopen()
		if err != nil {
			t.Fatal(err)
		}
		h.on(t, db).deliver(t, parts[i], parts[i]) // each part twice, on a node of its own
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.got) != 2 || h.got[0].Text != long || h.got[0].ID != h.got[1].ID || h.got[0].Number != "+12025550123" || h.got[0].Sender != "21610" {
		t.Errorf("got %+v, want the message, and once more as the same event", h.got)
	}
}

func TestPartsWithParametersJoinToo(t *testing.T) {
	h := inbox(t)
	part := func(n byte, text string) Short {
		return Short{Source: International("12025550123"), Message: []byte(text), Optional: []Optional{
			{TagSARReference, []byte{1, 2}}, {TagSARTotal, []byte{2}}, {TagSARSequence, []byte{n}},
		}}
	}
	h.deliver(t, part(1, "please "), part(1, "please "), part(2, "stop"))
	if got := h.texts(); len(got) != 1 || got[0] != "please stop" {
		t.Errorf("got %q", got)
	}
}

func TestAReferenceThatIsUsedAgainBeginsANewMessage(t *testing.T) {
	h := inbox(t)
	other := "Start again. " + strings.Repeat("y", 300)
	h.deliver(t, shorts(long, 7)...)
	h.deliver(t, shorts(other, 7)...)
	if got := h.texts(); len(got) != 2 || got[0] != long || got[1] != other || h.got[0].ID == h.got[1].ID {
		t.Errorf("got %q", got)
	}
}

func TestTheSameWordsDeliveredAgainAreTheSameEventForAWhile(t *testing.T) {
	h := inbox(t)
	h.fails = errors.New("the database is away")
	h.deliver(t, shorts("START", 1)...)
	h.fails = nil
	h.deliver(t, shorts("START", 1)...)
	h.deliver(t, shorts("STOP", 1)...)
	h.now = h.now.Add(againTime - time.Second)
	h.deliver(t, shorts("START", 1)...)
	h.now = h.now.Add(2 * time.Second)
	h.deliver(t, shorts("START", 1)...)
	ids := map[string]int{}
	for _, e := range h.got {
		if ids[e.ID]++; !e.Inferred {
			t.Errorf("the event %+v does not say that its ID was inferred", e)
		}
	}
	if len(h.got) != 4 || len(ids) != 3 || h.got[0].ID != h.got[2].ID {
		t.Errorf("got %+v, want START, STOP, the same START, another START", h.got)
	}
}

func TestAMessageWhoseRestIsLostIsReadAsItIsUntilThatSucceeds(t *testing.T) {
	h := inbox(t)
	h.deliver(t, shorts("STOP "+strings.Repeat("x", 300), 1)[:1]...)
	for _, c := range []struct {
		pass  time.Duration
		fails error
		want  int
	}{{0, nil, 0}, {joinTime - time.Second, nil, 0}, {time.Second, errors.New("away"), 0}, {0, nil, 1}, {joinTime, nil, 1}} {
		h.now, h.fails = h.now.Add(c.pass), c.fails
		if err := h.Tidy(t.Context()); !errors.Is(err, c.fails) || len(h.got) != c.want {
			t.Errorf("after %s: got %d events, %v, want %d, %v", c.pass, len(h.got), err, c.want, c.fails)
		}
	}
	if !strings.HasPrefix(h.got[0].Text, "STOP ") {
		t.Errorf("got %q", h.got[0].Text)
	}
}

func TestNothingIsKeptForLongAndNothingOfWhoeverIsForgotten(t *testing.T) {
	h := inbox(t)
	h.deliver(t, shorts(long, 1)...)
	h.deliver(t, shorts(long, 2)[:1]...)
	if n := h.rows(t); n != 5 {
		t.Errorf("%d rows, want 3 parts, 1 part and what was heard", n)
	}
	if err := h.Forget(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if n := h.rows(t); n != 0 {
		t.Errorf("%d rows are left of whoever is forgotten", n)
	}
	h.deliver(t, shorts(long, 1)...)
	h.now = h.now.Add(againTime)
	if err := h.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.rows(t); n != 0 {
		t.Errorf("%d rows are left after their time", n)
	}
}

func (h *heard) rows(t *testing.T) (n int64) {
	t.Helper()
	err := h.DB.Read(t.Context(), func(tx store.Tx) error {
		const query = "SELECT (SELECT COUNT(*) FROM smpp_parts) + (SELECT COUNT(*) FROM smpp_heard)"
		return store.One(tx.Query(t.Context(), query), func(r store.Row) { n = r.Int64(0) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAReceiptIsToldFromAMessage(t *testing.T) {
	h := inbox(t)
	s := Short{
		ESMClass: esmReceipt, Source: International("12025550123"), Destination: International("12025550199"),
		Message: []byte("id:0123 sub:001 dlvrd:000 submit date:2603011200 done date:2603011201 stat:REJECTD err:069 text:STOP"),
	}
	h.deliver(t, s)
	if len(h.got) != 1 || h.got[0].Kind != messaging.Failed || h.got[0].ID != "0123" || h.got[0].Code != "069" || h.got[0].Number != "+12025550123" {
		t.Errorf("got %+v", h.got)
	}
}

func TestAMessageThatCannotBeReadIsSaidSo(t *testing.T) {
	h := inbox(t)
	s := Short{ESMClass: esmHasHeader, Message: []byte{9, 0}}
	if err := h.Deliver(t.Context(), &s); !errors.Is(err, ErrMalformed) || len(h.got) != 0 {
		t.Errorf("got %v, %+v, want ErrMalformed", err, h.got)
	}
}
