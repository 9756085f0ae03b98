package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Sizes in bytes of a marshalled leaf and of the salt in a commitment.
const (
	LeafSize = 50
	SaltSize = 16
)

const leafVersion = 0x01

// commitPrefix keeps a commitment from being mistaken for any other SHA-256 in the system.
const commitPrefix = "consentline leaf v1\n"

// ErrLeaf is what every error of ParseLeaf wraps: the bytes are no leaf of this version.
var ErrLeaf = errors.New("not a ledger leaf")

// Leaf is what the log holds of one entry. It has no personal data: the commitment hides the body behind a random salt.
type Leaf struct {
	Seq        uint64 // the entry's number, from 1; it stands at tree index Seq-1
	RecordedAt int64  // Unix microseconds, UTC
	Kind       byte
	Commitment [sha256.Size]byte
}

// Salt is the random value that keeps a commitment from being guessed; it is stored inside the sealed body only.
type Salt [SaltSize]byte

// Commit returns the commitment to an entry's body: SHA-256 over a fixed prefix, the salt and the body.
func Commit(salt Salt, body []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(commitPrefix))
	h.Write(salt[:])
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// Marshal returns the leaf's 50 bytes, big endian: version, seq, recorded_at, kind, commitment.
func (l Leaf) Marshal() []byte {
	return l.AppendTo(make([]byte, 0, LeafSize))
}

// AppendTo appends the leaf's 50 bytes to dst and returns the longer slice, without allocating if dst has room.
func (l Leaf) AppendTo(dst []byte) []byte {
	dst = append(dst, leafVersion)
	dst = binary.BigEndian.AppendUint64(dst, l.Seq)
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.RecordedAt))
	dst = append(dst, l.Kind)
	return append(dst, l.Commitment[:]...)
}

// ParseLeaf reads the bytes that Marshal wrote; anything else is an error that wraps ErrLeaf.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) != LeafSize {
		return Leaf{}, fmt.Errorf("%w: %d bytes, want %d", ErrLeaf, len(b), LeafSize)
	}
	if b[0] != leafVersion {
		return Leaf{}, fmt.Errorf("%w: version %#02x, want %#02x", ErrLeaf, b[0], leafVersion)
	}
	l := Leaf{
		Seq:        binary.BigEndian.Uint64(b[1:9]),
		RecordedAt: int64(binary.BigEndian.Uint64(b[9:17])),
		Kind:       b[17],
		Commitment: [sha256.Size]byte(b[18:]),
	}
	if l.Seq == 0 {
		return Leaf{}, fmt.Errorf("%w: seq 0, entries are numbered from 1", ErrLeaf)
	}
	return l, nil
}

// RecordHash returns the hash under which the leaf stands in the tree (RFC 6962, section 2.1).
func (l Leaf) RecordHash() tlog.Hash {
	var buf [LeafSize]byte
	return recordHash(l.AppendTo(buf[:0]))
}

// recordHash is tlog.RecordHash on the stack, which leaves of this size make three times as fast.
func recordHash(leaf []byte) tlog.Hash {
	if len(leaf) > LeafSize {
		return tlog.RecordHash(leaf)
	}
	var buf [1 + LeafSize]byte // buf[0] is the leaf prefix 0x00 of RFC 6962
	n := copy(buf[1:], leaf)
	return sha256.Sum256(buf[:1+n])
}
