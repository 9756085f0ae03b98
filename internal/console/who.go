package console

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// who is whom a page is about: a subject, or a number about which nothing is held that the visitor may see.
type who struct {
	ledger.Subject
	Known bool
	path  string
}

// Path is the address of the person's page. It holds no number.
func (p who) Path() string { return "/console/people/" + p.path }

// shown is the number as the visitor may see it.
func shown(c *access.Caller, n phone.Number) string {
	if !c.Can(access.SeeNumbers) {
		return n.Masked()
	}
	return phone.FormatInternational(n)
}

// numberOf is the number of a person's own page, as the visitor may see it, and whether they have to say why they need
// it in full. A number about which nothing is held is what they typed themselves.
func (s *console) numberOf(v *visit, p who) (text string, askWhy bool) {
	if p.Known && v.caller.Can(access.SeeNumbers) && s.Gate.Look(v.caller, p.path) != nil {
		return p.Number.Masked(), true
	}
	return shown(v.caller, p.Number), false
}

// byNumber returns the person at a number, as far as the visitor may know of them.
func (s *console) byNumber(v *visit, n phone.Number) (who, error) {
	subject, err := s.Ledger.ByNumber(v.ctx(), n)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return who{}, err
	}
	p := s.visible(v, subject)
	if !p.Known {
		p.Number = n
		p.path = s.sealNumber(v, n)
	}
	return p, nil
}

// byPath returns the person that a page's address names, or ledger.ErrNotFound.
func (s *console) byPath(v *visit) (who, error) {
	path := v.PathValue("who")
	if id, err := hex.DecodeString(path); err == nil && len(id) == len(ledger.SubjectID{}) {
		subject, err := s.Ledger.ByID(v.ctx(), ledger.SubjectID(id))
		if err != nil {
			return who{}, err
		}
		p := s.visible(v, subject)
		if !p.Known {
			return who{}, ledger.ErrNotFound
		}
		return p, nil
	}
	n, err := s.openNumber(v, path)
	if err != nil {
		return who{}, err
	}
	p, err := s.byNumber(v, n)
	if err == nil && !p.Known {
		p.path = path
	}
	return p, err
}

// visible leaves out what is held under brands that are not the visitor's; what covers every brand covers theirs.
func (s *console) visible(v *visit, subject ledger.Subject) who {
	subject.Records = slices.DeleteFunc(slices.Clone(subject.Records), func(h ledger.Held) bool { return !sees(v.caller, h.Scope.Brand) })
	slices.SortFunc(subject.Records, func(a, b ledger.Held) int {
		return b.Record.LastEffectiveAt().Compare(a.Record.LastEffectiveAt())
	})
	p := who{Subject: subject, path: hex.EncodeToString(subject.ID[:])}
	p.Known = subject.ID != (ledger.SubjectID{}) && (len(v.caller.Brands) == 0 || len(subject.Records) > 0)
	return p
}

func sees(c *access.Caller, b consent.BrandID) bool { return b == consent.Any || c.For(b) }

// handleLasts is how long the page of a number without a subject can be visited, within one session.
const handleLasts = time.Hour

func (s *console) sealNumber(v *visit, n phone.Number) string {
	return s.handles.Seal(n, v.token, handleLasts)
}

func (s *console) openNumber(v *visit, handle string) (phone.Number, error) {
	n, err := s.handles.Open(handle, v.token)
	if err != nil {
		return 0, ledger.ErrNotFound
	}
	return n, nil
}

// newOnce draws what makes sending a form twice harmless.
func newOnce() string { return "console-" + rand.Text() }
