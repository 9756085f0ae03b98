package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging/smpp"
)

// SMPPConfig says where the proxy forwards to.
type SMPPConfig struct {
	Upstream string // the SMSC, host:port
	TLS      bool   // whether the SMSC speaks TLS

	// Purposes tells what a message is for by its service_type, where its sender has no purpose of its own.
	Purposes map[string]consent.PurposeID

	// Inbound takes in what the SMSC delivers, before the ESME sees it, as smpp.Inbox does. An error makes the SMSC
	// deliver it again.
	Inbound func(ctx context.Context, s *smpp.Short) error

	Now func() time.Time
}

// SMPP is a proxy between ESMEs and their SMSC. Each ESME binds with its own credentials, which the SMSC judges.
type SMPP struct {
	gate   *Gate
	config SMPPConfig
}

// NewSMPP returns the proxy.
func NewSMPP(g *Gate, c SMPPConfig) (*SMPP, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if _, _, err := net.SplitHostPort(c.Upstream); err != nil {
		return nil, errors.New("upstream: want the SMSC's host:port")
	}
	if c.Inbound == nil {
		return nil, errors.New("inbound: what people write must be taken in")
	}
	return &SMPP{gate: g, config: c}, nil
}

// Serve takes in ESMEs until the context ends or the listener is closed.
func (p *SMPP) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		running.Go(func() { p.session(ctx, conn) })
	}
}

// pair is an ESME and its session with the SMSC.
type pair struct {
	proxy *SMPP
	esme  *smpp.Session
	smsc  *smpp.Session
	bound chan struct{} // closed when the ESME has been told that it is bound

	mu    sync.Mutex // guards:
	parts map[string]*ruled
}

// bindTime is how long an ESME may take to bind, and the SMSC to answer.
const bindTime = 10 * time.Second

// session relays between one ESME and the SMSC until either ends.
func (p *SMPP) session(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { _ = conn.Close() }() // the sessions close it; this is for an ESME that never bound
	reader := bufio.NewReader(conn)
	bind, err := readBind(conn, reader)
	if err != nil {
		return
	}
	up, err := p.dial(ctx)
	if err != nil {
		p.gate.Log.WarnContext(ctx, "the SMSC cannot be reached", "error", err)
		_, _ = conn.Write(smpp.Packet{Command: bind.Command.Answer(), Status: smpp.BindFailed, Sequence: bind.Sequence}.Append(nil))
		return
	}
	pr := &pair{proxy: p, bound: make(chan struct{}), parts: map[string]*ruled{}}
	pr.smsc = smpp.NewSession(up, smpp.SessionConfig{Handler: pr.fromSMSC, Window: window})
	pr.esme = smpp.NewSession(&buffered{conn, reader}, smpp.SessionConfig{Handler: pr.fromESME, Window: window})
	var running sync.WaitGroup
	running.Go(func() { defer cancel(); _ = pr.smsc.Run(ctx) })
	answer, err := pr.smsc.Request(ctx, bind.Command, bind.Body)
	if err != nil {
		answer = smpp.Packet{Command: bind.Command.Answer(), Status: smpp.BindFailed}
	}
	answer.Sequence = bind.Sequence
	if _, err := conn.Write(answer.Append(nil)); err == nil && answer.Status == smpp.OK {
		close(pr.bound)
		_ = pr.esme.Run(ctx) // however it ends, so does the SMSC's
	}
	pr.smsc.Close()
	running.Wait()
}

// window is how many commands may be unanswered in each direction of a session.
const window = 256

// buffered is a connection of which some bytes were read already.
type buffered struct {
	net.Conn
	reader *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.reader.Read(p) }

func readBind(conn net.Conn, r *bufio.Reader) (smpp.Packet, error) {
	if err := conn.SetReadDeadline(time.Now().Add(bindTime)); err != nil {
		return smpp.Packet{}, err
	}
	bind, err := smpp.Read(r)
	if err == nil && !bind.Command.IsBind() {
		_, err = conn.Write(smpp.Packet{Command: bind.Command.Answer(), Status: smpp.NotBound, Sequence: bind.Sequence}.Append(nil))
		err = errors.Join(errors.New("not bound"), err)
	}
	return bind, err
}

func (p *SMPP) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if p.config.TLS {
		return (&tls.Dialer{NetDialer: &d}).DialContext(ctx, "tcp", p.config.Upstream)
	}
	return d.DialContext(ctx, "tcp", p.config.Upstream)
}

// fromESME checks what sends a message, and relays the rest. Commands that send to several, or in a way that is not
// read here, are refused.
func (pr *pair) fromESME(ctx context.Context, p smpp.Packet) (smpp.Status, []byte) {
	switch p.Command {
	case smpp.SubmitSM:
		return pr.submit(ctx, p)
	case smpp.SubmitMulti, smpp.DataSM:
		return smpp.InvalidCommand, nil
	}
	return relay(ctx, pr.smsc, p)
}

