// Package vault keeps the keys and does with them what needs secrecy: it finds a person by their number without
// storing the number in clear, seals what is recorded about them under a key of their own, and derives the log's
// signing key.
//
// The master key never leaves this package and is never in the database. Whoever has the database alone can read no
// number; whoever has the master key as well can read all, which is why the two are kept apart. A keyed hash of a
// number is a pseudonym, not anonymity: with the key every number can be tried.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/consentline/consentline/internal/phone"
)

// KeySize is the size of the master key and of every key made from it, in bytes.
const KeySize = 32

// Key is a data key: a subject's own, or one of the deployment's.
type Key [KeySize]byte

// SubjectID names the person reached at a number: 128 random bits, which say nothing about the number.
type SubjectID [16]byte

// Vault holds the keys made from one master key. It is safe for concurrent use.
type Vault struct {
	sealing cipher.AEAD
	members Key
	digests Key
	signing Key
	notes   Key
	staff   Key
	check   [16]byte

	macs sync.Pool // of hash.Hash, keyed for lookups
}

// Open derives the working keys from a master key.
func Open(master []byte) (*Vault, error) {
	if len(master) != KeySize {
		return nil, fmt.Errorf("master key has %d bytes, want %d", len(master), KeySize)
	}
	v := &Vault{}
	var lookup, sealing, check Key
	for _, k := range []struct {
		key *Key
		use string
	}{
		{&lookup, "lookup of numbers"}, {&sealing, "sealing of subjects"}, {&v.members, "members of lists"},
		{&v.digests, "digests of keys and events"}, {&v.signing, "signing of the log"}, {&v.notes, "entries about no person"},
		{&v.staff, "credentials of staff"},
		{&check, "check of the master key"},
	} {
		derived, err := hkdf.Key(sha256.New, master, nil, "consentline v1: "+k.use, KeySize)
		if err != nil {
			return nil, fmt.Errorf("derive the key for %s: %w", k.use, err)
		}
		copy(k.key[:], derived)
	}
	copy(v.check[:], check[:])
	v.sealing = aead(sealing)
	v.macs.New = func() any { return hmac.New(sha256.New, lookup[:]) }
	return v, nil
}

// Check returns a value that tells this master key from others and reveals nothing of it.
func (v *Vault) Check() []byte { return v.check[:] }

// Lookup returns the keyed hash by which a number's subject is found.
func (v *Vault) Lookup(n phone.Number) [32]byte {
	mac := v.macs.Get().(hash.Hash)
	defer v.macs.Put(mac)
	mac.Reset()
	var in [8]byte
	binary.BigEndian.PutUint64(in[:], uint64(n))
	mac.Write(in[:])
	var out [32]byte
	mac.Sum(out[:0])
	return out
}

// Digest returns a keyed hash of the parts, which are told apart by length, for things to be recognised again.
func (v *Vault) Digest(parts ...string) [16]byte {
	mac := hmac.New(sha256.New, v.digests[:])
	var size [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(size[:], uint32(len(p)))
		mac.Write(size[:])
		mac.Write([]byte(p))
	}
	return [16]byte(mac.Sum(nil))
}

// Subject is a person with the key that everything about them is sealed with.
type Subject struct {
	ID     SubjectID
	Number phone.Number
	Key    Key
}

// NewSubject draws an ID and a key for the person at a number.
func NewSubject(n phone.Number) Subject {
	s := Subject{Number: n}
	random(s.ID[:])
	random(s.Key[:])
	return s
}

// NewSalt draws the salt that hides a body behind its commitment.
func NewSalt() []byte {
	salt := make([]byte, 16)
	random(salt)
	return salt
}

func random(b []byte) {
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
}

const sealVersion = 1

// SealSubject returns the subject's number and key, sealed, for the one row that makes their entries readable.
func (v *Vault) SealSubject(s Subject) []byte {
	var plain [8 + KeySize]byte
	binary.BigEndian.PutUint64(plain[:], uint64(s.Number))
	copy(plain[8:], s.Key[:])
	return seal(v.sealing, plain[:], s.ID[:])
}

// ErrSealed says that what was to be opened is damaged, or was sealed with another key or in another place.
var ErrSealed = errors.New("does not open: damaged, moved, or sealed with another key")

// OpenSubject reads what SealSubject made.
func (v *Vault) OpenSubject(id SubjectID, sealed []byte) (Subject, error) {
	plain, err := open(v.sealing, sealed, id[:])
	if err != nil {
		return Subject{}, err
	}
	if len(plain) != 8+KeySize {
		return Subject{}, ErrSealed
	}
	return Subject{ID: id, Number: phone.Number(binary.BigEndian.Uint64(plain)), Key: Key(plain[8:])}, nil
}

// NotesKey is the key of entries that are about no person.
func (v *Vault) NotesKey() Key { return v.notes }

// StaffKey is the key under which it is kept how members of staff prove who they are.
func (v *Vault) StaffKey() Key { return v.staff }

// Seal seals a body under a key; place binds it to where it is kept.
func (k Key) Seal(body []byte, place uint64) []byte { return seal(aead(k), body, placeBytes(place)) }

// Open opens what Seal made, in the place it was made for.
func (k Key) Open(sealed []byte, place uint64) ([]byte, error) {
	return open(aead(k), sealed, placeBytes(place))
}

func placeBytes(place uint64) []byte { return binary.BigEndian.AppendUint64(nil, place) }

func aead(k Key) cipher.AEAD {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic(err) // the size is right
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

func seal(a cipher.AEAD, plain, data []byte) []byte {
	out := make([]byte, 1+a.NonceSize(), 1+a.NonceSize()+len(plain)+a.Overhead())
	out[0] = sealVersion
	random(out[1:])
	return a.Seal(out, out[1:], plain, data)
}

func open(a cipher.AEAD, sealed, data []byte) ([]byte, error) {
	if len(sealed) < 1+a.NonceSize() || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	nonce := sealed[1 : 1+a.NonceSize()]
	plain, err := a.Open(nil, nonce, sealed[1+a.NonceSize():], data)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// ListCipher enciphers the members of one suppression list, so that the same number is always the same value there and
// the values of two lists cannot be compared.
type ListCipher struct {
	block cipher.Block
	list  uint64
}

// ListCipher returns the cipher of the list with this number.
func (v *Vault) ListCipher(list uint64) ListCipher {
	block, err := aes.NewCipher(v.members[:])
	if err != nil {
		panic(err) // the size is right
	}
	return ListCipher{block, list}
}

// Member is a number as a list stores it.
type Member [aes.BlockSize]byte

// Encipher returns the number as this list stores it.
func (c ListCipher) Encipher(n phone.Number) Member {
	var m Member
	binary.BigEndian.PutUint64(m[:], c.list)
	binary.BigEndian.PutUint64(m[8:], uint64(n))
	c.block.Encrypt(m[:], m[:])
	return m
}

// Decipher returns the number of a stored member.
func (c ListCipher) Decipher(stored []byte) (phone.Number, error) {
	if len(stored) != aes.BlockSize {
		return 0, ErrSealed
	}
	var plain [aes.BlockSize]byte
	c.block.Decrypt(plain[:], stored)
	if binary.BigEndian.Uint64(plain[:]) != c.list {
		return 0, ErrSealed
	}
	return phone.Number(binary.BigEndian.Uint64(plain[8:])), nil
}

// SigningKey is the Ed25519 key that signs the log's checkpoints and receipts.
func (v *Vault) SigningKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(v.signing[:]) }
