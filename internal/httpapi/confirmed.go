package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/consentline/consentline/internal/access"
)

// confirmedBody gives out what it has read only once the node has confirmed that it knows all that was acknowledged
// before. So each question of a stream, of which the sender may send the last an hour after the first, is answered from
// after it was sent; those that arrive together share one confirmation.
type confirmedBody struct {
	io.ReadCloser
	ctx     context.Context
	confirm func(context.Context) error
}

// confirmed wraps the body of questions that the index answers, on a node that confirms instead of trusting its clock.
func (a *API) confirmed(r *http.Request, p access.Permission) {
	if a.Confirm == nil || r.Body == nil || r.Body == http.NoBody {
		return
	}
	switch p {
	case access.Check, access.Scrub, access.LookUp:
		r.Body = &confirmedBody{r.Body, r.Context(), a.Confirm}
	}
}

// Read reads, then confirms.
func (b *confirmedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n == 0 {
		return n, err
	}
	if failed := b.confirm(b.ctx); failed != nil {
		return 0, errors.Join(errUnconfirmed, failed)
	}
	return n, err
}

var errUnconfirmed = problem(http.StatusServiceUnavailable, "stale_node", "This node has lost touch", "",
	"It cannot confirm that it knows the latest withdrawals. Ask another node, or again in a moment.")
