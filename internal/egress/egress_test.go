package egress_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/egress"
)

func TestOnlyPublicAddressesAreAllowed(t *testing.T) {
	p := egress.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for addr, public := range map[string]bool{
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "fe80::1": false, "fc00::1": false, "0.0.0.0": false, "::": false, "224.0.0.1": false,
		"100.64.0.1": false, "198.18.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "::ffff:127.0.0.1": false,
		"::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "192.0.2.7": false,
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "8.8.8.8": true, "2606:4700::1111": true,
	} {
		err := p.Check(netip.MustParseAddr(addr))
		var refused *egress.RefusedError
		if public != (err == nil) || err != nil && !errors.As(err, &refused) {
			t.Errorf("%s: got %v, public %t", addr, err, public)
		}
	}
}

func TestANameThatLeadsInsideIsRefused(t *testing.T) {
	reached := false
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer inside.Close()
	_, port, _ := cut(inside.URL)
	for _, url := range []string{inside.URL, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://2130706433:" + port, "http://0:" + port} {
		res, err := egress.Policy{}.Client().Get(url)
		if err == nil {
			_ = res.Body.Close()
			t.Errorf("%s was answered", url)
		}
	}
	if reached {
		t.Error("a request reached a server inside")
	}
}

func TestOtherProtocolsAreGuardedToo(t *testing.T) {
	inside := httptest.NewServer(http.NotFoundHandler())
	defer inside.Close()
	address := inside.Listener.Addr().String()
	var refused *egress.RefusedError
	if conn, err := (egress.Policy{}).Dial(t.Context(), "tcp", address); !errors.As(err, &refused) {
		if err == nil {
			_ = conn.Close()
		}
		t.Errorf("got %v", err)
	}
	conn, err := egress.Policy{Allowed: loopback}.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func cut(url string) (host, port string, ok bool) {
	a := netip.MustParseAddrPort(url[len("http://"):])
	return a.Addr().String(), httpPort(a), true
}

func httpPort(a netip.AddrPort) string { return a.String()[len(a.Addr().String())+1:] }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func TestARedirectToAnotherHostIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") }))
	defer other.Close()
	here := httptest.NewServer(nil)
	defer here.Close()
	here.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/near":
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusTemporaryRedirect)
		}
	})
	client := egress.Policy{Allowed: loopback}.Client()
	for path, want := range map[string]bool{"/away": false, "/near": true, "/round": false} {
		res, err := client.Post(here.URL+path, "text/plain", nil)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		if want != (err == nil) {
			t.Errorf("%s: got %v", path, err)
		}
		if path == "/away" && !errors.Is(err, egress.ErrRedirected) {
			t.Errorf("%s: got %v, want ErrRedirected", path, err)
		}
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer silent.Close()
	defer close(release)
	res, err := egress.Policy{Allowed: loopback, Timeout: 50 * time.Millisecond}.Client().Get(silent.URL)
	if err == nil {
		_ = res.Body.Close()
		t.Fatal("a server that never answers was waited for")
	}
}
