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

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
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

	mu   sync.RWMutex
	byID map[string]Programme
}

// NewProgrammes returns an empty set; give it the definitions in force with Apply.
func NewProgrammes(l catalog.Appender, c *catalog.Catalog) *Programmes {
	return &Programmes{ledger: l, catalog: c, byID: map[string]Programme{}}
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
	p.byID[d.ID] = v
	return nil
}

var (
	programmeID = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	keyword     = regexp.MustCompile(`^[\p{L}\p{N}]{2,20}$`)
)

// Define records a programme, new or changed. Errors are *catalog.InvalidError, or the ledger's.
func (p *Programmes) Define(ctx context.Context, by string, v Programme) (Programme, error) {
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
	if _, err := p.ledger.AppendOne(ctx, item); err != nil {
		return v, err
	}
	return v, p.Apply(item.Detail.(ledger.Definition))
}

func (p *Programmes) validate(v Programme) error {
	switch {
	case !programmeID.MatchString(v.ID):
		return &catalog.InvalidError{Field: "id", Reason: "want 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit"}
	case !keyword.MatchString(v.Keyword):
		return &catalog.InvalidError{Field: "keyword", Reason: "want one word of 2 to 20 letters and digits"}
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

// Find returns the programme whose keyword is the whole of a text to a sender: a grant counts in exact words only.
func (p *Programmes) Find(sender, text string) (Programme, bool) {
	text = strings.TrimSpace(text)
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, v := range p.byID {
		if v.Sender == sender && !v.Retired && strings.EqualFold(v.Keyword, text) {
			return v, true
		}
	}
	return Programme{}, false
}

// All returns all programmes, by ID.
func (p *Programmes) All() []Programme {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.SortedFunc(maps.Values(p.byID), func(a, b Programme) int { return strings.Compare(a.ID, b.ID) })
}
