package webhook

import (
	"context"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// alert is a CloudEvents 1.0 object that tells of a destination which is overdue.
type alert struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject"`
	Time        string    `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Data        alertData `json:"data"`
}

type alertData struct {
	Destination  string `json:"destination"`
	Seq          uint64 `json:"seq,omitempty"` // absent: the destination has not come to the entry
	RecordedAt   string `json:"recorded_at"`
	AlertSeconds int64  `json:"alert_seconds"`
}

// Alert posts an event that says which destination has not acknowledged a restriction in time. It tells of no person.
func (w *connector) Alert(ctx context.Context, a sync.Alert) error {
	id := "evt_" + a.ID
	return w.send(ctx, id, alert{
		SpecVersion: "1.0", ID: id, Source: w.events.Source, Type: "com.consentline.destination.overdue.v1", Subject: a.Destination,
		Time: ledger.FormatTime(a.At), ContentType: "application/json",
		Data: alertData{Destination: a.Destination, Seq: a.Seq, RecordedAt: ledger.FormatTime(a.RecordedAt), AlertSeconds: int64(a.Overdue.Seconds())},
	})
}
