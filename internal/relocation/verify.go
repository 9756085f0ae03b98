package relocation

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/transparency"
	"github.com/consentline/consentline/verify"
)

// DifferentError says that the copy is not the original.
type DifferentError struct{ What, Problem string }

func (e *DifferentError) Error() string {
	return fmt.Sprintf("%s: %s; the original is unharmed: empty the copy and transfer again", e.What, e.Problem)
}

// verify reads the whole copy back: each table has the rows that were read from the original, each entry opens and fits
// its commitment, and the entries' Merkle tree gives every checkpoint that was ever signed.
func (r *relocation) verify(ctx context.Context, fromOriginal bool) error {
	r.result.Deployment, r.result.Tables = r.deployment, len(r.tables)
	for _, t := range r.tables {
		if err := r.verifyTable(ctx, t, fromOriginal); err != nil {
			return err
		}
	}
	return r.verifyEntries(ctx)
}

// verifyTable compares with what was noted while it was copied; where those notes are gone, with the original itself.
func (r *relocation) verifyTable(ctx context.Context, t store.Table, fromOriginal bool) error {
	want, err := r.standing(ctx, t)
	if err == nil && fromOriginal {
		want, err = r.count(ctx, r.From.DB, t, false)
	}
	if err != nil {
		return err
	}
	got, err := r.count(ctx, r.To.DB, t, true)
	if err != nil {
		return err
	}
	if got.n != want.n || got.digest != want.digest {
		return &DifferentError{"table " + t.Name, fmt.Sprintf("%d rows were read and %d are there, or they differ", want.n, got.n)}
	}
	r.result.Rows += got.n
	return nil
}

// count reads all rows of a table.
func (r *relocation) count(ctx context.Context, db store.DB, t store.Table, tell bool) (at standing, err error) {
	err = db.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, "SELECT "+strings.Join(t.Names(), ", ")+" FROM "+t.Name), func(row store.Row) error {
			at.digest.add(valuesOf(t, row))
			at.n++
			if tell && at.n%int64(r.Chunk) == 0 {
				r.Progress(Verifying, t.Name, at.n)
			}
			return nil
		})
	})
	return at, err
}

// pageOfEntries is how many entries are verified at once.
const pageOfEntries = 5000

func (r *relocation) verifyEntries(ctx context.Context) error {
	l, err := ledger.Reading(ctx, r.To.DB, r.Vault)
	if err != nil {
		return err
	}
	tree, err := newWitness(ctx, r.To.DB, r.Vault.SigningKey().Seed())
	if err != nil {
		return err
	}
	for seq := uint64(0); seq < r.head; {
		entries, err := l.Entries(ctx, seq, pageOfEntries)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return &DifferentError{fmt.Sprintf("entry %d", seq+1), "it is missing"}
		}
		for i := range entries {
			seq++
			if err := r.verifyEntry(ctx, tree, &entries[i], seq); err != nil {
				return err
			}
		}
		r.Progress(Verifying, "entries", int64(seq))
	}
	root := tree.frontier.Root()
	r.result.Root, r.result.Entries = base64.StdEncoding.EncodeToString(root[:]), r.head
	r.result.Checkpoint, r.result.Checked = tree.last, tree.checked
	return tree.end()
}

// verifyEntry holds that an entry stands in its place; that it fits its commitment, opening it has shown.
func (r *relocation) verifyEntry(ctx context.Context, tree *witness, e *ledger.Entry, seq uint64) error {
	if e.Seq != seq {
		return &DifferentError{fmt.Sprintf("entry %d", seq), fmt.Sprintf("entry %d stands in its place", e.Seq)}
	}
	if e.Erased {
		r.result.Erased++
	}
	return tree.add(ctx, verify.Leaf{Seq: e.Seq, RecordedAt: e.RecordedAt.UnixMicro(), Kind: byte(e.Kind), Commitment: e.Commitment})
}

// witness grows the Merkle tree of the copy's entries, and holds each checkpoint and the stored tree against it.
type witness struct {
	db       store.DB
	seed     []byte
	frontier *verify.Frontier
	ahead    []checkpoint // that are still to come, the next first
	read     int64        // the size of the last checkpoint that was read
	more     bool
	policy   *verify.Policy
	checked  int
	last     int64

	stored      int64 // the size of the log as it is stored, and its root
	storedRoot  tlog.Hash
	storedFound bool
}

