package httpapi

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// idleTime is how long a stream may be silent before it is given up.
const idleTime = 5 * time.Minute

// idleReader reads a streamed body, and gives up when nothing comes for too long or when it is told to stop.
type idleReader struct {
	body    io.Reader
	control *http.ResponseController

	mu      sync.Mutex
	stopped bool
}

func newIdleReader(body io.Reader, control *http.ResponseController) *idleReader {
	return &idleReader{body: body, control: control}
}

func (r *idleReader) Read(p []byte) (int, error) {
	if !r.extend() {
		return 0, errGone
	}
	n, err := r.body.Read(p)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.stopped {
			// The connection may serve other requests after this one.
			_ = r.control.SetReadDeadline(time.Time{})
		}
	}
	return n, err
}

// extend moves the deadline on. A writer that has none is one of a test's, or keeps its own.
func (r *idleReader) extend() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		_ = r.control.SetReadDeadline(time.Now().Add(idleTime)) //nolint:forbidigo // the network's time, no fact's
	}
	return !r.stopped
}

// stop ends a Read that waits, and all later ones.
func (r *idleReader) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	_ = r.control.SetReadDeadline(time.Unix(1, 0))
}
