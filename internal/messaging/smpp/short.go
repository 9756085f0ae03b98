package smpp

import "encoding/binary"

// Address is where a message comes from or goes to.
type Address struct {
	TON, NPI byte
	Number   string
}

// International is the address of a number without its plus sign.
func International(digits string) Address { return Address{TON: 1, NPI: 1, Number: digits} }

// Short is the body of submit_sm and deliver_sm (sections 4.4.1 and 4.6.1).
type Short struct {
	ServiceType         string
	Source, Destination Address
	ESMClass            byte
	ProtocolID          byte
	Priority            byte
	ScheduleTime        string
	ValidityPeriod      string
	RegisteredDelivery  byte
	ReplaceIfPresent    byte
	DataCoding          byte
	DefaultMessageID    byte
	Message             []byte // short_message, with its user data header if there is one
	Optional            []Optional
}

// Optional is a tag-length-value parameter.
type Optional struct {
	Tag   uint16
	Value []byte
}

// The tags that are used here (section 5.3.2).
const (
	TagReceiptedMessageID uint16 = 0x001E
	TagSARReference       uint16 = 0x020C
	TagSARTotal           uint16 = 0x020E
	TagSARSequence        uint16 = 0x020F
	TagMessagePayload     uint16 = 0x0424
	TagMessageState       uint16 = 0x0427
)

// The bits of the ESM class that are used here (section 5.2.12).
const (
	esmHasHeader = 0x40
	esmReceipt   = 0x04
	esmTypeMask  = 0x3C
)

// ParseShort reads a submit_sm's or deliver_sm's body.
func ParseShort(body []byte) (Short, error) {
	f := fields{rest: body}
	s := Short{ServiceType: f.text(6)}
	s.Source = Address{f.octet(), f.octet(), f.text(21)}
	s.Destination = Address{f.octet(), f.octet(), f.text(21)}
	s.ESMClass, s.ProtocolID, s.Priority = f.octet(), f.octet(), f.octet()
	s.ScheduleTime, s.ValidityPeriod = f.text(17), f.text(17)
	s.RegisteredDelivery, s.ReplaceIfPresent, s.DataCoding, s.DefaultMessageID = f.octet(), f.octet(), f.octet(), f.octet()
	s.Message = f.octets(int(f.octet()))
	for f.err == nil && len(f.rest) > 0 {
		head := f.octets(4)
		if f.err == nil {
			s.Optional = append(s.Optional, Optional{binary.BigEndian.Uint16(head), f.octets(int(binary.BigEndian.Uint16(head[2:])))})
		}
	}
	return s, f.err
}

// Append appends the body's bytes. A message of more than 254 bytes goes into message_payload.
func (s Short) Append(dst []byte) []byte {
	dst = appendText(dst, s.ServiceType)
	dst = appendText(append(dst, s.Source.TON, s.Source.NPI), s.Source.Number)
	dst = appendText(append(dst, s.Destination.TON, s.Destination.NPI), s.Destination.Number)
	dst = append(dst, s.ESMClass, s.ProtocolID, s.Priority)
	dst = appendText(appendText(dst, s.ScheduleTime), s.ValidityPeriod)
	dst = append(dst, s.RegisteredDelivery, s.ReplaceIfPresent, s.DataCoding, s.DefaultMessageID)
	message := s.Message
	if len(message) > 254 {
		message = nil
	}
	dst = append(append(dst, byte(len(message))), message...)
	for _, o := range s.Optional {
		dst = appendOptional(dst, o)
	}
	if len(s.Message) > 254 {
		dst = appendOptional(dst, Optional{TagMessagePayload, s.Message})
	}
	return dst
}

func appendOptional(dst []byte, o Optional) []byte {
	dst = binary.BigEndian.AppendUint16(dst, o.Tag)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(o.Value)))
	return append(dst, o.Value...)
}

func (s *Short) optional(tag uint16) ([]byte, bool) {
	for _, o := range s.Optional {
		if o.Tag == tag {
			return o.Value, true
		}
	}
	return nil, false
}

// Part is the piece of a longer message that one short message carries; Total is 1 for a message that is whole.
type Part struct {
	Reference       uint16
	Total, Sequence byte
	Coding          byte
	Data            []byte
}

// Part returns what the message carries, without the headers that tell its place.
func (s *Short) Part() (Part, error) {
	p := Part{Total: 1, Sequence: 1, Coding: s.DataCoding, Data: s.Message}
	if payload, ok := s.optional(TagMessagePayload); ok {
		p.Data = payload
	}
	if s.ESMClass&esmHasHeader != 0 {
		if err := p.cutHeader(); err != nil {
			return p, err
		}
	}
	reference, a := s.optional(TagSARReference)
	total, b := s.optional(TagSARTotal)
	sequence, c := s.optional(TagSARSequence)
	if a && b && c && len(reference) == 2 && len(total) == 1 && len(sequence) == 1 {
		p.Reference, p.Total, p.Sequence = binary.BigEndian.Uint16(reference), total[0], sequence[0]
	}
	if p.Total == 0 || p.Sequence == 0 || p.Sequence > p.Total {
		p.Total, p.Sequence = 1, 1 // such a place is to be ignored (TS 23.040, section 9.2.3.24.1)
	}
	return p, nil
}

// cutHeader reads the user data header (3GPP TS 23.040, section 9.2.3.24).
func (p *Part) cutHeader() error {
	f := fields{rest: p.Data}
	header := fields{rest: f.octets(int(f.octet()))}
	p.Data = f.rest
	for f.err == nil && header.err == nil && len(header.rest) > 0 {
		element, value := header.octet(), header.octets(int(header.octet()))
		switch {
		case element == 0x00 && len(value) == 3:
			p.Reference, p.Total, p.Sequence = uint16(value[0]), value[1], value[2]
		case element == 0x08 && len(value) == 4:
			p.Reference, p.Total, p.Sequence = binary.BigEndian.Uint16(value), value[2], value[3]
		}
	}
	if f.err != nil {
		return f.err
	}
	return header.err
}
