package optin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/reply"
)

// Programme is a keyword by which people opt in themselves: they text it to a sender, having read the disclosure where
// the keyword was advertised. It costs nobody a message, and proves that whoever opts in holds the number.
type Programme struct {
	ID         string            `json:"id"`
	Keyword    string            `json:"keyword"` // one word; upper and lower case are the same
	Sender     string            `json:"sender"`  // the ID of the sender that it is texted to
	Purpose    consent.PurposeID `json:"purpose"`
	Level      consent.Level     `json:"level"`
	Disclosure string            `json:"disclosure,omitempty"` // id@version, as advertised
	Retired    bool              `json:"retired,omitempty"`
}

const kindProgramme = "programme"

// Programmes holds the programmes in force. Each is an entry in the ledger. It is safe for concurrent use.
type Programmes struct {
	ledger  catalog.Appender
	catalog *catalog.Catalog

	changing sync.Mutex // held while one is looked at and put in force

	mu    sync.RWMutex // guards:
	byID  map[string]Programme
	since map[string]uint64 // the entry of each
}

// NewProgrammes returns an empty set; give it the definitions in force with Apply.
func NewProgrammes(l catalog.Appender, c *catalog.Catalog) *Programmes {
	return &Programmes{ledger: l, catalog: c, byID: map[string]Programme{}, since: map[string]uint64{}}
}

// Apply puts a committed programme in force on this node; definitions of other kinds are ignored.
func (p *Programmes) Apply(d ledger.Definition) error {
	if d.Kind != kindProgramme {
		return nil
	}
	var v Programme
	if err := json.Unmarshal(d.Body, &v); err != nil {
		return fmt.Errorf("programme %q: %w", d.ID, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byID[d.ID], p.since[d.ID] = v, d.Seq
	return nil
}

var (
	programmeID = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	keyword     = regexp.MustCompile(`^[\p{L}\p{N}]{2,20}$`)
)

// Create records a new programme. Errors are catalog.ErrExists, *catalog.InvalidError, or the ledger's.
func (p *Programmes) Create(ctx context.Context, by string, v Programme) (Programme, error) {
	p.changing.Lock()
	defer p.changing.Unlock()
	if _, err := p.Get(v.ID); err == nil {
		return v, fmt.Errorf("programme %q %w", v.ID, catalog.ErrExists)
	}
	return p.define(ctx, by, v)
}

// Change records a programme that is there as it is from now on. Errors are catalog.ErrNotFound, and those of Create.
func (p *Programmes) Change(ctx context.Context, by string, v Programme) (Programme, error) {
	p.changing.Lock()
	defer p.changing.Unlock()
	if _, err := p.Get(v.ID); err != nil {
		return v, err
	}
	return p.define(ctx, by, v)
}

// define records a programme, unless another node has changed it meanwhile.
func (p *Programmes) define(ctx context.Context, by string, v Programme) (Programme, error) {
	if v.Level == consent.NoLevel {
		v.Level = consent.Express
	}
	if err := p.validate(v); err != nil {
		return v, err
	}
	item, err := ledger.Define(ledger.KindDefinition, by, kindProgramme, v.ID, v)
	if err != nil {
		return v, err
	}
	p.mu.RLock()
	seen := p.since[v.ID]
	p.mu.RUnlock()
	result, err := p.ledger.AppendOne(ctx, item.IfStill(kindProgramme, v.ID, seen))
	if err != nil {
		return v, err
	}
	d := item.Detail.(ledger.Definition)
	d.Seq = result.Seq
	return v, p.Apply(d)
}

func (p *Programmes) validate(v Programme) error {
	switch {
	case !programmeID.MatchString(v.ID):
		return &catalog.InvalidError{Field: "id", Reason: "want 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit"}
	case !keyword.MatchString(v.Keyword):
		return &catalog.InvalidError{Field: "keyword", Reason: "want one word of 2 to 20 letters and digits"}
	}
	switch reply.Classify(reply.Input{Text: v.Keyword}).Label {
	case reply.OptOut, reply.Help:
		return &catalog.InvalidError{Field: "keyword", Reason: "is a word by which people opt out or ask for help"}
	}
	s, err := p.catalog.Sender(v.Sender)
	if err != nil {
		return &catalog.InvalidError{Field: "sender", Reason: "is not defined"}
	}
	if _, err := p.catalog.Purpose(string(v.Purpose)); err != nil {
		return &catalog.InvalidError{Field: "purpose", Reason: "is not defined"}
	}
	ref, err := ledger.ParseDisclosure(v.Disclosure)
	if err != nil {
		return &catalog.InvalidError{Field: "disclosure", Reason: err.Error()}
	}
	if v.Disclosure == "" && v.Level == consent.ExpressWritten {
		return &catalog.InvalidError{Field: "disclosure", Reason: "is missing: a written consent says what it is to"}
	}
	if v.Disclosure != "" {
		if _, err := p.catalog.Wording(ref); err != nil {
			return &catalog.InvalidError{Field: "disclosure", Reason: err.Error()}
		}
	}
	if other, ok := p.Find(s.ID, v.Keyword); ok && other.ID != v.ID && !v.Retired {
		return &catalog.InvalidError{Field: "keyword", Reason: fmt.Sprintf("is that of programme %q already", other.ID)}
	}
	return nil
}

// Find returns the programme whose keyword is the whole of a text to a sender, but for spaces and the marks around it: a
// grant counts in exact words only.
func (p *Programmes) Find(sender, text string) (Programme, bool) {
	text = strings.TrimFunc(text, aside)
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, v := range p.byID {
		if v.Sender == sender && !v.Retired && strings.EqualFold(v.Keyword, text) {
			return v, true
		}
	}
	return Programme{}, false
}

// aside reports whether a character around a keyword says nothing. A question mark does: who asks has not said yes.
func aside(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsPunct(r) && !strings.ContainsRune("?¿؟？", r)
}

// Get returns the programme with an ID, or catalog.ErrNotFound.
func (p *Programmes) Get(id string) (Programme, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	v, ok := p.byID[id]
	if !ok {
		return v, fmt.Errorf("programme %q is %w", id, catalog.ErrNotFound)
	}
	return v, nil
}

// All returns all programmes, by ID.
func (p *Programmes) All() []Programme {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.SortedFunc(maps.Values(p.byID), func(a, b Programme) int { return strings.Compare(a.ID, b.ID) })
}
