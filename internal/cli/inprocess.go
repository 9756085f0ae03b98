package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// inProcess hands requests to a handler in this process and streams its answers back, as a connection would.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper. The handler runs until it returns, or until the answer's body is closed.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	body, pipe := io.Pipe()
	w := &answer{header: http.Header{}, pipe: pipe, out: bufio.NewWriterSize(pipe, 64<<10), begun: make(chan struct{}), trailer: http.Header{}}
	request := r.Clone(r.Context())
	request.RequestURI, request.RemoteAddr, request.Host = r.URL.RequestURI(), "in-process", r.URL.Host
	request.Proto, request.ProtoMajor, request.ProtoMinor = "HTTP/1.1", 1, 1
	if request.Body == nil {
		request.Body = http.NoBody
	}
	go func() {
		defer request.Body.Close()
		defer w.end()
		t.handler.ServeHTTP(w, request)
	}()
	select {
	case <-w.begun:
	case <-r.Context().Done():
		return nil, errors.Join(r.Context().Err(), body.Close())
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, Trailer: w.trailer, Body: body, ContentLength: -1, Request: r,
	}, nil
}

// answer is the handler's side of an in-process exchange.
type answer struct {
	header http.Header
	pipe   *io.PipeWriter
	out    *bufio.Writer

	once   sync.Once
	begun  chan struct{} // closed when status and sent are set
	status int
	sent   http.Header

	trailer http.Header // filled in before the body ends, and read after that
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if status < 200 {
		return // informational, which nobody here waits for
	}
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

func (w *answer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.out.Write(b)
}

// Flush implements http.Flusher.
func (w *answer) Flush() { _ = w.FlushError() } // the next write fails again

// FlushError lets http.ResponseController flush.
func (w *answer) FlushError() error {
	w.WriteHeader(http.StatusOK)
	return w.out.Flush()
}

// EnableFullDuplex and the deadlines are here for http.ResponseController: a pipe has always been both.
func (w *answer) EnableFullDuplex() error          { return nil }
func (w *answer) SetReadDeadline(time.Time) error  { return nil }
func (w *answer) SetWriteDeadline(time.Time) error { return nil }

// end completes the answer. A handler that panics to break off the answer breaks it off here too.
func (w *answer) end() {
	switch p := recover(); {
	case p == http.ErrAbortHandler: //nolint:errorlint // compared as net/http does
		w.WriteHeader(http.StatusInternalServerError)
		_ = w.pipe.CloseWithError(io.ErrUnexpectedEOF) // it always returns nil
	case p != nil:
		panic(p)
	default:
		w.WriteHeader(http.StatusOK)
		for _, name := range w.sent.Values("Trailer") {
			w.trailer[name] = w.header[name]
		}
		_ = w.pipe.CloseWithError(w.out.Flush()) // it always returns nil
	}
}
