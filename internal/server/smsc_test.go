package server_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/messaging/smpp"
	"github.com/consentline/consentline/internal/server"
)

// smsc is a message centre that lets everybody bind and takes every message.
type smsc struct {
	listener net.Listener
	bound    chan string        // the system IDs of those who bind
	sessions chan *smpp.Session // of each connection, in the same order

	mu  sync.Mutex
	got []smpp.Short
}

func newSMSC(t *testing.T) *smsc {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &smsc{listener: l, bound: make(chan string, 8), sessions: make(chan *smpp.Session, 8)}
	running, cancel := context.WithCancel(context.Background())
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s := smpp.NewSession(conn, smpp.SessionConfig{Handler: c.answer})
			c.sessions <- s
			sessions.Go(func() { _ = s.Run(running) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		sessions.Wait()
	})
	return c
}

func (c *smsc) answer(_ context.Context, p smpp.Packet) (smpp.Status, []byte) {
	if p.Command.IsBind() {
		b, err := smpp.ParseBind(p.Body)
		if err != nil {
			return smpp.BindFailed, nil
		}
		c.bound <- b.SystemID
		return smpp.OK, []byte("SMSC\x00")
	}
	s, err := smpp.ParseShort(p.Body)
	if err != nil {
		return smpp.InvalidLength, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, s)
	return smpp.OK, []byte("id1\x00")
}

func (c *smsc) messages() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.got)
}

// TestAServerBindsToItsSMSCHearsStopAndHoldsApplicationsToIt connects by itself, and through the gateway.
func TestAServerBindsToItsSMSCHearsStopAndHoldsApplicationsToIt(t *testing.T) {
	center := newSMSC(t)
	s, err := server.Open(ctx, server.Config{DataDir: t.TempDir(), Rules: server.NoRules, Providers: providers.Config{
		SMPP: &smpp.Config{Address: center.listener.Addr().String(), SystemID: "consent", Password: "secret"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, s)
	_, err = s.Catalog.CreateSender(ctx, "test", catalog.Sender{
		ID: "sc", Brand: "default", Kind: "short_code", Address: shortCode, Channel: consent.SMS, Purpose: "marketing",
	})
	if err != nil {
		t.Fatal(err)
	}
	addr, stop := gated(t, s, server.Listening{GatewaySMPP: "127.0.0.1:0"})
	if got := <-center.bound; got != "consent" {
		t.Errorf("bound: got %q, want the server itself", got)
	}
	ours := <-center.sessions
	record(t, s, consent.Granted)

	esme, err := smpp.New(smpp.Config{Address: addr, SystemID: "app", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer esme.Close()
	hello := messaging.Message{To: 12025550123, From: shortCode, Channel: consent.SMS, Text: "Hello"}
	if _, err := esme.Send(ctx, hello); err != nil || center.messages() != 1 {
		t.Errorf("with a consent: got %v, %d messages at the SMSC", err, center.messages())
	}
	if got := <-center.bound; got != "app" {
		t.Errorf("bound: got %q, want the application", got)
	}
	stopped := smpp.Split("pls no more msgs, STOP", 1)[0]
	stopped.Source, stopped.Destination = smpp.International("12025550123"), smpp.Address{TON: 3, Number: shortCode}
	if p, err := ours.Request(ctx, smpp.DeliverSM, stopped.Append(nil)); err != nil || p.Status != smpp.OK {
		t.Fatalf("deliver: got %#x, %v", p.Status, err)
	}
	wantVerdict(t, s, check.Deny, check.Withdrawn)
	if _, err := esme.Send(ctx, hello); err == nil {
		t.Error("after the withdrawal: sent")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	center.mu.Lock()
	defer center.mu.Unlock()
	for _, m := range center.got[1:] { // the confirmation, if it went out before the end
		if strings.Contains(string(m.Message), "Hello") {
			t.Error("after the withdrawal: the SMSC got the message")
		}
	}
}
