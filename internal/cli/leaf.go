package cli

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/verify"
)

// leafText is an entry as people have it: a receipt spells the kind as a number and the commitment in base64, the
// interface and history in words and hexadecimal.
type leafText struct {
	Seq        uint64          `json:"seq"`
	RecordedAt time.Time       `json:"recorded_at"`
	Kind       json.RawMessage `json:"kind"`
	Commitment string          `json:"commitment"`
}

// readLeaf takes the leaf of an entry from JSON that tells of it.
func readLeaf(text []byte) (verify.Leaf, error) {
	var t leafText
	if err := json.Unmarshal(text, &t); err != nil {
		return verify.Leaf{}, fmt.Errorf("read the entry: %w", err)
	}
	kind, err := t.kind()
	if err != nil {
		return verify.Leaf{}, err
	}
	commitment, err := t.commitment()
	if err != nil {
		return verify.Leaf{}, err
	}
	return (&verify.EntryLeaf{Seq: t.Seq, RecordedAt: t.RecordedAt, Kind: kind, Commitment: commitment}).Leaf()
}

func (t *leafText) kind() (byte, error) {
	var number byte
	if json.Unmarshal(t.Kind, &number) == nil {
		return number, nil
	}
	var name string
	if err := json.Unmarshal(t.Kind, &name); err != nil {
		return 0, errors.New("read the entry: it has no kind")
	}
	for k := ledger.KindAct; k <= ledger.KindRequest; k++ {
		if k.String() == name {
			return byte(k), nil
		}
	}
	return 0, fmt.Errorf("read the entry: its kind %q is not known here", name)
}

func (t *leafText) commitment() ([]byte, error) {
	if b, err := hex.DecodeString(t.Commitment); err == nil {
		return b, nil
	}
	b, err := base64.StdEncoding.DecodeString(t.Commitment)
	if err != nil {
		return nil, errors.New("read the entry: its commitment is neither hexadecimal nor base64")
	}
	return b, nil
}
