package smpp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// smsc is a message centre of ours: it binds who knows the password, and answers as the test says.
type smsc struct {
	t        testing.TB
	listener net.Listener
	submit   func(Short) (Status, string)

	mu       sync.Mutex
	sessions []*Session
	got      []Short
	running  sync.WaitGroup
}

func newSMSC(t testing.TB) *smsc {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &smsc{t: t, listener: listener, submit: func(Short) (Status, string) { return OK, "id1" }}
	c.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s := NewSession(conn, SessionConfig{Handler: c.handle})
			c.mu.Lock()
			c.sessions = append(c.sessions, s)
			c.mu.Unlock()
			c.running.Go(func() { _ = s.Run(context.Background()) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		for _, s := range c.sessions {
			s.close()
		}
		c.running.Wait()
	})
	return c
}

func (c *smsc) handle(_ context.Context, p Packet) (Status, []byte) {
	switch {
	case p.Command.IsBind():
		b, err := ParseBind(p.Body)
		if err != nil || b.Password != "secret" {
			return BindFailed, nil
		}
		return OK, appendText(nil, "SMSC")
	case p.Command == SubmitSM:
		s, err := ParseShort(p.Body)
		if err != nil {
			c.t.Error(err)
		}
		c.mu.Lock()
		c.got = append(c.got, s)
		c.mu.Unlock()
		status, id := c.submit(s)
		return status, appendText(nil, id)
	}
	return InvalidCommand, nil
}

// deliver sends a message from a person, in as many parts as it takes, and returns the statuses.
func (c *smsc) deliver(t *testing.T, text string) (out []Status) {
	t.Helper()
	c.mu.Lock()
	s := c.sessions[len(c.sessions)-1]
	c.mu.Unlock()
	for _, short := range Split(text, 9) {
		short.Source, short.Destination = International("12025550123"), Address{TON: 3, Number: "21610"}
		p, err := s.Request(t.Context(), DeliverSM, short.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Status)
	}
	return out
}

