package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/transparency"
	"github.com/consentline/consentline/verify"
)

const typeText = "text/plain; charset=utf-8"

var (
	// A tile never changes; the checkpoint does, every second while acts come in.
	immutable   = []string{"public, max-age=31536000, immutable"}
	fewSeconds  = []string{"public, max-age=5"}
	everyOrigin = []string{"*"}
)

// getLog serves the public log as C2SP tlog-tiles lays it out, and at "key" what an auditor pins: the log's origin in
// the first line, its verifier key in the second.
func (a *API) getLog(w http.ResponseWriter, r *http.Request) error {
	path := r.PathValue("path")
	h := w.Header()
	h["Access-Control-Allow-Origin"] = everyOrigin
	if path == "key" {
		h["Cache-Control"] = fewSeconds
		return a.writeText(w, r, typeText, []byte(a.Signer.Origin()+"\n"+a.Signer.VerifierKey()+"\n"))
	}
	body, kind, cacheable, err := a.Tree.Resource(r.Context(), path)
	if errors.Is(err, transparency.ErrNoResource) {
		return problem(http.StatusNotFound, "not_found", "Not found", "", "The log has no such resource as its newest checkpoint has it: ask for checkpoint, key, tile/L/N[.p/W] or tile/entries/N[.p/W].")
	}
	if err != nil {
		return err
	}
	h["Cache-Control"] = fewSeconds
	if cacheable {
		h["Cache-Control"] = immutable
	}
	return a.writeText(w, r, kind, body)
}

func (a *API) writeText(w http.ResponseWriter, r *http.Request, kind string, body []byte) error {
	h := w.Header()
	h["Content-Type"] = []string{kind}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if _, err := w.Write(body); err != nil {
		a.Log.DebugContext(r.Context(), "the caller left before the answer was told", "error", err)
	}
	return nil
}

// getProof answers with the proof that an entry is in the log, and with the salt that opens its commitment for those
// who may read the entry.
func (a *API) getProof(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 64)
	if err != nil || seq == 0 || seq > a.Feed.Head() {
		return ledger.ErrNotFound
	}
	if err := a.awaitIntegration(r.Context(), seq); err != nil {
		return err
	}
	proof, err := a.Tree.Prove(r.Context(), seq)
	if err != nil {
		return err
	}
	e, err := a.Ledger.Entry(r.Context(), seq)
	if err != nil {
		return err
	}
	if !e.Erased && sees(caller, &e) {
		proof.Extra = e.Body.Salt
	}
	w.Header().Set("Content-Disposition", `attachment; filename="entry-`+strconv.FormatUint(seq, 10)+`.tlog-proof"`)
	return a.writeText(w, r, typeText, proof.Marshal())
}

// logWatch notices a log that no longer follows the ledger.
type logWatch struct {
	mu     sync.Mutex // guards:
	size   uint64     // of the newest checkpoint
	moving time.Time  // when it last covered all there was, or grew
}

// logPatience is how long entries may go without a checkpoint before the log counts as stuck. One is signed each second.
const logPatience = 30 * time.Second

// stuck reports whether entries have gone without a checkpoint for too long, as far as was seen by those who asked.
func (l *logWatch) stuck(size, head uint64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if size >= head || size != l.size || l.moving.IsZero() {
		l.size, l.moving = size, now
		return false
	}
	return now.Sub(l.moving) > logPatience
}

// logSize returns how many entries the newest checkpoint covers; zero if nothing is signed yet.
func (a *API) logSize(ctx context.Context) (uint64, error) {
	note, _, _, err := a.Tree.Resource(ctx, verify.CheckpointPath)
	if errors.Is(err, transparency.ErrNoResource) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	policy, err := verify.NewPolicy(a.Signer.Origin(), a.Signer.VerifierKey())
	if err != nil {
		return 0, err
	}
	c, err := policy.OpenCheckpoint(note)
	return uint64(c.Size), err
}