// submit checks a message, and relays it if it may go out.
func (pr *pair) submit(ctx context.Context, p smpp.Packet) (smpp.Status, []byte) {
	s, err := smpp.ParseShort(p.Body)
	if err != nil {
		return smpp.InvalidLength, []byte{0}
	}
	ruling, status := pr.judge(ctx, &s)
	if status != smpp.OK {
		return status, []byte{0}
	}
	answer, err := pr.smsc.Request(ctx, p.Command, p.Body)
	if errors.Is(err, smpp.ErrNotSent) || err == nil && answer.Status != smpp.OK {
		pr.proxy.gate.Unmade(ruling)
	} else {
		pr.proxy.gate.Made(ruling)
	}
	if err != nil {
		return smpp.SystemError, nil
	}
	return answer.Status, answer.Body
}

// ruled is what was ruled about a message of which parts are on their way.
type ruled struct {
	once   sync.Once
	until  time.Time
	ruling Ruling
	status smpp.Status
}

// partsTime is for how long what was ruled about the first part of a message holds for the others.
const partsTime = 10 * time.Second

// maxParts bounds how many messages in parts are remembered; those whose time is over make room.
const maxParts = 1000

// judge rules about a message. The parts of a long one are one contact: whichever comes first is asked about.
func (pr *pair) judge(ctx context.Context, s *smpp.Short) (Ruling, smpp.Status) {
	part, err := s.Part()
	if err != nil {
		return Ruling{}, smpp.InvalidLength
	}
	if part.Total == 1 {
		return pr.proxy.judge(ctx, s)
	}
	now := pr.proxy.config.Now()
	key := fmt.Sprintf("%s %s %d %d", s.Source.Number, s.Destination.Number, part.Reference, part.Total)
	pr.mu.Lock()
	m := pr.parts[key]
	if m == nil || !now.Before(m.until) {
		if len(pr.parts) >= maxParts {
			maps.DeleteFunc(pr.parts, func(_ string, m *ruled) bool { return !now.Before(m.until) })
		}
		m = &ruled{until: now.Add(partsTime)}
		pr.parts[key] = m
	}
	pr.mu.Unlock()
	m.once.Do(func() {
		m.ruling, m.status = pr.proxy.judge(ctx, s)
		if m.status == smpp.OK {
			pr.proxy.gate.Made(m.ruling) // whatever becomes of each part
			m.ruling.contact = nil
		}
	})
	return m.ruling, m.status
}

func relay(ctx context.Context, to *smpp.Session, p smpp.Packet) (smpp.Status, []byte) {
	answer, err := to.Request(ctx, p.Command, p.Body)
	if err != nil {
		return smpp.SystemError, nil
	}
	return answer.Status, answer.Body
}

// judge rules about a message, and says with which status it is refused; OK if it may go out.
func (p *SMPP) judge(ctx context.Context, s *smpp.Short) (ruling Ruling, refused smpp.Status) {
	c := Contact{To: s.Destination.Number, Senders: []string{s.Source.Number}, Channel: consent.SMS}
	if s.Destination.TON == 1 && !strings.HasPrefix(c.To, "+") {
		c.To = "+" + c.To
	}
	if s.ScheduleTime != "" {
		var err error
		if c.At, err = smpp.ParseTime(s.ScheduleTime, p.config.Now()); err != nil {
			return ruling, smpp.InvalidSchedule
		}
	}
	if purpose, ok := p.config.Purposes[s.ServiceType]; ok {
		c.Purpose = purpose
	}
	ruling, err := p.gate.Decide(ctx, c)
	switch {
	case errors.Is(err, ErrUnknownPurpose):
		return ruling, smpp.InvalidSource // nobody has said what this sender sends
	case err != nil:
		p.gate.Log.ErrorContext(ctx, "a contact could not be judged", "error", err)
		return ruling, smpp.SystemError
	case ruling.Outcome == check.Allow || ruling.Open:
		return ruling, smpp.OK
	case ruling.Code == check.InvalidNumber:
		return ruling, smpp.InvalidDestination
	case ruling.Code == check.Stale:
		return ruling, smpp.SystemError
	}
	return ruling, smpp.SubmitFailed
}

// fromSMSC reads what people write, and relays it once it is committed.
func (pr *pair) fromSMSC(ctx context.Context, p smpp.Packet) (smpp.Status, []byte) {
	if p.Command == smpp.DeliverSM {
		if s, err := smpp.ParseShort(p.Body); err == nil {
			// A message that cannot be read is the ESME's to refuse.
			if err := pr.proxy.config.Inbound(ctx, &s); err != nil && !errors.Is(err, smpp.ErrMalformed) {
				pr.proxy.gate.Log.ErrorContext(ctx, "a message could not be taken in, and is to be sent again", "error", err)
				return smpp.TemporaryError, []byte{0}
			}
		}
	}
	select {
	case <-pr.bound:
	case <-ctx.Done():
		return smpp.SystemError, nil
	}
	return relay(ctx, pr.esme, p)
}
