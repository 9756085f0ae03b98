package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// Person is what is kept of a member of staff. It stands in the ledger, so that entries can say who made them.
type Person struct {
	ID        string            `json:"id"`
	Login     string            `json:"login"` // what they sign in with, in lower case, such as an e-mail address
	Name      string            `json:"name"`
	Role      Role              `json:"role"`
	Brands    []consent.BrandID `json:"brands,omitempty"`
	Identity  string            `json:"identity,omitempty"` // issuer and subject at the provider of single sign-on; empty: they sign in here
	CreatedAt ledger.Time       `json:"created_at"`
	CreatedBy string            `json:"created_by"`

	JoinedAt   *ledger.Time `json:"joined_at,omitempty"` // when they first came in; until then they are invited
	DisabledAt *ledger.Time `json:"disabled_at,omitempty"`
	DisabledBy string       `json:"disabled_by,omitempty"`
}

// CallerID names the person as entries do.
func (p *Person) CallerID() string { return personCaller + p.ID }

// PersonID returns the ID of the person who is a caller; ok is false for keys.
func PersonID(callerID string) (id string, ok bool) { return strings.CutPrefix(callerID, personCaller) }

// ErrExists says that somebody has a login already.
var ErrExists = errors.New("somebody has this login already")

// Invite lets a person in: they may act from now on, once they have a way to sign in. A login is given once for ever.
func (g *Gate) Invite(ctx context.Context, by *Caller, p Person) (Person, error) {
	p.Login = NormalLogin(p.Login)
	p.Identity = ""
	if p.Name = strings.TrimSpace(p.Name); p.Name == "" {
		p.Name = p.Login
	}
	if err := p.validate(); err != nil {
		return Person{}, err
	}
	p.ID = personID("login", p.Login)
	return g.add(ctx, by, p)
}

// personID follows from a login or an identity, so that two nodes cannot give the same one twice.
func personID(kind, name string) string {
	sum := sha256.Sum256([]byte("consentline person\x00" + kind + "\x00" + name))
	return encoding.EncodeToString(sum[:5])
}

func (g *Gate) add(ctx context.Context, by *Caller, p Person) (Person, error) {
	g.changing.Lock()
	defer g.changing.Unlock()
	if _, err := g.Person(p.ID); err == nil {
		return Person{}, ErrExists
	}
	p.CreatedAt, p.CreatedBy = g.moment(), by.ID
	p.DisabledAt, p.DisabledBy = nil, ""
	return p, g.define(ctx, by, kindPerson, p.ID, p, 0)
}

func (g *Gate) moment() ledger.Time { return ledger.Time(g.now().UTC().Truncate(time.Microsecond)) }

