package messaging

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// EventKind is what a provider tells of.
type EventKind uint8

// The kinds. Text is a message from the person. OptedOutThere and OptedInThere are what the provider or its network
// keeps by itself; Delivered and Failed are receipts; Deactivated says that the number has lost its holder.
const (
	Text EventKind = iota
	OptedOutThere
	OptedInThere
	Delivered
	Failed
	Deactivated
)

var kindNames = [...]string{"text", "opted_out_there", "opted_in_there", "delivered", "failed", "deactivated"}

// String returns the kind's stable name.
func (k EventKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("event(%d)", uint8(k))
}

// Event is one thing that a provider tells, in the words of all providers.
type Event struct {
	Kind    EventKind
	ID      string // the provider's, the same whenever the event is told again
	Number  string // the person's, in E.164 as far as the provider gives it so
	Sender  string // ours, as the provider names it
	Service string // a messaging service or profile that the sender is part of, if the provider says
	Channel consent.Channel
	Text    string
	At      time.Time // when it happened; zero if the provider does not say
	Code    string    // the provider's error code, of receipts

	// Inferred says that the provider gives no IDs: ID was inferred from who wrote what, so that another message of the
	// same words may have the same one.
	Inferred bool

	// Marketing says that an opt-out at the provider covers marketing alone.
	Marketing bool
}

// Request is a callback as it reached us.
type Request struct {
	Method string
	URL    string // the public one: what the provider was told to call, with its query
	Header http.Header
	Body   []byte
	At     time.Time // now, against which signatures age
}

// Delivery is what a callback told, and what its sender wants to read.
type Delivery struct {
	Events []Event
	Answer Answer

	// After runs once the events are committed and before the answer, such as to confirm a subscription; nil for nothing.
	After func() error
}

// Answer is what a provider wants to read; the zero value is 204 No Content.
type Answer struct {
	Status int
	Type   string
	Body   string
}

// Receiver reads a provider's callbacks. Its errors are ErrBadSignature, ErrReplayed, ErrUnsigned and *MalformedError.
type Receiver interface {
	Receive(r Request) (Delivery, error)
}

// Query returns the parameters of the request's URL.
func (r *Request) Query() url.Values {
	u, err := url.Parse(r.URL)
	if err != nil {
		return url.Values{}
	}
	return u.Query()
}

// Form returns the body's parameters, read as application/x-www-form-urlencoded.
func (r *Request) Form() (url.Values, error) {
	values, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return nil, &MalformedError{"the form cannot be decoded"} // the parser's own text would repeat the body
	}
	return values, nil
}

// Plus writes a number as E.164 that a provider gave as bare digits; other texts, such as short codes, stay as they are.
func Plus(number string) string {
	if len(number) < 8 {
		return number
	}
	for i := range len(number) {
		if number[i] < '0' || number[i] > '9' {
			return number
		}
	}
	return "+" + number
}

// Unix returns the moment that whole seconds since 1970 name; zero for anything else.
func Unix(seconds string) time.Time {
	var n int64
	if _, err := fmt.Sscanf(seconds, "%d", &n); err != nil || n <= 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// RFC3339 returns the moment that a text names in RFC 3339; zero for anything else.
func RFC3339(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