func client(t testing.TB, c *smsc, password string) *Client {
	t.Helper()
	e, err := New(Config{Address: c.listener.Addr().String(), SystemID: "esme", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

var hello = messaging.Message{To: 12025550123, From: "21610", Channel: consent.SMS, Text: "Hello"}

func TestAMessageIsSubmittedAndALongOneInParts(t *testing.T) {
	c := newSMSC(t)
	e := client(t, c, "secret")
	r, err := e.Send(t.Context(), hello)
	if err != nil || r.ID != "id1" {
		t.Fatalf("got %v, %v", r, err)
	}
	long := hello
	long.Text = fmt.Sprintf("%0400d", 7)
	if _, err := e.Send(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	if len(c.got) != 4 || c.got[0].Destination != International("12025550123") || c.got[0].Source.Number != "21610" || c.got[1].ESMClass != esmHasHeader {
		t.Errorf("submitted %d: %+v", len(c.got), c.got[0])
	}
}

func TestStatusesSayWhetherToSendAgain(t *testing.T) {
	for status, want := range map[Status]messaging.Reason{
		Throttled: messaging.RateLimited, QueueFull: messaging.RateLimited, SystemError: messaging.Temporary,
		InvalidDestination: messaging.InvalidNumber, SubmitFailed: messaging.Refused,
	} {
		c := newSMSC(t)
		c.submit = func(Short) (Status, string) { return status, "" }
		_, err := client(t, c, "secret").Send(t.Context(), hello)
		var e *messaging.SendError
		if !errors.As(err, &e) || e.Reason != want {
			t.Errorf("%#x: got %v, want %s", status, err, want)
		}
	}
	c := newSMSC(t)
	n := 0
	c.submit = func(Short) (Status, string) {
		if n++; n > 1 {
			return Throttled, ""
		}
		return OK, "id"
	}
	long := hello
	long.Text = fmt.Sprintf("%0400d", 7)
	_, err := client(t, c, "secret").Send(t.Context(), long)
	var e *messaging.SendError
	if !errors.As(err, &e) || e.Reason != messaging.Unclear {
		t.Errorf("half sent: got %v, want unclear", err)
	}
}

func TestABindThatIsRefusedOrBrokenIsTriedAgainByTheNextMessage(t *testing.T) {
	c := newSMSC(t)
	_, err := client(t, c, "guess").Send(t.Context(), hello)
	var refused *StatusError
	if !errors.As(err, &refused) || refused.Status != BindFailed {
		t.Errorf("a wrong password: got %v", err)
	}
	e := client(t, c, "secret")
	for range 3 {
		if _, err := e.Send(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
		// The message centre goes away; the client must notice before it binds again.
		e.mu.Lock()
		s := e.session
		e.mu.Unlock()
		c.mu.Lock()
		c.sessions[len(c.sessions)-1].close()
		c.mu.Unlock()
		<-s.Done()
	}
}

func TestWhatPeopleWriteIsAnsweredOnlyOnceItIsTakenIn(t *testing.T) {
	c := newSMSC(t)
	e := client(t, c, "secret")
	var got []messaging.Event
	var fails error
	in := inbox(t)
	in.Take = func(_ context.Context, events []messaging.Event) error {
		if fails == nil {
			got = append(got, events...)
		}
		return fails
	}
	e.Deliver = in.Deliver
	if err := e.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	fails = errors.New("the database is away")
	if s := c.deliver(t, "STOP"); s[0] != TemporaryError {
		t.Errorf("while it cannot be taken in: got %#x", s[0])
	}
	fails = nil
	long := "Пожалуйста, остановите " + fmt.Sprintf("%0100d", 1)
	c.deliver(t, "Arrêt ç")
	c.deliver(t, long)
	if len(got) != 2 || got[0].Text != "Arrêt ç" || got[1].Text != long || got[0].Number != "+12025550123" || got[0].Sender != "21610" || got[0].ID == got[1].ID {
		t.Errorf("got %+v", got)
	}
}

func TestASilentOtherSideIsAskedAndThenGivenUp(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	s := NewSession(ours, SessionConfig{Enquire: 20 * time.Millisecond})
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()
	p, err := Read(theirs)
	if err != nil || p.Command != EnquireLink {
		t.Fatalf("got %+v, %v, want enquire_link", p, err)
	}
	if _, err := theirs.Write(p.answer(OK, nil).Append(nil)); err != nil {
		t.Fatal(err)
	}
	if p, err = Read(theirs); err != nil || p.Command != EnquireLink {
		t.Fatalf("got %+v, %v, want enquire_link again", p, err)
	}
	if err := <-ended; err == nil {
		t.Error("a side that does not answer is not given up")
	}
}

func TestUnbindingEndsBothSidesWithoutAnError(t *testing.T) {
	ours, theirs := net.Pipe()
	a, b := NewSession(ours, SessionConfig{}), NewSession(theirs, SessionConfig{})
	ended := make(chan error, 2)
	go func() { ended <- a.Run(t.Context()) }()
	go func() { ended <- b.Run(t.Context()) }()
	a.Close()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if _, err := a.Request(t.Context(), EnquireLink, nil); !errors.Is(err, ErrNotSent) {
		t.Errorf("after the end: got %v, want ErrNotSent", err)
	}
}

func TestTheWindowBoundsWhatIsUnanswered(t *testing.T) {
	ours, theirs := net.Pipe()
	var now, most atomic.Int64
	release := make(chan struct{})
	var once sync.Once
	a := NewSession(ours, SessionConfig{Window: 4})
	b := NewSession(theirs, SessionConfig{Window: 100, Handler: func(context.Context, Packet) (Status, []byte) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == 4 {
			once.Do(func() { close(release) })
		}
		<-release
		now.Add(-1)
		return OK, nil
	}})
	var running sync.WaitGroup
	running.Go(func() { _ = a.Run(t.Context()) })
	running.Go(func() { _ = b.Run(t.Context()) })
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			if _, err := a.Request(t.Context(), SubmitSM, nil); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if most.Load() != 4 {
		t.Errorf("%d were unanswered at once, want 4", most.Load())
	}
	a.Close()
	running.Wait()
}
