package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Reasons for which a proof is not accepted.
var (
	ErrProofFormat = errors.New("malformed proof")
	ErrNotInLog    = errors.New("the log at this checkpoint does not hold this entry at this place")
)

const (
	proofHeader = "c2sp.org/tlog-proof@v1"

	// maxProofHashes is the height of the tallest tree whose size fits a checkpoint.
	maxProofHashes = 63
)

// Proof shows offline that an entry is in the log: C2SP tlog-proof, stored in files that end in .tlog-proof.
type Proof struct {
	Index      int64 // the entry's place in the tree: its seq minus one
	Hashes     tlog.RecordProof
	Extra      []byte // not covered by the proof; here the commitment's salt, where the holder may open it
	Checkpoint []byte // signed note, verbatim
}

// Marshal returns the text of the .tlog-proof file.
func (p Proof) Marshal() []byte {
	var b bytes.Buffer
	b.WriteString(proofHeader + "\n")
	if len(p.Extra) > 0 {
		b.WriteString("extra " + base64.StdEncoding.EncodeToString(p.Extra) + "\n")
	}
	b.WriteString("index " + strconv.FormatInt(p.Index, 10) + "\n")
	for _, h := range p.Hashes {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseProof reads what Marshal writes and no other spelling of it; it does not verify. Errors wrap ErrProofFormat.
func ParseProof(text []byte) (Proof, error) {
	p, err := parseProof(text)
	if err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrProofFormat, err)
	}
	return p, nil
}

func parseProof(text []byte) (Proof, error) {
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok || len(checkpoint) == 0 {
		return Proof{}, errors.New("no checkpoint after an empty line")
	}
	lines := strings.Split(string(head), "\n")
	if lines[0] != proofHeader {
		return Proof{}, fmt.Errorf("first line %.40q, want %q", lines[0], proofHeader)
	}
	lines = lines[1:]
	p := Proof{Checkpoint: checkpoint}
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		extra, err := parseExtra(strings.TrimPrefix(lines[0], "extra "))
		if err != nil {
			return Proof{}, err
		}
		p.Extra, lines = extra, lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return Proof{}, errors.New("no index line")
	}
	index, err := parseDecimal(strings.TrimPrefix(lines[0], "index "))
	if err != nil {
		return Proof{}, fmt.Errorf("index: %w", err)
	}
	p.Index, lines = index, lines[1:]
	if len(lines) > maxProofHashes {
		return Proof{}, fmt.Errorf("%d hashes, at most %d can be needed", len(lines), maxProofHashes)
	}
	for i, line := range lines {
		h, err := parseHash(line)
		if err != nil {
			return Proof{}, fmt.Errorf("hash %d: %w", i+1, err)
		}
		p.Hashes = append(p.Hashes, h)
	}
	return p, nil
}

func parseExtra(s string) ([]byte, error) {
	extra, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(extra) == 0 || base64.StdEncoding.EncodeToString(extra) != s {
		return nil, errors.New("extra data is empty or not base64")
	}
	return extra, nil
}

// VerifyProof checks that the proof's checkpoint satisfies the policy and that the tree it signs holds the leaf at the
// place its seq gives. It returns the checkpoint. It says nothing about Extra; see VerifyOpening.
func (p *Policy) VerifyProof(proof Proof, leaf Leaf) (Checkpoint, error) {
	c, err := p.OpenCheckpoint(proof.Checkpoint)
	if err != nil {
		return Checkpoint{}, err
	}
	if leaf.Seq == 0 || uint64(proof.Index) != leaf.Seq-1 {
		return Checkpoint{}, fmt.Errorf("%w: the proof is for entry %d, not %d", ErrNotInLog, proof.Index+1, leaf.Seq)
	}
	if err := tlog.CheckRecord(proof.Hashes, c.Size, c.Root, proof.Index, leaf.RecordHash()); err != nil {
		return Checkpoint{}, fmt.Errorf("%w: entry %d, checkpoint of size %d: %w", ErrNotInLog, leaf.Seq, c.Size, err)
	}
	return c, nil
}
