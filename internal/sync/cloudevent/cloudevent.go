// Package cloudevent writes a change as a CloudEvents 1.0 object in its JSON format, for destinations that want every act.
//
// Others may rely on this: the ID is the same whenever the same event is sent again; there is no number in it unless the
// destination may have numbers.
package cloudevent

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// ContentType is the media type of an event as JSON.
const ContentType = "application/cloudevents+json"

// Maker makes the events of one destination.
type Maker struct {
	Source string // of the events, which names the destination

	numbers    bool
	checkpoint func(context.Context) string
	now        func() time.Time
}

// NewMaker returns what makes a destination's events.
func NewMaker(c *sync.Config) Maker {
	return Maker{Source: "/destinations/" + c.ID, numbers: c.Numbers, checkpoint: c.Clients.Checkpoint, now: c.Now}
}

// Event is a CloudEvents 1.0 object in its JSON format.
type Event struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Subject     string `json:"subject"` // the subject's ID
	Time        string `json:"time"`
	ContentType string `json:"datacontenttype"`
	Sequence    string `json:"sequence"` // of the extension "sequence": compares as text
	Data        Data   `json:"data"`
}

// Data is what an event tells of an act.
type Data struct {
	Brand       consent.BrandID   `json:"brand"`
	Purpose     consent.PurposeID `json:"purpose"`
	Channel     consent.Channel   `json:"channel"`
	Act         consent.Kind      `json:"act,omitempty"`
	Status      consent.Status    `json:"status"` // how it stands when this is sent
	Source      consent.Source    `json:"source"`
	EffectiveAt string            `json:"effective_at"`
	RecordedAt  string            `json:"recorded_at"`
	Seq         uint64            `json:"seq"`
	PhoneNumber string            `json:"phone_number,omitempty"`
	Checkpoint  string            `json:"checkpoint,omitempty"` // of the log, signed; the act may be newer than it
}

// Of returns the event that tells of a change.
func (m *Maker) Of(ctx context.Context, c *sync.Change) Event {
	now := m.now()
	d := Data{
		Brand: c.Scope.Brand, Purpose: c.Scope.Purpose, Channel: c.Scope.Channel, Act: c.Act.Kind, Status: c.Status(now), Source: c.Act.Source,
		EffectiveAt: ledger.FormatTime(c.Act.EffectiveAt), RecordedAt: ledger.FormatTime(c.RecordedAt), Seq: c.Seq,
	}
	kind := d.Act.String()
	if c.Act.Kind == consent.NoKind { // of a backfill, which tells how things stand
		kind, d.EffectiveAt, d.RecordedAt = "state", ledger.FormatTime(c.Record.LastEffectiveAt()), ledger.FormatTime(now)
		d.Act, d.Source = consent.NoKind, c.Record.Source
	}
	if m.numbers {
		d.PhoneNumber = c.Number.String()
	}
	if m.checkpoint != nil {
		d.Checkpoint = m.checkpoint(ctx)
	}
	return Event{
		SpecVersion: "1.0", ID: "evt_" + c.ID, Source: m.Source, Type: "com.consentline.consent." + kind + ".v1",
		Subject: hex.EncodeToString(c.Subject[:]), Time: d.RecordedAt, ContentType: "application/json",
		Sequence: fmt.Sprintf("%020d", c.Seq), Data: d,
	}
}
