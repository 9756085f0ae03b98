// Package rulebook holds the rules in force: the packs and what the operator has changed in them, as the last gate of
// the check.
//
// Overrides, bans, relaxations and declarations are definitions in the ledger, entries of kind override, which every
// node applies in their order; nothing else is stored. Others may rely on this: a judgement takes no lock and allocates
// nothing, it is made by one edition of the rules from end to end, and a rule keeps its index for as long as the process
// runs, so that a verdict can be told after the rules have changed.
package rulebook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
)

// Appender takes the entries that changes of the rules make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// Attempts knows the contacts made before, for caps. Its methods must not block.
type Attempts interface {
	policy.AttemptCounter
	// Brand returns the number by which caps count a brand; brands without a contact may share one.
	Brand(name []byte) uint32
}

// Config is what a book is made with.
type Config struct {
	Packs    []*policy.Pack
	Attempts Attempts // nil: no contact was ever made
}

// Book is the rules in force. It is safe for concurrent use.
type Book struct {
	attempts Attempts

	current atomic.Pointer[edition]
	cited   atomic.Pointer[[]citation] // by check.RuleIndex; the first stands for no rule

	mu      sync.Mutex // held by whoever changes the rules on this node
	changed changes
	known   map[citation]check.RuleIndex
	past    map[uint64]*edition // by the last change that was known, zero for none
}

// edition is one state of the rules, with the indexes by which verdicts name them.
type edition struct {
	rules *policy.Rules
	index []check.RuleIndex // by policy.RuleIndex

	countedFor time.Duration

	// What verdicts tell of places, by policy.Where.
	regions, zones, packs []*check.Names
}

// citation is what verdicts tell of a rule.
type citation struct {
	id, cites, pack, version, statement string
	verified                            bool
}

// Load reads the built-in packs, and over them those in a folder, where a folder is named. Faults name file and line.
func Load(dir string) ([]*policy.Pack, error) {
	from := []fs.FS{policy.BuiltIn()}
	if dir != "" {
		if _, err := os.ReadDir(dir); err != nil {
			return nil, fmt.Errorf("read the folder of rules: %w", err)
		}
		from = append(from, os.DirFS(dir))
	}
	return policy.Load(from...)
}

// New compiles the packs. Changes of the operator come by Apply.
func New(c Config) (*Book, error) {
	b := &Book{
		attempts: c.Attempts, changed: noChanges(), known: map[citation]check.RuleIndex{}, past: map[uint64]*edition{},
	}
	b.cited.Store(&[]citation{{}})
	rules, err := policy.Compile(c.Packs)
	if err != nil {
		return nil, err
	}
	return b, b.publish(rules)
}

// Rules returns the edition in force, for questions about the rules themselves.
func (b *Book) Rules() *policy.Rules { return b.current.Load().rules }

// publish puts an edition in force.
func (b *Book) publish(rules *policy.Rules) error {
	e, err := b.edit(rules)
	if err == nil {
		b.current.Store(e)
	}
	return err
}

// edit gives the rules of an edition their indexes. Rules that were cited before keep theirs. The book is held.
func (b *Book) edit(rules *policy.Rules) (*edition, error) {
	versions := map[string]string{}
	for _, p := range rules.Packs() {
		versions[p.Name] = p.Version()
	}
	cited := *b.cited.Load()
	e := &edition{rules: rules, index: make([]check.RuleIndex, len(rules.All())), countedFor: countedFor(rules)}
	for i, rule := range rules.All() {
		c := citation{rule.ID, rule.Citation, rule.Pack, versions[rule.Pack], statement(rules, policy.RuleIndex(i)), rule.Verified}
		index, known := b.known[c]
		if !known {
			if len(cited) > math.MaxUint16 {
				return nil, errors.New("the rules were changed too often for one run of the server: restart it")
			}
			index = check.RuleIndex(len(cited))
			cited, b.known[c] = append(cited, c), index
		}
		e.index[i] = index
	}
	b.cited.Store(&cited)
	e.name()
	return e, nil
}

// statement says what a rule asks, and of one that the operator made or changed, who did so and why.
func statement(rules *policy.Rules, i policy.RuleIndex) string {
	rule := rules.Rule(i)
	if rule.Note != "" && rules.Changed(i) {
		return rule.Statement() + " (" + rule.Note + ")"
	}
	return rule.Statement()
}

// name prepares what verdicts tell of places. The first of each is none.
func (e *edition) name() {
	e.regions, e.zones, e.packs = make([]*check.Names, e.rules.Groups()+1), make([]*check.Names, e.rules.ZoneSets()+1), make([]*check.Names, e.rules.Groups()+1)
	for g := 1; g < len(e.regions); g++ {
		e.regions[g], e.packs[g] = check.NewNames(e.rules.Regions(g)), check.NewPacks(e.rules.PacksOf(g))
	}
	for z := 1; z < len(e.zones); z++ {
		e.zones[z] = check.NewNames(e.rules.Zones(z))
	}
}

