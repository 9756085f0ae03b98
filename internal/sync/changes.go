package sync

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

type changeKey struct {
	subject ledger.SubjectID
	scope   consent.Scope
}

// changesOf returns what a window of entries means to a destination: for each scope that an act reached, how it stands
// now, once; or for systems that want events, once for each act.
func changesOf(w *ledger.Window, f *Filter, events bool) []Change {
	var out []Change
	at := map[changeKey]int{}
	for i := range w.Acts {
		e := &w.Acts[i]
		act, ok := e.Act()
		if !ok {
			continue
		}
		who := w.Subjects[e.Subject]
		for _, h := range who.Records {
			if !reaches(act, h.Scope) || !f.Wants(who.Number, h.Scope) {
				continue
			}
			c := newChange(who, h, e.Seq)
			c.RecordedAt, c.Act = e.RecordedAt, act
			if act.Kind.Restricts() {
				c.restrictions = []place{{e.Seq, e.RecordedAt}}
			}
			key := changeKey{who.ID, h.Scope}
			if n, there := at[key]; there && !events {
				c.restrictions = append(out[n].restrictions, c.restrictions...)
				out[n] = c
				continue
			}
			at[key] = len(out)
			out = append(out, c)
		}
	}
	return out
}

// reaches reports whether an act counts in a scope: it was made there, or it restricts all that the scope is part of.
func reaches(a consent.Act, s consent.Scope) bool {
	return a.Scope == s || a.Kind.Restricts() && s.Concrete() && a.Scope.Covers(s)
}

func newChange(who ledger.Subject, h ledger.Held, seq uint64) Change {
	return Change{
		ID: fmt.Sprintf("%x-%d-%s", who.ID[:6], seq, h.Scope), Seq: seq, Subject: who.ID, Number: who.Number,
		Scope: h.Scope, Record: h.Record, Records: who.Records,
	}
}

// lanes parts changes into n lanes that may be delivered at once: what is about one number is in one lane, in order.
// Within a lane, numbers with a restriction go first.
func lanes(changes []Change, n int) [][]Change {
	restricted := map[phone.Number]bool{}
	for i := range changes {
		if changes[i].Restricts() {
			restricted[changes[i].Number] = true
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(rank(restricted[a.Number])-rank(restricted[b.Number]), cmp.Compare(a.Seq, b.Seq), wide(b.Scope)-wide(a.Scope))
	})
	out := make([][]Change, n)
	for _, c := range changes {
		lane := uint64(c.Number) * 0x9e3779b97f4a7c15 >> 32 % uint64(n)
		out[lane] = append(out[lane], c)
	}
	return out
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// wide counts the wildcards of a scope: "nothing at all" goes before what was said of one purpose with it.
func wide(s consent.Scope) (n int) {
	for _, any := range []bool{s.Brand == consent.Any, s.Purpose == consent.Any, s.Channel == consent.AnyChannel} {
		if any {
			n++
		}
	}
	return n
}

// batchOf returns the first changes of a lane that may travel in one call: no more than size, none of one number twice,
// unless it is about different scopes and the system asks how things stand.
func batchOf(lane []Change, l Limits) []Change {
	type key struct {
		number phone.Number
		scope  consent.Scope
	}
	seen := map[key]bool{}
	for i := range lane {
		k := key{number: lane[i].Number}
		if !l.Events {
			k.scope = lane[i].Scope
		}
		if i >= max(l.Batch, 1) || seen[k] {
			return lane[:i]
		}
		seen[k] = true
	}
	return lane
}
