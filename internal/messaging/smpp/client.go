package smpp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration and entries.
const Name = "smpp"

// Config is an account at an SMSC.
type Config struct {
	Address    string `json:"address"` // host:port
	TLS        bool   `json:"tls,omitempty"`
	SystemID   string `json:"system_id"`
	Password   string `json:"password"`
	SystemType string `json:"system_type,omitempty"`
	Receipts   bool   `json:"receipts,omitempty"` // ask for delivery receipts
}

// Client is an ESME: it sends, and hears what people write. It binds when it is first needed, and again when a session
// has ended. It implements messaging.Messenger.
type Client struct {
	config Config

	// Deliver takes in what the SMSC delivers, as Inbox.Deliver does. Nil: it is refused.
	Deliver func(ctx context.Context, s *Short) error

	reference atomic.Uint32 // of messages in several parts

	mu      sync.Mutex // held while binding
	session *Session
	run     sync.WaitGroup
}

// New returns the client; it needs an address and a system ID.
func New(c Config) (*Client, error) {
	if _, _, err := net.SplitHostPort(c.Address); err != nil || c.SystemID == "" {
		return nil, errors.New("smpp: address (host:port) and system_id are needed")
	}
	if len(c.SystemID) > 15 || len(c.Password) > 8 || len(c.SystemType) > 12 {
		return nil, errors.New("smpp: system_id has at most 15 bytes, password 8 and system_type 12")
	}
	return &Client{config: c}, nil
}

// bound returns a session that is bound, a new one if need be.
func (c *Client) bound(ctx context.Context) (*Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		select {
		case <-c.session.Done():
		default:
			return c.session, nil
		}
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, errors.New("no connection")
	}
	s := NewSession(conn, SessionConfig{Handler: c.handle})
	c.run.Go(func() { _ = s.Run(context.Background()) }) // why it ended does not matter: the next message binds again
	bind := Bind{SystemID: c.config.SystemID, Password: c.config.Password, SystemType: c.config.SystemType, Version: 0x34}
	p, err := s.Request(ctx, BindTransceiver, bind.Append(nil))
	if err == nil && p.Status != OK {
		err = &StatusError{BindTransceiver, p.Status}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	c.session = s
	return s, nil
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if c.config.TLS {
		return (&tls.Dialer{NetDialer: &d}).DialContext(ctx, "tcp", c.config.Address)
	}
	return d.DialContext(ctx, "tcp", c.config.Address)
}

// Connect binds, so that what people write arrives before anything is sent.
func (c *Client) Connect(ctx context.Context) error {
	_, err := c.bound(ctx)
	return err
}

// Close unbinds.
func (c *Client) Close() {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s != nil {
		s.Close()
	}
	c.run.Wait()
}

// Send submits a text, in several messages if it is long. Once the first was taken, no error lets it be sent again.
func (c *Client) Send(ctx context.Context, m messaging.Message) (messaging.Receipt, error) {
	if m.Channel != consent.SMS {
		return messaging.Receipt{}, &messaging.SendError{Provider: Name, Reason: messaging.Refused, Err: errors.New("it carries text messages only")}
	}
	s, err := c.bound(ctx)
	if err != nil {
		return messaging.Receipt{}, &messaging.SendError{Provider: Name, Reason: messaging.Temporary, Err: err}
	}
	var receipt messaging.Receipt
	for i, short := range Split(m.Text, byte(c.reference.Add(1))) {
		short.Source, short.Destination = source(m.From), International(m.To.WithoutExtension().String()[1:])
		if c.config.Receipts {
			short.RegisteredDelivery = 1
		}
		p, err := s.Request(ctx, SubmitSM, short.Append(nil))
		if e := sendError(p, err); e != nil {
			if i > 0 {
				e.Reason = messaging.Unclear
			}
			return receipt, e
		}
		if i == 0 {
			id := fields{rest: p.Body}
			receipt.ID = id.text(65)
		}
	}
	return receipt, nil
}

// source writes a sender's address: a number, a short code, or a name.
func source(from string) Address {
	digits, international := strings.CutPrefix(from, "+")
	switch {
	case international:
		return International(digits)
	case strings.Trim(from, "0123456789") == "" && len(from) > 6:
		return International(from)
	case strings.Trim(from, "0123456789") == "":
		return Address{TON: 3, NPI: 1, Number: from} // network specific: a short code
	}
	return Address{TON: 5, NPI: 0, Number: from}
}

func sendError(p Packet, err error) *messaging.SendError {
	e := &messaging.SendError{Provider: Name}
	switch {
	case errors.Is(err, ErrNotSent):
		e.Reason, e.Err = messaging.Temporary, err
	case err != nil:
		e.Reason, e.Err = messaging.Unclear, err
	case p.Status == OK && p.Command == SubmitSM.Answer():
		return nil
	default:
		e.Code = fmt.Sprintf("%#x", uint32(p.Status))
		switch p.Status {
		case Throttled, QueueFull:
			e.Reason = messaging.RateLimited
		case SystemError, TemporaryError:
			e.Reason = messaging.Temporary
		case InvalidDestination:
			e.Reason = messaging.InvalidNumber
		}
	}
	return e
}

func (c *Client) handle(ctx context.Context, p Packet) (Status, []byte) {
	if p.Command != DeliverSM {
		return InvalidCommand, nil
	}
	if c.Deliver == nil {
		return SystemError, []byte{0}
	}
	s, err := ParseShort(p.Body)
	if err != nil {
		return InvalidLength, []byte{0}
	}
	switch err := c.Deliver(ctx, &s); {
	case errors.Is(err, ErrMalformed):
		return InvalidLength, []byte{0}
	case err != nil:
		return TemporaryError, []byte{0}
	}
	return OK, []byte{0} // message_id is unused, and there
}
