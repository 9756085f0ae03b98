package httpapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// newRegistry returns the place where the document's schemas are collected. The words of the domain come with their
// lists, so that the document cannot fall behind them.
func newRegistry() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	for t, alias := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[consent.Channel](): reflect.TypeFor[channelSchema](),
		reflect.TypeFor[consent.Kind]():    reflect.TypeFor[kindSchema](),
		reflect.TypeFor[consent.Level]():   reflect.TypeFor[levelSchema](),
		reflect.TypeFor[consent.Source]():  reflect.TypeFor[sourceSchema](),
		reflect.TypeFor[consent.Status]():  reflect.TypeFor[statusSchema](),
		reflect.TypeFor[consent.Class]():   reflect.TypeFor[classSchema](),
		reflect.TypeFor[access.Role]():     reflect.TypeFor[roleSchema](),
		reflect.TypeFor[ledger.Time]():     reflect.TypeFor[timeSchema](),
		reflect.TypeFor[VerdictJSON]():     reflect.TypeFor[Verdict](),
	} {
		r.RegisterTypeAlias(t, alias)
	}
	return r
}

type (
	channelSchema string
	kindSchema    string
	levelSchema   string
	sourceSchema  string
	statusSchema  string
	classSchema   string
	roleSchema    string
	timeSchema    string

	askedChannel string // one that can be asked about: no wildcard
	levelOrNone  string
	reasonCode   string
)

// Schema lists the channels, and the wildcard of a restriction.
func (channelSchema) Schema(huma.Registry) *huma.Schema {
	return enum("sms", append([]consent.Channel{consent.AnyChannel}, consent.Channels...)...)
}

// Schema lists the channels.
func (askedChannel) Schema(huma.Registry) *huma.Schema { return enum("sms", consent.Channels...) }

// Schema lists the acts.
func (kindSchema) Schema(huma.Registry) *huma.Schema { return enum("granted", consent.Kinds...) }

// Schema lists the levels.
func (levelSchema) Schema(huma.Registry) *huma.Schema { return enum("express", levels...) }

// Schema lists the levels, and none.
func (levelOrNone) Schema(huma.Registry) *huma.Schema {
	return enum("express", append([]consent.Level{consent.NoLevel}, levels...)...)
}

// Schema lists the sources.
func (sourceSchema) Schema(huma.Registry) *huma.Schema { return enum("web_form", consent.Sources...) }

// Schema lists the statuses.
func (statusSchema) Schema(huma.Registry) *huma.Schema {
	return enum("granted", consent.None, consent.Pending, consent.StatusGranted, consent.StatusRefused,
		consent.StatusWithdrawn, consent.StatusRevoked, consent.StatusExpired)
}

// Schema lists the classes of purposes.
func (classSchema) Schema(huma.Registry) *huma.Schema { return enum("marketing", consent.Classes...) }

// Schema lists the roles.
func (roleSchema) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Examples: []any{"sender"}}
	for _, r := range access.Roles {
		s.Enum = append(s.Enum, string(r))
	}
	return s
}

// Schema lists the codes of a verdict's reasons.
func (reasonCode) Schema(huma.Registry) *huma.Schema { return enum("granted", check.Codes()...) }

// Schema is RFC 3339.
func (timeSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Examples: []any{"2026-03-01T14:03:00Z"}}
}

// Schema is an object of package verify, which documents it.
func (ReceiptJSON) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

var levels = []consent.Level{consent.Implied, consent.SoftOptIn, consent.Express, consent.ExpressWritten}

func enum[E interface{ String() string }](example string, words ...E) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Examples: []any{example}}
	for _, w := range words {
		s.Enum = append(s.Enum, w.String())
	}
	return s
}
