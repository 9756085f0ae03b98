package console

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// attempts slows down who fails to sign in: ten failures at once from an address, then one in six seconds. It holds on
// one node; what an account may be tried is counted for all.
type attempts struct {
	mu sync.Mutex // guards:
	by map[string]*rate.Limiter
}

// manyAddresses is when limiters are forgotten: then somebody has many addresses, and what is kept for accounts must do.
const manyAddresses = 10_000

func newAttempts() *attempts { return &attempts{by: map[string]*rate.Limiter{}} }

func (a *attempts) of(r *http.Request) *rate.Limiter {
	from := address(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.by[from]
	if !ok {
		if len(a.by) >= manyAddresses {
			clear(a.by)
		}
		l = rate.NewLimiter(rate.Every(6*time.Second), 10)
		a.by[from] = l
	}
	return l
}

// open reports whether an address may try to sign in.
func (a *attempts) open(r *http.Request, now time.Time) bool { return a.of(r).TokensAt(now) >= 1 }

// failed counts a failure.
func (a *attempts) failed(r *http.Request, now time.Time) { a.of(r).AllowN(now, 1) }

// address is where a visitor comes from. Behind a proxy in the same network it is what that proxy saw, which stands
// last; who is in that network may say anything there, and is still held by what is kept for accounts.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip := net.ParseIP(host)
	seen := r.Header.Values("X-Forwarded-For")
	if ip == nil || !ip.IsLoopback() && !ip.IsPrivate() || len(seen) == 0 {
		return host
	}
	hops := strings.Split(seen[len(seen)-1], ",")
	if last := net.ParseIP(strings.TrimSpace(hops[len(hops)-1])); last != nil {
		return last.String()
	}
	return host
}
