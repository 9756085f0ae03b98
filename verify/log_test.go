package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const testOrigin = "consentline.example/log"

// logKey is a log's key, made from a seed of repeated bytes; it implements note.Signer on its own.
type logKey struct {
	name string
	id   uint32
	priv ed25519.PrivateKey
}

func (k logKey) Name() string                    { return k.name }
func (k logKey) KeyHash() uint32                 { return k.id }
func (k logKey) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(k.priv, msg), nil }

// signerOf returns a log's signer and its verifier key.
func signerOf(t testing.TB, origin string, seed byte) (logKey, string) {
	t.Helper()
	k := logKey{name: origin, priv: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))}
	vkey, err := note.NewEd25519VerifierKey(origin, k.priv.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	k.id = v.KeyHash()
	return k, vkey
}

// witness cosigns checkpoints as C2SP tlog-cosignature says; it implements note.Signer on its own.
type witness struct {
	name string
	priv ed25519.PrivateKey
	at   uint64
}

func newWitness(name string, seed byte) witness {
	sum := sha256.Sum256([]byte{seed})
	return witness{name: name, priv: ed25519.NewKeyFromSeed(sum[:]), at: 1_795_000_000}
}

func (w witness) public() ed25519.PublicKey { return w.priv.Public().(ed25519.PublicKey) }

func (w witness) vkey(t testing.TB) string {
	t.Helper()
	k, err := WitnessKey(w.name, w.public())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w witness) Name() string { return w.name }

func (w witness) KeyHash() uint32 {
	sum := sha256.Sum256(append([]byte(w.name+"\n\x04"), w.public()...))
	return binary.BigEndian.Uint32(sum[:])
}

func (w witness) Sign(msg []byte) ([]byte, error) {
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", w.at, msg)
	return append(binary.BigEndian.AppendUint64(nil, w.at), ed25519.Sign(w.priv, []byte(signed))...), nil
}

// testLog is a log built by package tlog alone: the oracle that everything here is compared with.
type testLog struct {
	leaves []Leaf
	hashes []tlog.Hash // stored hashes
	signer logKey
	vkey   string
}

func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

func testLeaf(seq uint64) Leaf {
	return Leaf{
		Seq:        seq,
		RecordedAt: 1_795_000_000_000_000 + int64(seq)*1000,
		Kind:       byte(seq%8 + 1),
		Commitment: Commit(Salt{byte(seq), byte(seq >> 8)}, fmt.Appendf(nil, `{"entry":%d}`, seq)),
	}
}

func newTestLog(t testing.TB, size int) *testLog {
	t.Helper()
	leaves := make([]Leaf, size)
	for i := range leaves {
		leaves[i] = testLeaf(uint64(i + 1))
	}
	return logOf(t, leaves)
}

func logOf(t testing.TB, leaves []Leaf) *testLog {
	t.Helper()
	l := &testLog{leaves: leaves}
	l.signer, l.vkey = signerOf(t, testOrigin, 'a')
	for i, leaf := range leaves {
		hs, err := tlog.StoredHashes(int64(i), leaf.Marshal(), l)
		if err != nil {
			t.Fatal(err)
		}
		l.hashes = append(l.hashes, hs...)
	}
	return l
}

func (l *testLog) policy(t testing.TB) *Policy {
	t.Helper()
	p, err := NewPolicy(testOrigin, l.vkey)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (l *testLog) tree(t testing.TB, size int) tlog.Tree {
	t.Helper()
	h, err := tlog.TreeHash(int64(size), l)
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Tree{N: int64(size), Hash: h}
}

// checkpoint signs the tree at a size, with the log's key and further signers.
func (l *testLog) checkpoint(t testing.TB, size int, more ...note.Signer) []byte {
	t.Helper()
	tree := l.tree(t, size)
	text := fmt.Sprintf("%s\n%d\n%s\n", testOrigin, tree.N, tree.Hash)
	signed, err := note.Sign(&note.Note{Text: text}, append([]note.Signer{l.signer}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// files lays the whole log out as C2SP tlog-tiles says.
func (l *testLog) files(t testing.TB) fstest.MapFS {
	t.Helper()
	size := int64(len(l.leaves))
	fsys := fstest.MapFS{CheckpointPath: {Data: l.checkpoint(t, int(size))}}
	for _, tile := range tlog.NewTiles(TileHeight, 0, size) {
		data, err := tlog.ReadTileData(tile, l)
		if err != nil {
			t.Fatal(err)
		}
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		fsys[path] = &fstest.MapFile{Data: data}
		if tile.L != 0 {
			continue
		}
		var entries []byte
		for i := range int64(tile.W) {
			leaf := l.leaves[tile.N*TileWidth+i].Marshal()
			entries = append(binary.BigEndian.AppendUint16(entries, uint16(len(leaf))), leaf...)
		}
		fsys[strings.Replace(path, "tile/0/", "tile/entries/", 1)] = &fstest.MapFile{Data: entries}
	}
	return fsys
}

// altered returns a copy of the files in which change edits a copy of one file's bytes.
func altered(t testing.TB, fsys fstest.MapFS, path string, change func(b []byte) []byte) fstest.MapFS {
	t.Helper()
	f, ok := fsys[path]
	if !ok {
		t.Fatalf("no file %s to alter", path)
	}
	out := maps.Clone(fsys)
	out[path] = &fstest.MapFile{Data: change(append([]byte(nil), f.Data...))}
	return out
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[at] ^= 0x01
		return b
	}
}

func without(fsys fstest.MapFS, path string) fstest.MapFS {
	out := maps.Clone(fsys)
	delete(out, path)
	return out
}

// mutations calls try with every text that differs from b in one byte: two other values at each place.
func mutations(b []byte, try func(mutated []byte, at int)) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		for _, x := range []byte{0x01, byte(1 + rnd.IntN(255)), 0x20} {
			m := append([]byte(nil), b...)
			m[i] ^= x
			try(m, i)
		}
	}
}

var testTime = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)
