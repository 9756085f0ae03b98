package infobip

import (
	"time"

	"github.com/consentline/consentline/internal/messaging"
)

// when reads Infobip's moments, whose offset is written without a colon: 2026-03-01T14:03:00.000+0000.
func when(text string) time.Time {
	if t, err := time.Parse("2006-01-02T15:04:05.999-0700", text); err == nil {
		return t.UTC()
	}
	return messaging.RFC3339(text)
}
