package verify

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reasons for which a receipt is not accepted. A checkpoint's and a proof's own reasons come through as they are.
var (
	ErrReceiptFormat    = errors.New("malformed receipt")
	ErrReceiptKey       = errors.New("the receipt names a key that is not one of the log's")
	ErrReceiptSignature = errors.New("the receipt's signature does not fit what it states")
	ErrReceiptProof     = errors.New("the receipt rests on an entry and has no proof of it yet")
)

// receiptPrefix keeps the log key's signature under a receipt from being taken for one under a checkpoint or anything else.
const receiptPrefix = "consentline receipt v1\n"

// maxReceipt bounds what is parsed; a receipt with an opened entry has a few kilobytes.
const maxReceipt = 4 << 20

// Receipt is a signed answer to one question, with what a third party needs to verify it offline.
type Receipt struct {
	Statement Statement `json:"statement"`
	Signature Signature `json:"signature"`

	// Proof is the .tlog-proof text for the statement's entry. It stands outside the signature, so that a later
	// checkpoint or more cosignatures can replace it; it needs no signature, since the log's signature is in it.
	Proof string `json:"proof,omitempty"`

	// Opening shows what the entry says, to those who may see it.
	Opening *Opening `json:"opening,omitempty"`
}

// Statement is what the log's key signs: the question, and the answer that was given.
type Statement struct {
	Origin   string   `json:"origin"` // the log's
	Question Question `json:"question"`

	Verdict        string     `json:"verdict"` // allow, deny or defer
	Reasons        []Reason   `json:"reasons"` // the first decided
	ReasonsOmitted int        `json:"reasons_omitted,omitempty"`
	Obligations    []Rule     `json:"obligations,omitempty"`
	Place          *Place     `json:"place,omitempty"`    // where the rules took the person to be
	Packs          []Pack     `json:"packs,omitempty"`    // the rules that were judged by, with their versions
	Verified       *bool      `json:"verified,omitempty"` // whether all of them that took part were read in their sources
	CheckedAt      time.Time  `json:"checked_at"`
	NextAllowedAt  *time.Time `json:"next_allowed_at,omitempty"`
	ChangesAt      *time.Time `json:"changes_at,omitempty"`
	Revision       uint64     `json:"revision"`      // the last entry that the answer took into account
	UseWithinMS    int64      `json:"use_within_ms"` // milliseconds after the question was sent

	// Entry is the leaf of the entry that the verdict rests on; nil if it rests on there being none.
	Entry *EntryLeaf `json:"entry,omitempty"`
}

// Question is what was asked. The number stands in it only if whoever asked for the receipt wanted it there.
type Question struct {
	Subject string     `json:"subject"` // empty if nobody is known at the number
	Brand   string     `json:"brand"`
	Purpose string     `json:"purpose"`
	Channel string     `json:"channel"`
	Number  string     `json:"number,omitempty"`   // E.164
	At      *time.Time `json:"at,omitempty"`       // asked as of another moment than CheckedAt
	KnownAt *time.Time `json:"known_at,omitempty"` // asked as known at an earlier moment

	// About is what the asker said of the contact, as they wrote it.
	About json.RawMessage `json:"about,omitempty"`
}

// Place is where the person was taken to be: all the regions, and all the time zones.
type Place struct {
	Regions  []string `json:"regions"`
	Zones    []string `json:"time_zones"`
	Evidence []string `json:"evidence"`
}

// Reason is one gate that failed, or the one that allowed; names are those of the check's own answer.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text,omitempty"`
	Rule
	List  string `json:"list,omitempty"`
	Entry uint64 `json:"entry,omitempty"` // seq
}

// Pack names a pack of rules and the day on which its facts were last looked at.
type Pack struct {
	Pack    string `json:"pack"`
	Version string `json:"version"`
}

// Rule names a rule that a reason or an obligation comes from, and what it is taken from.
type Rule struct {
	Rule     string `json:"rule,omitempty"`
	Citation string `json:"citation,omitempty"`

	// Pack and PackVersion say where the rule comes from, Verified whether its text had been read in its source.
	Pack        string `json:"pack,omitempty"`
	PackVersion string `json:"pack_version,omitempty"`
	Verified    *bool  `json:"verified,omitempty"`
}

// EntryLeaf is a Leaf as a receipt spells it; recorded_at has microseconds.
type EntryLeaf struct {
	Seq        uint64    `json:"seq"`
	RecordedAt time.Time `json:"recorded_at"`
	Kind       byte      `json:"kind"`
	Commitment []byte    `json:"commitment"`
}

// Signature names the log's key, as <name>+<key id>, and holds its Ed25519 signature over SigningBytes.
type Signature struct {
	Key     string `json:"key"`
	Ed25519 []byte `json:"ed25519"`
}

// Opening is an entry's body and the salt that its leaf commits with.
type Opening struct {
	Salt []byte `json:"salt"`
	Body []byte `json:"body"`
}

// NewEntryLeaf spells a leaf for a statement.
func NewEntryLeaf(l Leaf) *EntryLeaf {
	return &EntryLeaf{
		Seq: l.Seq, RecordedAt: time.UnixMicro(l.RecordedAt).UTC(), Kind: l.Kind, Commitment: slices.Clone(l.Commitment[:]),
	}
}

