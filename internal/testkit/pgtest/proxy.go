//go:build unix

package pgtest

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a client and a cluster, and does what networks do.
type Proxy struct {
	listener net.Listener
	socket   func() string // of the cluster that connections lead to

	mu     sync.Mutex
	faults Faults
	change chan struct{} // closed when the faults change
	conns  map[net.Conn]struct{}
	closed bool
}

// Faults are what a proxy does to its connections, old and new.
type Faults struct {
	Cut     bool          // connections are closed, and new ones at once
	Swallow bool          // nothing arrives any more, and nobody is told
	Commits bool          // a connection is closed as soon as a COMMIT has been passed on, before its answer
	Answers time.Duration // what the server sends arrives so much later
}

// NewProxy returns a proxy before a cluster, which is closed at the test's end.
func NewProxy(t testing.TB, c *Cluster) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, socket: c.Socket, change: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	go p.accept()
	t.Cleanup(p.Close)
	return p
}

// URL returns a cluster's URL so that it leads through the proxy.
func (p *Proxy) URL(url string) string {
	_, rest, _ := strings.Cut(url, "@")
	path, query, _ := strings.Cut(rest, "?")
	var kept []string
	for q := range strings.SplitSeq(query, "&") {
		if !strings.HasPrefix(q, "host=") {
			kept = append(kept, q)
		}
	}
	return fmt.Sprintf("postgres://postgres@%s%s?sslmode=disable&%s", p.listener.Addr(), path, strings.Join(kept, "&"))
}

// Lead lets new connections go to another cluster.
func (p *Proxy) Lead(c *Cluster) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.socket = c.Socket
}

// Set makes these the faults from now on; none heals the network.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	close(p.change)
	p.change = make(chan struct{})
	if f.Cut {
		for c := range p.conns {
			_ = c.Close() // that is the fault
		}
	}
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close() // at the end of a test
	p.Set(Faults{Cut: true})
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse, socket := p.faults.Cut || p.closed, p.socket()
		p.mu.Unlock()
		if refuse {
			_ = client.Close() // that is the fault
			continue
		}
		server, err := net.Dial("unix", socket)
		if err != nil {
			_ = client.Close() // the client sees a server that is not there
			continue
		}
		p.join(client, server)
	}
}

func (p *Proxy) join(client, server net.Conn) {
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.carry(server, client, false) })
	both.Go(func() { p.carry(client, server, true) })
	go func() {
		both.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
		delete(p.conns, server)
	}()
}

// carry moves bytes one way, under whatever faults there are when they arrive.
func (p *Proxy) carry(to, from net.Conn, answers bool) {
	defer func() {
		_ = to.Close() // the other end has gone
		_ = from.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			p.hold(answers)
			if _, err := to.Write(buffer[:n]); err != nil || p.endsAt(buffer[:n], answers) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// endsAt reports whether the faults end a connection after what a client has sent.
func (p *Proxy) endsAt(sent []byte, answers bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults.Commits && !answers && bytes.Contains(sent, []byte("COMMIT\x00"))
}

// hold keeps bytes back for as long as the faults say.
func (p *Proxy) hold(answers bool) {
	for {
		p.mu.Lock()
		f, change := p.faults, p.change
		p.mu.Unlock()
		switch {
		case f.Cut:
			return // the connection is closed already
		case f.Swallow:
			<-change
			continue
		case answers && f.Answers > 0:
			late := time.NewTimer(f.Answers)
			defer late.Stop()
			<-late.C
		}
		return
	}
}
