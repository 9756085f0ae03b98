package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/consentline/consentline/internal/ledger"
)

// ErrReasonNeeded says that a look at a number in full is unusual, so that the caller has to say why.
var ErrReasonNeeded = errors.New("this look is unusual: say why you need it")

// How many people's numbers a caller looks at in full in an hour as a matter of course: an agent who is called every
// two minutes stays below it.
const (
	usualLooks = 40
	looksFor   = time.Hour
)

// looks are the people at whom each caller looked lately, and when. They are those of one node since its start.
type looks struct {
	mu sync.Mutex // guards:
	by map[string]map[string]time.Time
}

// Look returns nil where a caller may see a person's number in full without further ado, and ErrReasonNeeded where they
// have looked at many others within the hour. Looking at the same person again is one look.
func (g *Gate) Look(c *Caller, subject string) error {
	g.looks.mu.Lock()
	defer g.looks.mu.Unlock()
	now := g.now()
	seen := g.looks.by[c.ID]
	for id, at := range seen {
		if now.Sub(at) >= looksFor {
			delete(seen, id)
		}
	}
	if _, again := seen[subject]; !again && len(seen) >= usualLooks {
		return ErrReasonNeeded
	}
	g.looks.note(c.ID, subject, now)
	return nil
}

func (l *looks) note(callerID, subject string, now time.Time) {
	if l.by == nil {
		l.by = map[string]map[string]time.Time{}
	}
	if l.by[callerID] == nil {
		l.by[callerID] = map[string]time.Time{}
	}
	l.by[callerID][subject] = now
}

// Explain records why a caller needs an unusual look at a person's number, and lets them have it.
func (g *Gate) Explain(ctx context.Context, c *Caller, subject, reason string) error {
	if err := ValidReason(reason); err != nil {
		return err
	}
	_, err := g.ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindDisclosed, By: c.ID, Widens: true,
		Detail: map[string]string{"made": "an unusual look at a number", "subject": subject, "reason": strings.TrimSpace(reason)},
	})
	if err != nil {
		return fmt.Errorf("record a reason: %w", err)
	}
	g.looks.mu.Lock()
	defer g.looks.mu.Unlock()
	g.looks.note(c.ID, subject, g.now())
	return nil
}

// Lengths of reasons, in bytes; and how many digits in a row may be a person's number, which an entry must not hold.
const (
	shortestReason = 5
	longestReason  = 500
	likeANumber    = 7
)

// ValidReason says what is wrong with a reason, as an InvalidError. It stands in the ledger for ever.
func ValidReason(reason string) error {
	reason = strings.TrimSpace(reason)
	switch {
	case len(reason) < shortestReason || len(reason) > longestReason:
		return &InvalidError{"reason", fmt.Sprintf("want %d to %d bytes that say why", shortestReason, longestReason)}
	case !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl):
		return &InvalidError{"reason", "want text in one line"}
	case digitsInARow(reason) >= likeANumber:
		return &InvalidError{"reason", "holds what may be a number, and is kept for ever: say it without"}
	}
	return nil
}

// digitsInARow returns the most digits of a text that stand together but for spaces and signs.
func digitsInARow(text string) (most int) {
	n := 0
	for _, r := range text {
		switch {
		case unicode.IsDigit(r):
			n++
		case !strings.ContainsRune(" -.()", r):
			n = 0
		}
		most = max(most, n)
	}
	return most
}
