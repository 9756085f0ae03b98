package server

import (
	"context"
	"net/http"
	"time"
)

// patience lets questions wait: a long poll or a stream of events may last longer than the server's limit for reading a
// request, which would end it as if the caller had left. When the server stops, such waits end at once; they change
// nothing. Bodies that are streamed have limits of their own, which their routes set.
type patience struct {
	next     http.Handler
	stopping context.Context
}

func (p *patience) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		p.next.ServeHTTP(w, r)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a connection without deadlines needs none lifted
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.stopping, cancel)()
	p.next.ServeHTTP(w, r.WithContext(ctx))
}
