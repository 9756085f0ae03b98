package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/telemetry"
)

// Health says that the process answers.
type Health struct {
	Status  string `json:"status" doc:"Always ok: a process that is not does not answer." example:"ok"`
	Version string `json:"version,omitempty" doc:"The version of the program." example:"1.0.0"`
}

// Readiness says whether checks sent here are answered from a ledger that is known to be fresh.
type Readiness struct {
	Ready    bool     `json:"ready" doc:"Whether this node should be sent checks."`
	Why      []string `json:"why,omitempty" doc:"What keeps it from being ready."`
	Revision uint64   `json:"revision" doc:"The last entry that checks take into account."`
	Head     uint64   `json:"head" doc:"The last entry that this node knows to be committed."`
	LogSize  uint64   `json:"log_size" doc:"How many entries the newest checkpoint of the log covers."`

	Freshness *Freshness `json:"freshness,omitempty" doc:"How this node follows the ledger, where it is one of several."`
}

// Freshness is how one node of several follows the ledger.
type Freshness struct {
	LeaseMS int64 `json:"lease_ms" doc:"For how many milliseconds checks are still answered without hearing of the ledger again; at zero they are answered stale."`
	LagMS   int64 `json:"lag_ms" doc:"How many milliseconds ago the last poll was sent whose answer was applied."`
	Closed  bool  `json:"closed" doc:"Whether the node closed itself, since the database's log does not continue its own."`
}

func (a *API) getHealth(w http.ResponseWriter, r *http.Request) error {
	return a.writeStatus(w, r, http.StatusOK, Health{Status: "ok", Version: a.Version})
}

// getReadiness answers 503 with the reasons while the node should be sent no checks.
func (a *API) getReadiness(w http.ResponseWriter, r *http.Request) error {
	// Whoever probes has little patience; a database that does not answer is an answer.
	ctx, cancel := context.WithTimeout(r.Context(), figurePatience)
	defer cancel()
	out := a.readiness(ctx)
	if !out.Ready {
		return a.writeStatus(w, r, http.StatusServiceUnavailable, out)
	}
	return a.writeStatus(w, r, http.StatusOK, out)
}

func (a *API) readiness(ctx context.Context) Readiness {
	out := Readiness{Revision: a.Index.Revision(), Head: a.Feed.Head()}
	if out.Revision < out.Head {
		out.Why = append(out.Why, "the index has not applied all committed entries yet")
	}
	lease := a.Index.Lease()
	left := lease.Remaining(lease.Now())
	if left == 0 {
		out.Why = append(out.Why, "the node cannot prove that it knows the latest withdrawals, so every check is answered stale")
	}
	if a.Node != nil {
		n := a.Node.State()
		out.Head = max(out.Head, n.Head)
		out.Freshness = &Freshness{LeaseMS: left.Milliseconds(), LagMS: a.Node.Lag().Milliseconds(), Closed: n.Forked}
		if n.Forked {
			out.Why = append(out.Why, n.LastError.Error()+": find out which copy is the true one; if it is the one that runs, restart this node and have the withdrawals after its last entry told again")
		}
	}
	if err := a.Ledger.Writable(ctx); err != nil {
		out.Why = append(out.Why, unwritable(err))
	}
	size, err := a.logSize(ctx)
	out.LogSize = size
	switch {
	case err != nil:
		a.Log.ErrorContext(ctx, "the log cannot be read", "error", err)
		out.Why = append(out.Why, "the log's newest checkpoint cannot be read")
	case a.logWatch.stuck(size, out.Head, a.Now()):
		out.Why = append(out.Why, "the log is stuck: entries have waited for a checkpoint for more than "+logPatience.String())
	}
	out.Ready = len(out.Why) == 0
	return out
}

// unwritable says in words without particulars why nothing can be recorded: everybody may ask.
func unwritable(err error) string {
	if p := ofStorage(err); p != nil {
		return "nothing can be recorded: " + strings.ToLower(p.Title[:1]) + p.Title[1:]
	}
	return "nothing can be recorded"
}

func (a *API) writeStatus(w http.ResponseWriter, r *http.Request, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = contentJSON
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		a.Log.DebugContext(r.Context(), "the caller left before the answer was told", "error", err)
	}
	return nil
}

func (a *API) getMetrics(w http.ResponseWriter, r *http.Request, _ *access.Caller) error {
	a.Metrics.Handler().ServeHTTP(w, r)
	return nil
}

// figurePatience bounds what a figure may cost the database.
const figurePatience = 2 * time.Second

// state is where the figures are read from that nobody counts.
func (a *API) state() telemetry.State {
	return telemetry.State{
		Index: a.Index.Stats, Revision: a.Index.Revision, Head: a.Feed.Head,
		LogSize: func() uint64 {
			ctx, cancel := context.WithTimeout(context.Background(), figurePatience)
			defer cancel()
			size, err := a.logSize(ctx)
			if err != nil {
				a.Log.ErrorContext(ctx, "the log cannot be read", "error", err)
			}
			return size
		},
		Fresh: func() float64 {
			lease := a.Index.Lease()
			return lease.Remaining(lease.Now()).Seconds()
		},
		Node: a.nodeState(), Destinations: a.Destinations,
	}
}

// nodeState is nil in the only node, which follows nobody.
func (a *API) nodeState() func() telemetry.Node {
	if a.Node == nil {
		return nil
	}
	return func() telemetry.Node {
		n := a.Node.State()
		return telemetry.Node{Polls: n.Polls, Failures: n.Failures, LagSeconds: a.Node.Lag().Seconds(), Closed: n.Forked}
	}
}
