// Package smpp speaks SMPP 3.4: the packets, the texts within them, and sessions on either side.
//
// It follows "Short Message Peer-to-Peer Protocol Specification v3.4" and 3GPP TS 23.038 and 23.040 for the texts. Others
// may rely on this: no packet, however malformed, makes it panic or allocate more than MaxPacket; a packet that was read
// and is written again has the same bytes. It stores nothing.
package smpp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Command is what a packet asks for or answers; answers have the highest bit set.
type Command uint32

// The commands (section 5.1.2.1).
const (
	GenericNack     Command = 0x80000000
	BindReceiver    Command = 0x00000001
	BindTransmitter Command = 0x00000002
	SubmitSM        Command = 0x00000004
	DeliverSM       Command = 0x00000005
	Unbind          Command = 0x00000006
	BindTransceiver Command = 0x00000009
	EnquireLink     Command = 0x00000015
	SubmitMulti     Command = 0x00000021
	DataSM          Command = 0x00000103
)

// Answer returns the command that answers this one.
func (c Command) Answer() Command { return c | 0x80000000 }

// IsAnswer reports whether the command answers another.
func (c Command) IsAnswer() bool { return c&0x80000000 != 0 }

// IsBind reports whether the command binds a session.
func (c Command) IsBind() bool {
	return c == BindReceiver || c == BindTransmitter || c == BindTransceiver
}

// Status is how a command went (section 5.1.3).
type Status uint32

// The statuses that are used here. All others pass through as they are.
const (
	OK                 Status = 0x00
	InvalidLength      Status = 0x02
	InvalidCommand     Status = 0x03
	NotBound           Status = 0x04
	AlreadyBound       Status = 0x05
	SystemError        Status = 0x08
	InvalidSource      Status = 0x0A
	InvalidDestination Status = 0x0B
	BindFailed         Status = 0x0D
	QueueFull          Status = 0x14
	SubmitFailed       Status = 0x45
	Throttled          Status = 0x58
	InvalidSchedule    Status = 0x61
	TemporaryError     Status = 0x64
	DeliveryFailure    Status = 0xFE
	Unknown            Status = 0xFF
)

// Packet is one protocol data unit.
type Packet struct {
	Command  Command
	Status   Status
	Sequence uint32
	Body     []byte
}

const headerSize = 16

// MaxPacket bounds a packet: the largest message_payload, with room for everything else.
const MaxPacket = 70_000

// ErrMalformed says that bytes are no packet; a session ends with it, since the next packet cannot be found.
var ErrMalformed = errors.New("malformed SMPP packet")

// Read reads one packet.
func Read(r io.Reader) (Packet, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return Packet{}, err
	}
	length := binary.BigEndian.Uint32(header[0:])
	if length < headerSize || length > MaxPacket {
		return Packet{}, fmt.Errorf("%w: a length of %d", ErrMalformed, length)
	}
	p := Packet{
		Command: Command(binary.BigEndian.Uint32(header[4:])), Status: Status(binary.BigEndian.Uint32(header[8:])),
		Sequence: binary.BigEndian.Uint32(header[12:]), Body: make([]byte, length-headerSize),
	}
	if _, err := io.ReadFull(r, p.Body); err != nil {
		return Packet{}, fmt.Errorf("%w: it breaks off", ErrMalformed)
	}
	return p, nil
}

// Append appends the packet's bytes.
func (p Packet) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(headerSize+len(p.Body)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.Command))
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.Status))
	dst = binary.BigEndian.AppendUint32(dst, p.Sequence)
	return append(dst, p.Body...)
}

// answer returns the packet that answers p.
func (p Packet) answer(s Status, body []byte) Packet {
	return Packet{Command: p.Command.Answer(), Status: s, Sequence: p.Sequence, Body: body}
}

// fields reads a body from its front. After a flaw every read returns zero values.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) fail(what string) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	f.rest = nil
}

func (f *fields) octet() byte {
	if len(f.rest) == 0 {
		f.fail("it ends early")
		return 0
	}
	b := f.rest[0]
	f.rest = f.rest[1:]
	return b
}

func (f *fields) octets(n int) []byte {
	if n > len(f.rest) {
		f.fail("it ends early")
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

// text reads a C-octet string of at most size bytes, its end included.
func (f *fields) text(size int) string {
	for i, b := range f.rest[:min(size, len(f.rest))] {
		if b == 0 {
			s := string(f.rest[:i])
			f.rest = f.rest[i+1:]
			return s
		}
	}
	f.fail("a text has no end")
	return ""
}

func appendText(dst []byte, s string) []byte { return append(append(dst, s...), 0) }

// Bind is the body of the three bind commands.
type Bind struct {
	SystemID, Password, SystemType string
	Version, TON, NPI              byte
	AddressRange                   string
}

// ParseBind reads a bind command's body.
func ParseBind(body []byte) (Bind, error) {
	f := fields{rest: body}
	b := Bind{SystemID: f.text(16), Password: f.text(9), SystemType: f.text(13)}
	b.Version, b.TON, b.NPI = f.octet(), f.octet(), f.octet()
	b.AddressRange = f.text(41)
	return b, f.err
}

// Append appends the body's bytes.
func (b Bind) Append(dst []byte) []byte {
	dst = appendText(appendText(appendText(dst, b.SystemID), b.Password), b.SystemType)
	return appendText(append(dst, b.Version, b.TON, b.NPI), b.AddressRange)
}
