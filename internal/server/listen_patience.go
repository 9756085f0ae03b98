package server

import (
	"context"
	"io"
	"net/http"
	"time"
)

// patience gives streams as long as they move: each read and write of one gets the time that others get as a whole.
// Small requests pass it by and have the server's own limit. Questions that wait for something end when the server stops.
type patience struct {
	next     http.Handler
	stopping context.Context
	now      func() time.Time
}

// smallBody is the size up to which a body has to arrive within the time for a whole request.
const smallBody = 1 << 20

func (p *patience) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !reads && r.ContentLength >= 0 && r.ContentLength <= smallBody {
		p.next.ServeHTTP(w, r)
		return
	}
	s := &stream{ResponseWriter: w, control: http.NewResponseController(w), now: p.now}
	if reads {
		// A wait for changes may be longer than the server's limit for reading, which would end it as if the caller left.
		_ = s.control.SetReadDeadline(time.Time{}) // a connection that has no deadlines needs none lifted
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(p.stopping, cancel)()
		r = r.WithContext(ctx)
	} else {
		r.Body = &streamBody{r.Body, s}
	}
	p.next.ServeHTTP(s, r)
}

// stream is an answer whose every write gets time anew.
type stream struct {
	http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
}

func (s *stream) Write(b []byte) (int, error) {
	_ = s.control.SetWriteDeadline(s.now().Add(bodyTimeout)) // where it is not supported, the peer is this process
	return s.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (s *stream) Flush() { _ = s.control.Flush() } // an error of the connection shows at the next write

// Unwrap lets http.ResponseController reach the connection.
func (s *stream) Unwrap() http.ResponseWriter { return s.ResponseWriter }

type streamBody struct {
	io.ReadCloser
	stream *stream
}

func (b *streamBody) Read(p []byte) (int, error) {
	_ = b.stream.control.SetReadDeadline(b.stream.now().Add(bodyTimeout)) // as above
	return b.ReadCloser.Read(p)
}