type checkpoint struct {
	size int64
	note string
}

func newWitness(ctx context.Context, db store.DB, seed []byte) (*witness, error) {
	frontier, err := verify.RestoreFrontier(0, nil)
	if err != nil {
		return nil, err
	}
	w := &witness{db: db, seed: seed, frontier: frontier, read: -1, more: true}
	var peaks []tlog.Hash
	err = db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT size, frontier FROM log_state WHERE id = 1"), func(r store.Row) {
			w.stored = r.Int64(0)
			for raw := r.Bytes(1); len(raw) >= tlog.HashSize; raw = raw[tlog.HashSize:] {
				peaks = append(peaks, tlog.Hash(raw[:tlog.HashSize]))
			}
		})
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	stored, err := verify.RestoreFrontier(uint64(w.stored), peaks)
	if err != nil {
		return nil, &DifferentError{"the stored tree", err.Error()}
	}
	w.storedRoot, w.storedFound = stored.Root(), w.stored == 0
	return w, w.compare(ctx)
}

func (w *witness) add(ctx context.Context, leaf verify.Leaf) error {
	w.frontier.Append(leaf.RecordHash(), nil)
	return w.compare(ctx)
}

// compare holds the tree, as it has grown so far, against what was said of this size.
func (w *witness) compare(ctx context.Context) error {
	size := int64(w.frontier.Size())
	if size == w.stored && size > 0 {
		w.storedFound = w.frontier.Root() == w.storedRoot
		if !w.storedFound {
			return &DifferentError{"the stored tree", fmt.Sprintf("its root at size %d is not that of the entries", size)}
		}
	}
	if err := w.fetch(ctx); err != nil {
		return err
	}
	if len(w.ahead) == 0 || w.ahead[0].size != size {
		return nil
	}
	c, err := w.open(w.ahead[0].note)
	if err != nil {
		return &DifferentError{fmt.Sprintf("the checkpoint of size %d", size), err.Error()}
	}
	if root := w.frontier.Root(); c.Size != size || !bytes.Equal(c.Root[:], root[:]) {
		return &DifferentError{fmt.Sprintf("the checkpoint of size %d", size), "its root is not that of the entries"}
	}
	w.ahead, w.checked, w.last = w.ahead[1:], w.checked+1, size
	return nil
}

// open checks a checkpoint's signature. The first one tells the log's name, to which the key belongs.
func (w *witness) open(text string) (verify.Checkpoint, error) {
	if w.policy == nil {
		origin, _, _ := strings.Cut(text, "\n")
		signer, err := transparency.NewSigner(origin, w.seed)
		if err != nil {
			return verify.Checkpoint{}, err
		}
		if w.policy, err = verify.NewPolicy(origin, signer.VerifierKey()); err != nil {
			return verify.Checkpoint{}, err
		}
	}
	return w.policy.OpenCheckpoint([]byte(text))
}

// fetch reads the next checkpoints when there are none in hand.
func (w *witness) fetch(ctx context.Context) error {
	if len(w.ahead) > 0 || !w.more {
		return nil
	}
	const page = 1000
	w.ahead = nil
	err := w.db.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, "SELECT size, note FROM checkpoints WHERE size > $1 ORDER BY size LIMIT $2", w.read, page), func(r store.Row) error {
			w.ahead = append(w.ahead, checkpoint{r.Int64(0), r.Text(1)})
			return nil
		})
	})
	w.more = len(w.ahead) == page
	if len(w.ahead) > 0 {
		w.read = w.ahead[len(w.ahead)-1].size
	}
	return err
}

// end finds what was said of sizes that the entries do not reach.
func (w *witness) end() error {
	if len(w.ahead) > 0 {
		return &DifferentError{"the entries", fmt.Sprintf("they end at %d, and a checkpoint of size %d was signed", w.frontier.Size(), w.ahead[0].size)}
	}
	if !w.storedFound {
		return &DifferentError{"the entries", fmt.Sprintf("they end at %d, and the stored tree has size %d", w.frontier.Size(), w.stored)}
	}
	return nil
}
