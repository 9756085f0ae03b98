// Package egress is the one way out to addresses that operators name: webhooks and the systems that are kept in step.
//
// Others may rely on this: a client of it connects to no private, loopback, link-local, multicast or otherwise special
// address unless it is allowed, whatever a name resolves to when the connection is made; it follows no redirect to
// another host; every request ends. It stores nothing.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Policy says where requests may go. The zero value allows public addresses alone.
type Policy struct {
	Allowed []netip.Prefix // special addresses that are allowed all the same
	Timeout time.Duration  // of a request with its answer; zero means 15 s
}

// RefusedError says that an address is not one that requests may go to.
type RefusedError struct{ Addr netip.Addr }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is no public address: to allow it, name it or its network in the configuration of outgoing requests", e.Addr)
}

// ErrRedirected says that a server sent the request on to another host.
var ErrRedirected = errors.New("the server redirects to another host: give the address it redirects to")

// Client returns a client that keeps to the policy. It uses no proxy from the environment, since that would be asked to
// connect in its place.
func (p Policy) Client() *http.Client {
	timeout := p.Timeout
	if timeout <= 0 {
		timeout = 15 * time.Second
	}
	dialer := &net.Dialer{Timeout: min(timeout, 10*time.Second), KeepAlive: 30 * time.Second, ControlContext: p.control}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: timeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: sameHost,
	}
}

// Dial connects as the policy allows, for protocols other than HTTP.
func (p Policy) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, ControlContext: p.control}
	return dialer.DialContext(ctx, network, address)
}

// control sees the address itself, after the name was resolved: a name that is public when it is looked at and private
// when it is connected to gets no further (DNS rebinding, OWASP SSRF Prevention Cheat Sheet).
func (p Policy) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	return p.Check(to.Addr())
}

// Check returns a *RefusedError for an address that requests may not go to.
func (p Policy) Check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	for _, allowed := range p.Allowed {
		if allowed.Contains(a) {
			return nil
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || special(a) {
		return &RefusedError{a}
	}
	return nil
}

// notPublic are ranges that the IANA registries of special-purpose addresses give to other uses than the public
// network, apart from those that netip knows (RFC 6890).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

func special(a netip.Addr) bool {
	for _, p := range notPublic {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// maxRedirects is how many redirects within one host are followed.
const maxRedirects = 3

func sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return ErrRedirected
	}
	if len(via) > maxRedirects {
		return errors.New("the server redirects again and again")
	}
	return nil
}