func (e *edition) place(j *policy.Judgement) check.Place {
	p := check.Place{Judged: true, Evidence: j.Evidence, Facts: j.Facts, Unverified: j.Unverified}
	for i := range p.Regions {
		p.Regions[i], p.Packs[i] = e.regions[j.Where.Groups[i]], e.packs[j.Where.Groups[i]]
		p.Zones[i] = e.zones[j.Where.ZoneSets[i]]
	}
	return p
}

// Asks implements check.Asking.
func (b *Book) Asks(registry string) bool {
	_, asked := b.current.Load().rules.RegistryByID(registry)
	return asked
}

// Rule implements check.Citations.
func (b *Book) Rule(i check.RuleIndex) (id, cites string) {
	c := b.citation(i)
	return c.id, c.cites
}

// Source implements check.Sources.
func (b *Book) Source(i check.RuleIndex) (pack, version, statement string, verified bool) {
	c := b.citation(i)
	return c.pack, c.version, c.statement, c.verified
}

func (b *Book) citation(i check.RuleIndex) *citation {
	cited := *b.cited.Load()
	if int(i) >= len(cited) {
		i = 0
	}
	return &cited[i]
}

// Judge implements check.Rules.
func (b *Book) Judge(c check.Case) check.Judgement { return b.current.Load().judge(&c, b.attempts) }

func (e *edition) judge(c *check.Case, contacts Attempts) (out check.Judgement) {
	var q policy.Question
	var j policy.Judgement
	ask(c, contacts, &q)
	e.rules.Declare(&q)
	e.rules.Judge(&q, &j)
	out.Place = e.place(&j)
	for _, f := range j.Failed() {
		if !told(&f, c) {
			continue
		}
		out.Fail(check.Failure{Code: codes[f.Code], Rule: e.cite(f.Rule), Defers: j.Outcome == policy.Defer})
	}
	for _, rule := range j.Obligations() {
		if j.Outcome == policy.Deny {
			break // nobody is to act on it
		}
		if !out.Oblige(e.cite(rule)) {
			out.Omitted++
		}
	}
	if j.Exempting != policy.NoRuleIndex {
		out.Exempt = e.cite(j.Exempting)
	}
	out.NextAllowedAt, out.ChangesAt = unix(j.NextAllowedAt), unix(j.ChangesAt)
	return out
}

// ask puts a case into the words of the rules, into a question that is zero. A grant that begins later is none yet.
func ask(c *check.Case, contacts Attempts, q *policy.Question) {
	q.Number, q.Channel, q.Class, q.At = c.Number, c.Channel, c.Class, c.At
	q.Seller, q.Purpose, q.Registries = c.Brand, c.Purpose, c.Registries
	q.Status, q.Level, q.Confirmed, q.GrantedAt = c.Status, c.Record.Level, c.Record.Confirmed, c.Record.GrantedAt.Time()
	q.RestrictedAt, q.RestrictedBy = c.Record.RestrictedAt.Time(), c.Record.RestrictedBy
	if c.About != nil {
		q.Circumstances = *c.About
	}
	if c.Status == consent.StatusGranted && q.GrantedAt.After(c.At) {
		q.Status = consent.None
	}
	if contacts != nil {
		q.Attempts, q.Brand = contacts, contacts.Brand(c.Brand)
	}
}

// told leaves out what the record gate tells: that somebody said no, and that nobody said yes.
func told(f *policy.Failure, c *check.Case) bool {
	switch f.Code {
	case policy.Objected:
		return false
	case policy.LevelTooLow:
		return c.Status == consent.StatusGranted
	}
	return true
}

// cite returns the index of a rule in verdicts; no rule has none.
func (e *edition) cite(i policy.RuleIndex) check.RuleIndex {
	if int(i) >= len(e.index) {
		return 0
	}
	return e.index[i]
}

// codes are the words of the check for those of the rules.
var codes = [...]check.Code{
	policy.LevelTooLow: check.LevelTooLow, policy.NotConfirmed: check.NotConfirmed, policy.OutsideWindow: check.OutsideWindow,
	policy.Holiday: check.Holiday, policy.CapReached: check.CapReached, policy.CoolDown: check.CoolDown,
	policy.RegistryStale: check.RegistryStale, policy.RegistryListed: check.RegistryListed,
	policy.ExpiredByRule: check.ExpiredByRule, policy.Banned: check.Banned, policy.NoRule: check.NoRule,
	policy.Objected: check.Withdrawn, policy.Exempt: check.Exempt,
}

func unix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
