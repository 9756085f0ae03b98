package httpapi

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/rulebook"
)

// answered is a question with the verdict that it came to.
type answered struct {
	question check.Question
	verdict  check.Verdict

	history bool           // whether it was answered from the history
	past    *rulebook.Past // the rules of then; nil without rules

	reservation attempt.ID // of an allow that was to be reserved
}

// PastJSON says on what a verdict about the past rests.
type PastJSON struct {
	At      time.Time  `json:"at" doc:"The moment asked about."`
	KnownAt *time.Time `json:"known_at,omitempty" doc:"The moment of which the knowledge was used; absent: now."`
	Lists   string     `json:"lists" enum:"present" doc:"Suppression lists keep no history of their members: they took part as they are now. Consent, contacts and changes of rules took part as they were."`
}

// appendVerdict appends a verdict with what the question asked for beside it.
func (a *API) appendVerdict(dst []byte, req *check.Request, n *answered) ([]byte, error) {
	dst = check.AppendJSON(dst, &n.verdict, a.Citations)
	if req.Reserve && n.verdict.Outcome == check.Allow {
		dst = append(append(append(dst[:len(dst)-1], `,"reservation":"`...), n.reservation.String()...), `"}`...)
	}
	if n.history {
		told := PastJSON{At: n.verdict.At.UTC(), KnownAt: instant(req.KnownAt), Lists: "present"}
		if err := appendMember(&dst, "past", told); err != nil {
			return dst, err
		}
	}
	if !req.Explain {
		return dst, nil
	}
	err := appendMember(&dst, "gates", a.explain(n))
	return dst, err
}

// appendMember adds a member to an object, already written.
func appendMember(object *[]byte, name string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	dst := append((*object)[:len(*object)-1], ',')
	dst = append(appendName(dst, []byte(name)), ':')
	*object = append(append(dst, body...), '}')
	return nil
}

// explain tells every gate of a verdict, those before the rules first.
func (a *API) explain(n *answered) []rulebook.Gate {
	gates := gatesOfRecord(&n.verdict)
	c := a.Index.CaseOf(n.question, &n.verdict)
	switch {
	case n.past != nil:
		return append(gates, n.past.Explain(c)...)
	case a.Rules != nil:
		return append(gates, a.Rules.Explain(c)...)
	}
	return gates
}

// gatesOfRecord are the gates that come before the rules.
func gatesOfRecord(v *check.Verdict) []rulebook.Gate {
	gates := []rulebook.Gate{{Gate: "number"}, {Gate: "fresh"}, {Gate: "suppression"}, {Gate: "record"}}
	for i := range gates {
		gates[i].Result = "passed"
	}
	gates[1].Evidence = fmt.Sprintf("revision %d", v.Revision)
	gates[3].Evidence = recordEvidence(v)
	for _, r := range v.Reasons() {
		g := gateOf(r.Code)
		switch {
		case r.Code == check.Exempt:
			gates[3].Result, gates[3].Code = "exempts", r.Code.String()
		case g < 0:
		default:
			gates[g].Result, gates[g].Code = "failed", r.Code.String()
		}
		if g == suppressionGate && r.List != nil {
			gates[g].Evidence = "list " + r.List.ID
		}
	}
	return gates
}

const suppressionGate = 2

// gateOf returns the place of the gate that a code belongs to, less than zero for those of the rules and for granted.
func gateOf(c check.Code) int {
	switch {
	case c == check.InvalidNumber:
		return 0
	case c == check.Stale:
		return 1
	case c == check.Suppressed, c == check.ListStale:
		return suppressionGate
	case c >= check.NoRecord && c <= check.NotYetGranted:
		return 3
	}
	return -1
}

func recordEvidence(v *check.Verdict) string {
	if !v.Recorded {
		return "no record"
	}
	text := v.Status.String()
	if level := v.Record.Level.String(); level != "" {
		text += ", " + level
	}
	return fmt.Sprintf("%s, entry %d", text, v.Record.Seq)
}
