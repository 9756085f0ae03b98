package console

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/transparency"
	"github.com/consentline/consentline/verify"
)

// auditPage is the log's state and the entries that are no acts of persons.
type auditPage struct {
	Origin, Key, Root string
	Size, Head        uint64
	Last              *verification
	Running           bool
	Items             []adminEntry
	Older             uint64
}

// adminEntry is an administrative entry with its content as it stands in the ledger.
type adminEntry struct {
	Seq        uint64
	Kind       string
	RecordedAt time.Time
	By         string
	About      string
	Detail     string
	Hidden     bool
	Commitment string
}

const adminOnPage = 30

func (s *console) audit(v *visit) error {
	// What concerns all brands is not for those who act for some.
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ReadEntries, brandsOf(v.caller)...); err != nil {
		return err
	}
	page := auditPage{Origin: s.Signer.Origin(), Key: s.Signer.VerifierKey()}
	page.Last, page.Running = s.audits.state()
	var err error
	if page.Head, err = s.Ledger.Head(v.ctx()); err != nil {
		return err
	}
	if c, err := s.checkpoint(v.ctx()); err == nil {
		page.Size, page.Root = uint64(c.Size), c.Root.String()
	} else if !errors.Is(err, transparency.ErrNoResource) {
		return err
	}
	before, _ := strconv.ParseUint(v.URL.Query().Get("before"), 10, 64)
	if page.Items, page.Older, err = s.administrative(v, before); err != nil {
		return err
	}
	return s.render(v, http.StatusOK, "audit", view{Title: "Audit", Section: "/console/audit", Page: page})
}

// brandsOf asks the gate for all brands unless the visitor has no limit.
func brandsOf(c *access.Caller) []consent.BrandID {
	if len(c.Brands) == 0 {
		return nil
	}
	return []consent.BrandID{consent.Any}
}

func (s *console) administrative(v *visit, before uint64) (out []adminEntry, older uint64, err error) {
	if before == 0 {
		before = 1 << 62
	}
	places, err := s.Reports.Administrative(v.ctx(), before, adminOnPage+1)
	if err != nil {
		return nil, 0, err
	}
	if len(places) > adminOnPage {
		places = places[:adminOnPage]
		older = places[adminOnPage-1]
	}
	for _, seq := range places {
		e, err := s.Ledger.Entry(v.ctx(), seq)
		if err != nil {
			return nil, 0, err
		}
		row := adminEntry{Seq: e.Seq, Kind: e.Kind.String(), RecordedAt: e.RecordedAt, By: s.nameOf(e.Body.By), Commitment: hex.EncodeToString(e.Commitment[:])}
		if row.Hidden = e.Kind == ledger.KindAccess && !v.caller.Can(access.ManageKeys); !row.Hidden {
			row.About, row.Detail = about(e.Body.Detail), indented(e.Body.Detail)
		}
		out = append(out, row)
	}
	return out, older, nil
}

// about says in one line what a detail is of.
func about(detail json.RawMessage) string {
	var d struct {
		Kind, ID, Permission, Made string
		List                       struct{ Name string }
		Added, Removed             int
		SignedIn                   string `json:"signed_in"`
		Credential, Done           string
	}
	if err := json.Unmarshal(detail, &d); err != nil {
		return ""
	}
	switch {
	case d.Kind != "":
		return d.Kind + " " + d.ID
	case d.Permission != "":
		return "refused to " + d.Permission
	case d.List.Name != "":
		return fmt.Sprintf("list %s: %d added, %d removed", d.List.Name, d.Added, d.Removed)
	case d.SignedIn != "":
		return "signed in to the " + d.SignedIn
	case d.Credential != "":
		return d.Credential + " " + d.Done
	}
	return d.Made
}

// mostDetail bounds what a page shows of one entry.
const mostDetail = 1500

func indented(detail json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, detail, "", "  "); err != nil {
		return string(detail)
	}
	if b.Len() > mostDetail {
		return string(bytes.ToValidUTF8(b.Bytes()[:mostDetail], nil)) + " …"
	}
	return b.String()
}

func (s *console) checkpoint(ctx context.Context) (c verify.Checkpoint, err error) {
	note, _, _, err := s.Tree.Resource(ctx, verify.CheckpointPath)
	if err != nil {
		return c, err
	}
	policy, err := verify.NewPolicy(s.Signer.Origin(), s.Signer.VerifierKey())
	if err != nil {
		return c, err
	}
	return policy.OpenCheckpoint(note)
}

// verification is what the last press of the button found.
type verification struct {
	At       time.Time
	Took     time.Duration
	By       string
	OK       bool
	Problem  string
	Size     int64
	Root     string
	Opened   int
	Erased   int
	Warnings int64
}

// audits remembers the last verification of this node, and lets one run at a time.
type audits struct {
	mu      sync.Mutex // guards:
	running bool
	last    *verification
}

func (a *audits) state() (last *verification, running bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last, a.running
}

func (a *audits) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running {
		return false
	}
	a.running = true
	return true
}

// end keeps what was found; nil when the verification did not come to a finding.
func (a *audits) end(found *verification) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = false
	if found != nil {
		a.last = found
	}
}

// startVerification verifies the log and the ledger behind it, and answers when that is done: it ends with the visit.
func (s *console) startVerification(v *visit) error {
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ReadEntries, brandsOf(v.caller)...); err != nil {
		return err
	}
	if !s.audits.begin() {
		return v.done("/console/audit", "")
	}
	began := s.Now()
	found := &verification{By: v.caller.Name}
	err := s.verifyLog(v.ctx(), found)
	if err == nil {
		err = s.verifyEntries(v.ctx(), found)
	}
	if v.ctx().Err() != nil {
		s.audits.end(nil)
		return v.ctx().Err()
	}
	found.At, found.OK = s.Now(), err == nil
	found.Took = found.At.Sub(began)
	if err != nil {
		found.Problem = err.Error()
		s.Log.ErrorContext(v.ctx(), "the log was verified and does not hold", "error", err)
	}
	s.audits.end(found)
	return v.done("/console/audit", "")
}

// verifyLog audits the log as an outsider would: every leaf, every tile and the checkpoint.
func (s *console) verifyLog(ctx context.Context, found *verification) error {
	policy, err := verify.NewPolicy(s.Signer.Origin(), s.Signer.VerifierKey())
	if err != nil {
		return err
	}
	report, err := verify.Audit{Source: ownLog{s.Tree}, Policy: policy}.Run(ctx)
	found.Size, found.Root, found.Warnings = report.Checkpoint.Size, report.Checkpoint.Root.String(), report.Warnings
	return err
}

// verifyEntries opens every entry, which holds its content against the commitment that its leaf has.
func (s *console) verifyEntries(ctx context.Context, found *verification) error {
	const step = 2000
	for after := uint64(0); after < uint64(found.Size); {
		entries, err := s.Ledger.Entries(ctx, after, step)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return fmt.Errorf("entry %d is in the log and not in the ledger", after+1)
		}
		for i := range entries {
			if entries[i].Seq != after+1 {
				return fmt.Errorf("entry %d is in the log and not in the ledger", after+1)
			}
			after = entries[i].Seq
			if entries[i].Erased {
				found.Erased++
			} else {
				found.Opened++
			}
		}
	}
	return nil
}

// ownLog is the log of this node, as an audit reads it.
type ownLog struct{ tree *transparency.Tree }

// Fetch implements verify.Source.
func (o ownLog) Fetch(ctx context.Context, path string) ([]byte, error) {
	body, _, _, err := o.tree.Resource(ctx, path)
	if errors.Is(err, transparency.ErrNoResource) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return body, err
}
