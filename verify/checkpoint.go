package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Reasons for which a checkpoint is not accepted; ErrCheckpoint is wrapped by all of them.
var (
	ErrCheckpoint = errors.New("checkpoint not accepted")
	ErrOrigin     = errors.New("it is of another log")
	ErrUnsigned   = errors.New("no trusted key of the log signed it")
	ErrQuorum     = errors.New("too few witnesses cosigned it")
)

// maxCheckpoint leaves room for a hundred signatures of the largest kind in use.
const maxCheckpoint = 1 << 20

// Checkpoint is a log's signed statement of its size and root hash (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin     string
	Size       int64 // leaves in the tree
	Root       tlog.Hash
	Extensions []string // further lines of the note, which nobody audits

	// Cosignatures are those of the policy's witnesses, in the note's order; they are valid.
	Cosignatures []Cosignature
}

// Cosignature is a witness's word that it saw this checkpoint, consistent with all it saw before.
type Cosignature struct {
	Witness string
	At      time.Time
}

// Tree returns the size and root as package tlog takes them.
func (c Checkpoint) Tree() tlog.Tree { return tlog.Tree{N: c.Size, Hash: c.Root} }

// Text returns the note text that is signed: origin, size, root and extension lines, each ending in a newline.
func (c Checkpoint) Text() string {
	lines := append([]string{c.Origin, strconv.FormatInt(c.Size, 10), c.Root.String()}, c.Extensions...)
	return strings.Join(lines, "\n") + "\n"
}

// OpenCheckpoint parses a signed checkpoint and checks it against the policy; a refusal wraps ErrCheckpoint and says why.
func (p *Policy) OpenCheckpoint(signed []byte) (Checkpoint, error) {
	c, err := p.openCheckpoint(signed)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return c, nil
}

func (p *Policy) openCheckpoint(signed []byte) (Checkpoint, error) {
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("%d bytes long, at most %d are read", len(signed), maxCheckpoint)
	}
	n, err := note.Open(signed, p.verifiers())
	if unverified := (*note.UnverifiedNoteError)(nil); errors.As(err, &unverified) {
		return Checkpoint{}, ErrUnsigned
	}
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != p.origin {
		return Checkpoint{}, fmt.Errorf("%w: origin %q, want %q", ErrOrigin, c.Origin, p.origin)
	}
	if err := p.countSignatures(&c, n.Sigs); err != nil {
		return Checkpoint{}, err
	}
	return c, nil
}

// countSignatures checks that the verified signatures suffice, and notes the witnesses among them. note.Open has
// counted no key twice.
func (p *Policy) countSignatures(c *Checkpoint, sigs []note.Signature) error {
	byLog := false
	for _, s := range sigs {
		// note.Open reads base64 leniently; one signature must have one spelling only.
		raw, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
		if err != nil {
			return fmt.Errorf("signature by %s: %w", s.Name, err)
		}
		label := fmt.Sprintf("%s+%08x", s.Name, s.Hash)
		if _, ok := findKey(p.logKeys, label); ok {
			byLog = true
			continue
		}
		at, _ := cosignedAt(raw[4:]) // verified, hence well-formed
		c.Cosignatures = append(c.Cosignatures, Cosignature{Witness: s.Name, At: time.Unix(int64(at), 0).UTC()})
	}
	if !byLog {
		return ErrUnsigned
	}
	if len(c.Cosignatures) < p.quorum {
		return fmt.Errorf("%w: %d of %d that the policy asks for", ErrQuorum, len(c.Cosignatures), p.quorum)
	}
	return nil
}

// parseCheckpoint reads a checkpoint's note text, strictly: every checkpoint has one spelling.
func parseCheckpoint(text string) (Checkpoint, error) {
	body, ok := strings.CutSuffix(text, "\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) < 3 {
		return Checkpoint{}, fmt.Errorf("%d lines, want origin, size and root hash", len(lines))
	}
	for i, line := range lines {
		if line == "" {
			return Checkpoint{}, fmt.Errorf("line %d is empty", i+1)
		}
	}
	size, err := parseDecimal(lines[1])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("tree size: %w", err)
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("root hash: %w", err)
	}
	if size == 0 && root != emptyRoot {
		return Checkpoint{}, fmt.Errorf("root hash %s of an empty tree, want %s", root, emptyRoot)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root, Extensions: lines[3:]}, nil
}

// parseDecimal reads a non-negative decimal without sign or leading zeroes.
func parseDecimal(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%q is no decimal between 0 and 2^63-1 without leading zeroes", s)
	}
	return n, nil
}

// parseHash reads the only base64 spelling of a 32-byte hash.
func parseHash(s string) (tlog.Hash, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	// The decoder skips carriage returns, so that only encoding again shows that there was no other spelling.
	if err != nil || len(raw) != tlog.HashSize || tlog.Hash(raw).String() != s {
		return tlog.Hash{}, fmt.Errorf("%q is not the base64 of %d bytes", s, tlog.HashSize)
	}
	return tlog.Hash(raw), nil
}
