package httpapi

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/telemetry"
)

// How long a call waits for what is about to happen anyway, before it says that it did not.
const (
	revisionPatience    = 2 * time.Second // for min_revision
	integrationPatience = 5 * time.Second // for a checkpoint over an entry
)

// fastRoutes are those whose bodies are decoded by hand, or that stream.
func (a *API) fastRoutes() {
	if a.Metrics == nil {
		a.Metrics = telemetry.New()
	}
	a.Metrics.Watch(a.state())
	a.handle("POST /v1/checks", access.Check, a.postCheck)
	a.handle("POST /v1/checks/batch", access.Check, a.postChecks)
	a.handle("POST /v1/scrubs", access.Scrub, a.postScrub)
	a.handle("GET /v1/changes", access.ReadChanges, a.getChanges)
	a.handle("GET /v1/entries/{seq}/proof", access.ReadEntries, a.getProof)
	a.handle("GET /metrics", access.ReadMetrics, a.getMetrics)
	a.public("GET /v1/log/{path...}", a.getLog)
	a.public("GET /healthz", a.getHealth)
	a.public("GET /readyz", a.getReadiness)
}

// scratch is the memory of one call, used again by the next.
type scratch struct{ in, out []byte }

// maxKept is the largest buffer that is kept for the next call, so that one large call does not hold memory for ever.
const maxKept = 64 << 10

var scratches = sync.Pool{New: func() any { return &scratch{in: make([]byte, 0, 1<<10), out: make([]byte, 0, 2<<10)} }}

func (s *scratch) release() {
	if cap(s.in) <= maxKept && cap(s.out) <= maxKept {
		scratches.Put(s)
	}
}

var (
	contentJSON   = []string{typeJSON}
	contentNDJSON = []string{typeNDJSON}
)

// writeJSON sends a body that ends with its newline. Its errors are the caller's leaving.
func (a *API) writeJSON(w http.ResponseWriter, r *http.Request, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentJSON
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if _, err := w.Write(body); err != nil {
		a.Log.DebugContext(r.Context(), "the caller left before the answer was told", "error", err)
	}
}
