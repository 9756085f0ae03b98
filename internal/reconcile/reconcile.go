// Package reconcile holds what an outside system says of each number against the ledger, and mends what differs.
//
// It reads the system's list once, in whatever order it comes, against the index, and keeps eight bytes a number. Others
// may rely on this: every row is counted once; what the system could not have heard of yet is no difference; a repair
// only ever turns a yes into a no, there by telling the system again, here by recording the no that it holds. It stores
// the outcomes of reconciliations; one that a crash cuts short is begun anew.
package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/transfer"
)

// Row is what a system says of one number in one scope.
type Row struct {
	Number  string // as the system writes it
	Region  string // of numbers without a country code
	Scope   consent.Scope
	Granted bool

	Place int64         // in its file, as a spreadsheet counts; zero: it comes from no file
	Flaw  transfer.Code // why the row cannot be read; empty: it can
}

// Source calls fn with every row that a system holds. A row is valid until fn returns.
type Source func(ctx context.Context, fn func(*Row) error) error

// Kind is how a row, or a record, stands against the other side.
type Kind uint8

// The kinds, those that put people at risk first.
const (
	YesThere    Kind = iota // the system says yes, and there is a no here, or a yes that ended
	UnknownYes              // the system says yes, and nothing is on record here
	YesHere                 // the system says no, and there is a yes here
	MissingYes              // there is a yes here, and the system says nothing
	UnknownNo               // the system says no, and nothing is on record here: nobody is contacted either way
	TooNew                  // they differ, and the record is newer than what the system was told when it was asked
	Malformed               // the row cannot be read, or holds no number
	Unconcerned             // the row is of a scope, or of a region, that the destination is not told of
	Agreed
	kinds
)

var kindNames = [kinds]string{
	"yes_there_no_here", "yes_there_unknown_here", "no_there_yes_here", "missing_there", "no_there_unknown_here", "changed_since", "malformed", "not_concerned", "agreed",
}

// String returns the stable name of the kind.
func (k Kind) String() string { return kindNames[k] }

