package consent

import "fmt"

// BrandID names the organisation on whose behalf contact is made: the seller of the TCPA, the controller of the GDPR.
type BrandID string

// PurposeID names what contact is for, as its operator calls it.
type PurposeID string

// Any is the wildcard of a restriction that covers every brand, purpose or channel. No grant may carry it.
const Any = "*"

// Channel is the means of contact that a consent covers. The zero value stands for every channel.
type Channel uint8

// The channels. SMS includes MMS and RCS; VoiceAuto is autodialled or prerecorded (47 CFR 64.1200(a)(1)).
const (
	AnyChannel Channel = iota
	SMS
	WhatsApp
	VoiceLive
	VoiceAuto
)

// Channels lists every concrete channel.
var Channels = []Channel{SMS, WhatsApp, VoiceLive, VoiceAuto}

var channelNames = names[Channel]{"channel", []string{Any, "sms", "whatsapp", "voice_live", "voice_auto"}}

// String returns the name that the API and the ledger use.
func (c Channel) String() string { return channelNames.name(c) }

// ParseChannel reads a channel's name; Any reads as AnyChannel.
func ParseChannel(s string) (Channel, error) { return channelNames.parse(s) }

// MarshalText implements encoding.TextMarshaler.
func (c Channel) MarshalText() ([]byte, error) { return channelNames.marshal(c) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Channel) UnmarshalText(b []byte) error { return channelNames.unmarshal(c, b) }

// Texts reports whether the channel carries messages, which no telephone extension can receive.
func (c Channel) Texts() bool { return c == SMS || c == WhatsApp }

// Class says which rules a purpose falls under.
type Class uint8

// The purpose classes; the zero value is no class and is never valid in a purpose.
const (
	NoClass Class = iota
	Marketing
	Transactional
	ServiceAlert
	DebtCollection
)

// Classes lists every class a purpose can have.
var Classes = []Class{Marketing, Transactional, ServiceAlert, DebtCollection}

var classNames = names[Class]{"purpose class", []string{"", "marketing", "transactional", "service_alert", "debt_collection"}}

// String returns the name that the API and the ledger use.
func (c Class) String() string { return classNames.name(c) }

// ParseClass reads a class's name.
func ParseClass(s string) (Class, error) { return classNames.parse(s) }

// MarshalText implements encoding.TextMarshaler.
func (c Class) MarshalText() ([]byte, error) { return classNames.marshal(c) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Class) UnmarshalText(b []byte) error { return classNames.unmarshal(c, b) }

// Scope is what a consent covers: one brand, for one purpose, on one channel. A restriction's scope may hold wildcards.
type Scope struct {
	Brand   BrandID
	Purpose PurposeID
	Channel Channel
}

// Everything is the scope of a withdrawal from all contact by anybody.
var Everything = Scope{Brand: Any, Purpose: Any, Channel: AnyChannel}

// Concrete reports whether the scope holds no wildcard, as every grant's scope must.
func (s Scope) Concrete() bool { return s.Brand != Any && s.Purpose != Any && s.Channel != AnyChannel }

// Covers reports whether an act in scope s applies to the scope t as well.
func (s Scope) Covers(t Scope) bool {
	return (s.Brand == Any || s.Brand == t.Brand) &&
		(s.Purpose == Any || s.Purpose == t.Purpose) &&
		(s.Channel == AnyChannel || s.Channel == t.Channel)
}

// String returns brand/purpose/channel.
func (s Scope) String() string { return fmt.Sprintf("%s/%s/%s", s.Brand, s.Purpose, s.Channel) }
