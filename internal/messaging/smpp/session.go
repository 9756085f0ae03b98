package smpp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Handler answers a command of the other side. It runs beside other commands of the session, and must not keep the body.
type Handler func(ctx context.Context, p Packet) (Status, []byte)

// SessionConfig says how a session behaves. Zero values are good.
type SessionConfig struct {
	Handler Handler       // nil: every command is refused
	Window  int           // how many commands may be unanswered in each direction; zero: 128
	Enquire time.Duration // how long the other side may be silent before it is asked; zero: 30 seconds
	Timeout time.Duration // how long an answer may take; zero: 10 seconds
}

// Session is one side of a connection. Run must be called, once; the other methods are safe for concurrent use.
type Session struct {
	config  SessionConfig
	conn    net.Conn
	reader  *bufio.Reader
	window  chan struct{}
	serving sync.WaitGroup

	writing sync.Mutex // held while a packet is written
	buffer  []byte

	mu       sync.Mutex
	sequence uint32
	pending  map[uint32]chan Packet
	closed   bool
	ending   bool // on our wish: what the connection says then is no error

	done chan struct{}
}

// ErrClosed says that the session has ended before a command was answered: whether it was carried out is not known.
var ErrClosed = errors.New("the SMPP session has ended")

// ErrNotSent says that a command was not written, so that it was not carried out.
var ErrNotSent = errors.New("the SMPP session takes no more commands")

// StatusError says that the other side refused a command.
type StatusError struct {
	Command Command
	Status  Status
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("SMPP command %#x was refused with status %#x", uint32(e.Command), uint32(e.Status))
}

// NewSession returns a session on a connection, which it closes when it ends.
func NewSession(conn net.Conn, c SessionConfig) *Session {
	if c.Window <= 0 {
		c.Window = 128
	}
	if c.Enquire <= 0 {
		c.Enquire = 30 * time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Handler == nil {
		c.Handler = func(context.Context, Packet) (Status, []byte) { return InvalidCommand, nil }
	}
	return &Session{
		config: c, conn: conn, reader: bufio.NewReaderSize(conn, 16<<10), window: make(chan struct{}, c.Window),
		pending: map[uint32]chan Packet{}, done: make(chan struct{}),
	}
}

// Run reads what the other side sends until the session ends, and returns when every command that it sent is answered.
// Unbinding and closing end it without an error.
func (s *Session) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { s.close() })
	defer stop()
	slots := make(chan struct{}, s.config.Window)
	var err error
	for err == nil {
		err = s.next(ctx, slots)
	}
	closing := s.close()
	cancel()
	s.serving.Wait()
	s.mu.Lock()
	wanted := s.ending
	s.mu.Unlock()
	if closing || wanted || errors.Is(err, errUnbound) {
		return nil
	}
	return err
}

// errUnbound ends Run after the other side has unbound.
var errUnbound = errors.New("unbound")

// next reads one packet and has it dealt with. A silent other side is asked whether it is there, and given up when it
// does not say so.
func (s *Session) next(ctx context.Context, slots chan struct{}) error {
	if err := s.await(ctx); err != nil {
		return err
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(s.config.Timeout)); err != nil {
		return err
	}
	p, err := Read(s.reader)
	if err != nil {
		return err
	}
	switch {
	case p.Command.IsAnswer():
		s.answered(p)
		return nil
	case p.Command == EnquireLink:
		return s.write(p.answer(OK, nil))
	case p.Command == Unbind:
		if err := s.write(p.answer(OK, nil)); err != nil {
			return err
		}
		return errUnbound
	}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.serving.Go(func() {
		defer func() { <-slots }()
		status, body := s.config.Handler(ctx, p)
		if err := s.write(p.answer(status, body)); err != nil {
			s.close() // the other side cannot know what became of its command
		}
	})
	return nil
}

// await waits for the first byte of a packet.
func (s *Session) await(ctx context.Context) error {
	for asked := false; ; asked = true {
		if err := s.conn.SetReadDeadline(time.Now().Add(s.config.Enquire)); err != nil {
			return err
		}
		_, err := s.reader.Peek(1)
		var timeout net.Error
		if err == nil || asked || !errors.As(err, &timeout) || !timeout.Timeout() || ctx.Err() != nil {
			return err
		}
		if err := s.write(Packet{Command: EnquireLink, Sequence: s.nextSequence()}); err != nil {
			return err
		}
	}
}

func (s *Session) nextSequence() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence = s.sequence%0x7FFFFFFF + 1
	return s.sequence
}

func (s *Session) answered(p Packet) {
	s.mu.Lock()
	waiting := s.pending[p.Sequence]
	delete(s.pending, p.Sequence)
	s.mu.Unlock()
	if waiting != nil {
		waiting <- p
	}
}

func (s *Session) write(p Packet) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.buffer = p.Append(s.buffer[:0])
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.config.Timeout)); err != nil {
		return err
	}
	_, err := s.conn.Write(s.buffer)
	return err
}

// Request sends a command and waits for its answer. Errors are ErrNotSent, ErrClosed, or the context's: after the latter
// two it is not known whether the command was carried out.
func (s *Session) Request(ctx context.Context, c Command, body []byte) (Packet, error) {
	select {
	case s.window <- struct{}{}:
		defer func() { <-s.window }()
	case <-ctx.Done():
		return Packet{}, ErrNotSent
	case <-s.done:
		return Packet{}, ErrNotSent
	}
	answer := make(chan Packet, 1)
	sequence := s.nextSequence()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return Packet{}, ErrNotSent
	}
	s.pending[sequence] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.pending, sequence)
		s.mu.Unlock()
	}()
	if err := s.write(Packet{Command: c, Sequence: sequence, Body: body}); err != nil {
		s.close()
		return Packet{}, ErrClosed
	}
	timer := time.NewTimer(s.config.Timeout)
	defer timer.Stop()
	select {
	case p := <-answer:
		return p, nil
	case <-s.done:
	case <-timer.C:
	case <-ctx.Done():
		return Packet{}, ctx.Err()
	}
	select {
	case p := <-answer: // the peer answered, and hung up at once
		return p, nil
	default:
		return Packet{}, ErrClosed
	}
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Close unbinds and ends the session.
func (s *Session) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	_, _ = s.Request(ctx, Unbind, nil) // whatever is answered, the session ends
	s.close()
}

// close ends the session; it reports whether it had been closed on purpose before.
func (s *Session) close() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return true
	}
	s.closed = true
	close(s.done)
	_ = s.conn.Close() // there is nobody left to tell
	return false
}