// Kinds lists the kinds in the order in which they are told.
func Kinds() []Kind {
	out := make([]Kind, kinds)
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// kept are the kinds of which every number is kept, so that it can be told and mended.
func (k Kind) kept() bool { return k <= UnknownNo }

// Options say what is compared.
type Options struct {
	Destination sync.Destination
	Scopes      []consent.Scope // that the system holds; those of its rows are added

	// Told is the last entry that the system had been told of when the list was made: what is newer is no difference.
	Told uint64
	AsOf time.Time // when the list was made
}

// Report is what a comparison came to.
type Report struct {
	AsOf   time.Time
	Rows   int64 // that the system holds, those that are not concerned or malformed among them
	Counts [kinds]int64

	scopes  []consent.Scope
	numbers [kinds][][]phone.Number // by the scope's place
	flaws   []Flaw
}

// Flaw is a row that could not be read.
type Flaw struct {
	Place int64
	Code  string
}

// mostFlaws is how many malformed rows are told one by one.
const mostFlaws = 1000

// Difference is a number about which both sides differ.
type Difference struct {
	Kind   Kind
	Number phone.Number
	Scope  consent.Scope
}

// comparison is under way.
type comparison struct {
	*Report
	options Options
	index   *check.Index
	views   []*check.View
	seen    [][]phone.Number // by the scope's place
	at      map[consent.Scope]int
	last    int // the scope's place of the row before
}

// Run compares what a source says with the index.
func Run(ctx context.Context, x *check.Index, source Source, o Options) (*Report, error) {
	c := &comparison{Report: &Report{AsOf: o.AsOf}, options: o, index: x, at: map[consent.Scope]int{}}
	for i, s := range o.Scopes {
		c.place(s)
		if i == 0 { // most have one scope, of about as many numbers: a list that grows would take twice its memory
			c.seen[0] = make([]phone.Number, 0, x.Stats().Records)
		}
	}
	err := source(ctx, func(r *Row) error {
		c.row(r)
		if c.Rows%1024 == 0 {
			return ctx.Err()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what the system holds: %w", err)
	}
	for i := range c.views {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.missing(i)
	}
	return c.Report, nil
}

// place returns the place of a scope, and makes one.
func (c *comparison) place(s consent.Scope) int {
	if c.last < len(c.scopes) && c.scopes[c.last] == s {
		return c.last
	}
	i, there := c.at[s]
	if !there {
		i = len(c.scopes)
		c.at[s] = i
		c.scopes, c.views, c.seen = append(c.scopes, s), append(c.views, c.index.View(s)), append(c.seen, nil)
		for k := range c.numbers {
			c.numbers[k] = append(c.numbers[k], nil)
		}
	}
	c.last = i
	return i
}

func (c *comparison) row(r *Row) {
	c.Rows++
	if r.Flaw != "" {
		c.flaw(r, string(r.Flaw))
		return
	}
	n, ok := phone.ParseE164([]byte(r.Number))
	if !ok {
		var err error
		if n, err = phone.Parse(r.Number, r.Region); err != nil {
			c.flaw(r, "invalid_number")
			return
		}
	}
	if !r.Scope.Concrete() || !c.options.Destination.Wants(n, r.Scope) {
		c.Counts[Unconcerned]++
		return
	}
	at := c.place(r.Scope)
	c.seen[at] = append(c.seen[at], n)
	state, recorded := c.views[at].Record(n)
	c.note(c.judge(r.Granted, state, recorded), at, n)
}

// judge says how a row stands against what is on record.
func (c *comparison) judge(granted bool, s check.State, recorded bool) Kind {
	here := recorded && s.At(c.options.AsOf) == consent.StatusGranted
	switch {
	case granted == here && recorded:
		return Agreed
	case recorded && s.Seq > c.options.Told:
		return TooNew
	case granted && !recorded:
		return UnknownYes
	case !recorded:
		return UnknownNo
	case granted:
		return YesThere
	}
	return YesHere
}

func (c *comparison) note(k Kind, at int, n phone.Number) {
	c.Counts[k]++
	if k.kept() {
		c.numbers[k][at] = append(c.numbers[k][at], n)
	}
}

func (c *comparison) flaw(r *Row, code string) {
	c.Counts[Malformed]++
	if len(c.flaws) < mostFlaws {
		c.flaws = append(c.flaws, Flaw{r.Place, code})
	}
}

// missing looks for those who said yes here and of whom the system said nothing. A no of which it says nothing is
// agreement: it contacts nobody whom it does not hold.
func (c *comparison) missing(at int) {
	seen := c.seen[at]
	slices.Sort(seen)
	c.views[at].Each(func(n phone.Number, s check.State) bool {
		if s.At(c.options.AsOf) != consent.StatusGranted || n.Extension() != "" || !c.options.Destination.Wants(n, c.scopes[at]) {
			return true
		}
		if _, found := slices.BinarySearch(seen, n); found {
			return true
		}
		if s.Seq > c.options.Told {
			c.Counts[TooNew]++
			return true
		}
		c.note(MissingYes, at, n)
		return true
	})
	c.seen[at] = nil
}

// Each calls fn with every difference, those that put people at risk first, until fn returns an error.
func (r *Report) Each(fn func(Difference) error) error {
	for k := range r.numbers {
		if err := r.EachOf(Kind(k), fn); err != nil {
			return err
		}
	}
	return nil
}

// EachOf calls fn with every difference of a kind.
func (r *Report) EachOf(k Kind, fn func(Difference) error) error {
	for at, numbers := range r.numbers[k] {
		for _, n := range numbers {
			if err := fn(Difference{k, n, r.scopes[at]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Samples returns up to n differences of a kind.
func (r *Report) Samples(k Kind, n int) (out []Difference) {
	for at, numbers := range r.numbers[k] {
		for _, number := range numbers[:min(len(numbers), n-len(out))] {
			out = append(out, Difference{k, number, r.scopes[at]})
		}
	}
	return out
}

// Flaws returns the first of the rows that could not be read.
func (r *Report) Flaws() []Flaw { return r.flaws }

// InStep reports whether both sides agree, apart from what is too new to tell.
func (r *Report) InStep() bool {
	return cmp.Or(r.Counts[YesThere], r.Counts[UnknownYes], r.Counts[YesHere], r.Counts[MissingYes]) == 0
}