// NormalLogin returns a login as it is compared: without spaces around it, in lower case.
func NormalLogin(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

const (
	longestLogin = 200
	longestName  = 200
)

func (p *Person) validate() error {
	switch {
	case p.Login == "" || len(p.Login) > longestLogin || strings.ContainsFunc(p.Login, notInLogin) || !utf8.ValidString(p.Login):
		return &InvalidError{"login", "want 1 to 200 letters, digits and signs without spaces, such as an e-mail address"}
	case len(p.Name) > longestName || strings.ContainsFunc(p.Name, unicode.IsControl) || !utf8.ValidString(p.Name):
		return &InvalidError{"name", "want at most 200 bytes in one line"}
	case !p.Role.known() || p.Role == Sender:
		return &InvalidError{"role", fmt.Sprintf("want one of %v: sender is for systems", PeopleRoles)}
	}
	return nil
}

func notInLogin(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError
}

// PersonChange is what may be changed about a person; nil leaves a field as it is.
type PersonChange struct {
	Name     *string
	Role     *Role
	Brands   *[]consent.BrandID // empty: all
	Disabled *bool
}

// ChangePerson changes a person. It holds at once: for whoever is signed in, too. What would leave nobody who can let
// others in is ErrLastAdmin, except for the local command line. A change that changes nothing leaves no entry.
func (g *Gate) ChangePerson(ctx context.Context, by *Caller, id string, change PersonChange) (Person, error) {
	g.changing.Lock()
	defer g.changing.Unlock()
	seen := g.seen(personCaller + id)
	before, err := g.Person(id)
	if err != nil {
		return Person{}, err
	}
	p := change.of(before)
	if p.DisabledAt == nil && change.Disabled != nil && *change.Disabled {
		at := g.moment()
		p.DisabledAt, p.DisabledBy = &at, by.ID
	}
	if err := p.validate(); err != nil {
		return Person{}, err
	}
	if same(before, p) {
		return before, nil
	}
	after := holder{Caller: Caller{Role: p.Role, Brands: p.Brands}}
	if by.ID != Local.ID && (p.DisabledAt != nil || !after.manages()) && g.lastAdmin(p.CallerID()) {
		return Person{}, ErrLastAdmin
	}
	return p, g.define(ctx, by, kindPerson, p.ID, p, seen)
}

// of returns a person after the change, except for being disabled, which needs to know when and by whom.
func (c PersonChange) of(p Person) Person {
	if c.Name != nil {
		if p.Name = strings.TrimSpace(*c.Name); p.Name == "" {
			p.Name = p.Login
		}
	}
	if c.Role != nil {
		p.Role = *c.Role
	}
	if c.Brands != nil {
		p.Brands = slices.Clone(*c.Brands)
	}
	if c.Disabled != nil && !*c.Disabled {
		p.DisabledAt, p.DisabledBy = nil, ""
	}
	return p
}

func same(a, b Person) bool {
	return a.Name == b.Name && a.Role == b.Role && slices.Equal(a.Brands, b.Brands) && (a.DisabledAt == nil) == (b.DisabledAt == nil)
}

// Joined notes that an invited person has come in. For one who had before it does nothing.
func (g *Gate) Joined(ctx context.Context, id string) error {
	g.changing.Lock()
	defer g.changing.Unlock()
	seen := g.seen(personCaller + id)
	p, err := g.Person(id)
	if err != nil || p.JoinedAt != nil {
		return err
	}
	at := g.moment()
	p.JoinedAt = &at
	return g.define(ctx, &Caller{ID: p.CallerID()}, kindPerson, p.ID, p, seen)
}

// Recognise returns the person with an identity at a provider of single sign-on, with the role and brands that the
// provider's groups give them now. Who comes for the first time is let in; who was disabled stays so.
func (g *Gate) Recognise(ctx context.Context, p Person) (Person, error) {
	p.Login = NormalLogin(p.Login)
	if p.Name = strings.TrimSpace(p.Name); p.Name == "" {
		p.Name = p.Login
	}
	if p.Identity == "" {
		return Person{}, &InvalidError{"identity", "is missing"}
	}
	if err := p.validate(); err != nil {
		return Person{}, err
	}
	p.ID = personID("identity", p.Identity)
	byProvider := &Caller{ID: "single-sign-on"}
	now := g.moment()
	p.JoinedAt = &now
	known, err := g.add(ctx, byProvider, p)
	if !errors.Is(err, ErrExists) {
		return known, err
	}
	g.changing.Lock()
	defer g.changing.Unlock()
	seen := g.seen(p.CallerID())
	before, err := g.Person(p.ID)
	if err != nil {
		return Person{}, err
	}
	after := before
	after.Login, after.Name, after.Role, after.Brands = p.Login, p.Name, p.Role, p.Brands
	if before.Login == after.Login && same(before, after) {
		return before, nil
	}
	return after, g.define(ctx, byProvider, kindPerson, after.ID, after, seen)
}

// Person returns what is kept of one person, or ErrNotFound.
func (g *Gate) Person(id string) (Person, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.people[id]
	if !ok {
		return Person{}, fmt.Errorf("person: %w", ErrNotFound)
	}
	return p, nil
}

// PersonByLogin returns the person who signs in here with a login, or ErrNotFound.
func (g *Gate) PersonByLogin(login string) (Person, error) {
	return g.Person(personID("login", NormalLogin(login)))
}

// PersonByIdentity returns the person with an identity at a provider of single sign-on, or ErrNotFound.
func (g *Gate) PersonByIdentity(identity string) (Person, error) {
	return g.Person(personID("identity", identity))
}

// People returns what is kept of everybody, by login.
func (g *Gate) People() []Person {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.SortedFunc(maps.Values(g.people), func(a, b Person) int {
		if c := strings.Compare(a.Login, b.Login); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}