// Leaf returns the leaf that is spelled here, or an error if a field has a value that no leaf has.
func (e *EntryLeaf) Leaf() (Leaf, error) {
	l := Leaf{Seq: e.Seq, RecordedAt: e.RecordedAt.UnixMicro(), Kind: e.Kind}
	if copy(l.Commitment[:], e.Commitment) != len(l.Commitment) || len(e.Commitment) != len(l.Commitment) {
		return Leaf{}, fmt.Errorf("%w: commitment of %d bytes, want %d", ErrReceiptFormat, len(e.Commitment), len(l.Commitment))
	}
	if e.Seq == 0 || !time.UnixMicro(l.RecordedAt).Equal(e.RecordedAt) {
		return Leaf{}, fmt.Errorf("%w: entry %d recorded at %s: want a seq from 1 and whole microseconds",
			ErrReceiptFormat, e.Seq, e.RecordedAt.Format(time.RFC3339Nano))
	}
	return l, nil
}

// SigningBytes returns what the log's key signs: a fixed prefix and the statement as canonical JSON (RFC 8785). It fails,
// wrapping ErrReceiptFormat, on a statement that no honest log makes or that canonical JSON cannot hold.
func (s Statement) SigningBytes() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReceiptFormat, err)
	}
	canonical, err := canonicalJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReceiptFormat, err)
	}
	return append([]byte(receiptPrefix), canonical...), nil
}

// ParseReceipt reads a receipt's JSON in whatever order and spacing. It refuses members it does not know, since nothing
// may stand in a receipt that verifying passes over. Errors wrap ErrReceiptFormat.
func ParseReceipt(b []byte) (Receipt, error) {
	if len(b) > maxReceipt {
		return Receipt{}, fmt.Errorf("%w: %d bytes, at most %d are read", ErrReceiptFormat, len(b), maxReceipt)
	}
	given, err := canonicalJSON(b)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrReceiptFormat, err)
	}
	var r Receipt
	dec := json.NewDecoder(bytes.NewReader(given))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrReceiptFormat, err)
	}
	// encoding/json is lenient about letter case, empty members and base64; what it understood must be what was given.
	understood, err := r.canonical()
	if err != nil || !bytes.Equal(given, understood) {
		return Receipt{}, fmt.Errorf("%w: members missing, empty or misspelt: it reads as %.200s", ErrReceiptFormat, understood)
	}
	return r, nil
}

func (r Receipt) canonical() ([]byte, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return canonicalJSON(raw)
}

// VerifyReceipt checks, offline, that a key of the policy's log signed the statement, that the entry it rests on is in the
// log at the proof's checkpoint, and that the opening, if there is one, is what that entry commits to. A verdict that
// rests on no entry is signed only: no log can prove that something is absent from it.
func VerifyReceipt(r Receipt, p *Policy) error {
	signed, err := r.Statement.SigningBytes()
	if err != nil {
		return err
	}
	if r.Statement.Origin != p.origin {
		return fmt.Errorf("%w: the receipt's is %q, want %q", ErrOrigin, r.Statement.Origin, p.origin)
	}
	pub, ok := p.logKey(r.Signature.Key)
	if !ok {
		return fmt.Errorf("%w: %q", ErrReceiptKey, r.Signature.Key)
	}
	if len(r.Signature.Ed25519) != ed25519.SignatureSize || !ed25519.Verify(pub, signed, r.Signature.Ed25519) {
		return ErrReceiptSignature
	}
	return r.verifyEntry(p)
}

// verifyEntry checks the proof and the opening against the signed statement.
func (r Receipt) verifyEntry(p *Policy) error {
	if r.Statement.Entry == nil {
		if r.Proof != "" || r.Opening != nil {
			return fmt.Errorf("%w: proof or opening of an entry, and the statement rests on none", ErrReceiptFormat)
		}
		return nil
	}
	leaf, err := r.Statement.Entry.Leaf()
	if err != nil {
		return err
	}
	if r.Proof == "" {
		return ErrReceiptProof
	}
	proof, err := ParseProof([]byte(r.Proof))
	if err != nil {
		return err
	}
	if _, err := p.VerifyProof(proof, leaf); err != nil {
		return err
	}
	return r.verifyOpening(leaf, proof.Extra)
}

// verifyOpening lets the proof's extra data, which nothing signs, be only the salt that the opening is verified with.
func (r Receipt) verifyOpening(leaf Leaf, extra []byte) error {
	if r.Opening == nil {
		if len(extra) != 0 {
			return fmt.Errorf("%w: the proof carries a salt, and there is no body to open with it", ErrReceiptFormat)
		}
		return nil
	}
	if len(r.Opening.Salt) != SaltSize {
		return fmt.Errorf("%w: salt of %d bytes, want %d", ErrReceiptFormat, len(r.Opening.Salt), SaltSize)
	}
	if len(extra) != 0 && !bytes.Equal(extra, r.Opening.Salt) {
		return fmt.Errorf("%w: the salt in the proof is not the one in the opening", ErrReceiptFormat)
	}
	return VerifyOpening(leaf, Salt(r.Opening.Salt), r.Opening.Body)
}

// check refuses what no honest log signs.
func (s Statement) check() error {
	if !slices.Contains([]string{"allow", "deny", "defer"}, s.Verdict) {
		return fmt.Errorf("%w: verdict %q, want allow, deny or defer", ErrReceiptFormat, s.Verdict)
	}
	if len(s.Reasons) == 0 || s.Reasons[0].Code == "" {
		return fmt.Errorf("%w: a verdict without a reason", ErrReceiptFormat)
	}
	if s.CheckedAt.IsZero() || s.UseWithinMS < 0 {
		return fmt.Errorf("%w: no checked_at, or a negative use_within_ms", ErrReceiptFormat)
	}
	if s.Entry == nil {
		return nil
	}
	if s.Entry.Seq > s.Revision {
		return fmt.Errorf("%w: it rests on entry %d and took only %d into account", ErrReceiptFormat, s.Entry.Seq, s.Revision)
	}
	_, err := s.Entry.Leaf()
	return err
}
