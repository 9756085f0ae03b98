package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Load is many connections that each send one request after the other, without pipelining, as fast as they are answered.
// It costs as little as it can, since it shares the machine with what it measures.
type Load struct {
	Addr        string // of TCP
	Connections int
	For         time.Duration
	Status      int // that every answer must have

	// Request appends the n-th request of a connection to dst, head and body.
	Request func(dst []byte, connection, n int) []byte

	// Answered, unless nil, hears how long each request took, on its connection's goroutine.
	Answered func(connection int, took time.Duration)
}

// StatusError says that an answer had another status than the load expects.
type StatusError struct{ Want, Got int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("answered with status %d, want %d", e.Got, e.Want)
}

// stuck is how long after the end of a run an answer may still come before the run counts as failed.
const stuck = 30 * time.Second

// Run opens the connections, applies the load, and returns how many requests were answered a second.
func (l Load) Run(ctx context.Context) (perSecond float64, err error) {
	conns := make([]net.Conn, l.Connections)
	defer func() {
		for _, c := range conns {
			if c != nil {
				err = errors.Join(err, c.Close())
			}
		}
	}()
	for i := range conns {
		var d net.Dialer
		if conns[i], err = d.DialContext(ctx, "tcp", l.Addr); err != nil {
			return 0, err
		}
		if err := conns[i].SetDeadline(time.Now().Add(l.For + stuck)); err != nil {
			return 0, err
		}
	}
	return l.apply(ctx, conns)
}

func (l Load) apply(ctx context.Context, conns []net.Conn) (perSecond float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.For)
	defer cancel()
	var answered atomic.Int64
	failures := make([]error, len(conns))
	var all sync.WaitGroup
	began := time.Now()
	for i, c := range conns {
		all.Go(func() {
			n, err := l.connection(ctx, c, i)
			answered.Add(int64(n))
			failures[i] = err
		})
	}
	all.Wait()
	return float64(answered.Load()) / time.Since(began).Seconds(), errors.Join(failures...)
}

// connection sends requests until the time is over, at least one, and returns how many were answered.
func (l Load) connection(ctx context.Context, c net.Conn, number int) (n int, err error) {
	answers := bufio.NewReaderSize(c, 16<<10)
	var request []byte
	for n == 0 || ctx.Err() == nil {
		request = l.Request(request[:0], number, n)
		sent := time.Now()
		if _, err := c.Write(request); err != nil {
			return n, err
		}
		status, err := readAnswer(answers)
		if err != nil {
			return n, err
		}
		if status != l.Status {
			return n, &StatusError{l.Status, status}
		}
		if l.Answered != nil {
			l.Answered(number, time.Since(sent))
		}
		n++
	}
	return n, nil
}

var errAnswer = errors.New("the answer is not one of HTTP/1.1 with a length")

// readAnswer passes over one answer and returns its status.
func readAnswer(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, errAnswer
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, errAnswer
	}
	length := -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(line) <= len("\r\n") {
			break
		}
		const name = "content-length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return 0, errAnswer
			}
		}
	}
	if length < 0 {
		return 0, errAnswer
	}
	_, err = r.Discard(length)
	return status, err
}

// times runs the load and returns how long each request took, sorted.
func (l Load) times(ctx context.Context) ([]time.Duration, error) {
	took := make([][]time.Duration, l.Connections)
	l.Answered = func(connection int, d time.Duration) { took[connection] = append(took[connection], d) }
	_, err := l.Run(ctx)
	all := slices.Concat(took...)
	slices.Sort(all)
	return all, err
}

// quantile returns the time within which a share of sorted requests were answered, in milliseconds.
func quantile(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := min(int(share*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[at].Nanoseconds()) / 1e6
}

// post appends a request with a JSON body.
func post(dst []byte, path, key string, body []byte) []byte {
	dst = append(append(append(dst, "POST "...), path...), " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "...)
	dst = append(append(dst, key...), "\r\nContent-Type: application/json\r\nContent-Length: "...)
	dst = append(strconv.AppendInt(dst, int64(len(body)), 10), "\r\n\r\n"...)
	return append(dst, body...)
}
