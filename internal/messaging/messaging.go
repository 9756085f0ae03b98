// Package messaging says what it is to send a text and to hear back: messages and receipts, events and signatures.
//
// Each provider is a sub-folder that implements Messenger, Receiver or both against what that provider documents.
// Others may rely on this: a Receiver returns no event of a request whose signature does not hold; an event's ID is
// the provider's own, so a callback that is repeated gives the same events; a *SendError says whether the message may
// be tried again; no error text holds a number or a text. The package stores nothing.
package messaging

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// Message is one text to one person.
type Message struct {
	To      phone.Number
	From    string // the sender's address: a number, a short code, or the provider's name for it
	Channel consent.Channel
	Text    string

	// Key is the same whenever the same message is sent again. Providers that know idempotency keys are given it.
	Key string
}

// Receipt says that a provider took a message. ID is what its delivery receipts will name.
type Receipt struct {
	ID string
}

// Messenger hands messages to a provider. Send must be safe for concurrent use, and its errors must be *SendError.
type Messenger interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// Reason is why a message was not taken.
type Reason uint8

// The reasons. Unclear means that the provider may have taken the message: to send again could send twice.
const (
	Refused Reason = iota // for good, for whatever other reason
	OptedOut
	InvalidNumber
	RateLimited
	Temporary
	Unclear
)

var reasonNames = [...]string{"refused", "opted out there", "invalid number", "rate limited", "temporary", "unclear"}

// String returns the reason in words.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// SendError says why a provider did not take a message. It holds neither the number nor the text.
type SendError struct {
	Provider   string
	Reason     Reason
	Code       string        // the provider's own code, empty if it gave none
	RetryAfter time.Duration // of RateLimited and Temporary: when to try again, zero if the provider does not say
	Err        error         // what happened below, if anything did
}

func (e *SendError) Error() string {
	text := fmt.Sprintf("%s did not take the message: %s", e.Provider, e.Reason)
	if e.Code != "" {
		text += " (code " + e.Code + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns what happened below.
func (e *SendError) Unwrap() error { return e.Err }

// Again reports whether the same message may be sent again without the person getting it twice.
func (e *SendError) Again() bool { return e.Reason == RateLimited || e.Reason == Temporary }
