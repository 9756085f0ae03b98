// Package history keeps what callers asked of several nodes and what they were told, and judges whether the nodes
// together behaved as one ledger would.
//
// It is porcupine's test of linearizability, with what a node may say at any time left out of account: a deny. It
// stores nothing. Others may rely on this: a history that is judged Ok holds no allow from before a withdrawal that was
// acknowledged before the question was asked.
package history

import (
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/consentline/consentline/internal/phone"
)

// What is asked, and what is said to it. An act whose outcome is not known is said to be Unknown.
const (
	Grant    = "grant"
	Withdraw = "withdraw"
	Check    = "check"

	Done    = "done"
	Allow   = "allow"
	Unknown = "unknown"
)

// Question is one thing that was asked about one number.
type Question struct {
	What   string
	Number phone.Number
}

// register is what each number's consent must look like to all callers of all nodes together: one place that is
// written and read. A deny is always right, since a node that is not fresh must say it; an allow is right only where
// the latest act was a grant. An act whose outcome nobody learned may take effect at any time, or never.
var register = porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[phone.Number][]porcupine.Operation{}
		for _, op := range history {
			n := op.Input.(Question).Number
			by[n] = append(by[n], op)
		}
		var out [][]porcupine.Operation
		for _, part := range by {
			out = append(out, part)
		}
		return out
	},
	Init: func() []any { return []any{false} },
	Step: func(state, input, output any) []any {
		switch input.(Question).What {
		case Grant, Withdraw:
			after := input.(Question).What == Grant
			if output.(string) != Done {
				return []any{state, after}
			}
			return []any{after}
		}
		if output.(string) == Allow && !state.(bool) {
			return nil
		}
		return []any{state}
	},
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%s: %s", input.(Question).What, output)
	},
}

// History is what was asked and said so far. It is safe for concurrent use.
type History struct {
	began time.Time

	mu      sync.Mutex
	said    []porcupine.Operation
	heard   map[string]int
	clients int
}

// New returns a history that begins now.
func New() *History { return &History{began: time.Now(), heard: map[string]int{}} }

// Client returns an asker, who waits for each answer before the next question, as porcupine wants it. An answer is what
// the node said, and whether it said anything.
func (h *History) Client(ask func(node int, what string, n phone.Number) (said string, ok bool)) func(node int, what string, n phone.Number) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients++
	id := h.clients
	return func(node int, what string, n phone.Number) string {
		op := porcupine.Operation{ClientId: id, Input: Question{what, n}, Call: int64(time.Since(h.began))}
		said, ok := ask(node, what, n)
		op.Output, op.Return = said, int64(time.Since(h.began))
		h.mu.Lock()
		defer h.mu.Unlock()
		switch {
		case what == Check && !ok:
			return said // it claims nothing
		case what != Check && said != Done:
			op.Return = math.MaxInt64 // the outcome is unknown, for ever
			h.clients++
			id, op.Output = h.clients, Unknown // whoever does not know goes on as somebody else
			h.heard[Unknown]++
		default:
			h.heard[said]++
		}
		h.said = append(h.said, op)
		return said
	}
}

// Judge returns whether the history is that of one ledger, after a minute at most.
func (h *History) Judge() porcupine.CheckResult {
	h.mu.Lock()
	defer h.mu.Unlock()
	return porcupine.CheckOperationsTimeout(register.ToModel(), h.said, time.Minute)
}

// Heard returns how often each thing was said.
func (h *History) Heard() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.heard)
}

// Len is how many questions were answered.
func (h *History) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.said)
}
