package vault

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrHidden says that a key or a subject was about to be written out by an encoder.
var ErrHidden = errors.New("keys are not written out")

const hiddenKey = "[key]"

// Format implements fmt.Formatter for every verb alike, so that a key printed by mistake does not show.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hiddenKey) }

// LogValue implements slog.LogValuer: a log line never holds a key.
func (Key) LogValue() slog.Value { return slog.StringValue(hiddenKey) }

// MarshalText refuses with ErrHidden, so that no encoder, JSON among them, writes a key.
func (Key) MarshalText() ([]byte, error) { return nil, ErrHidden }

func (s Subject) hidden() string { return "subject " + hex.EncodeToString(s.ID[:]) }

// Format implements fmt.Formatter for every verb alike: only the ID shows, neither number nor key.
func (s Subject) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.hidden()) }

// LogValue implements slog.LogValuer: a log line holds the ID, neither number nor key.
func (s Subject) LogValue() slog.Value { return slog.StringValue(s.hidden()) }

// MarshalText refuses with ErrHidden, so that no encoder writes a number together with its key.
func (Subject) MarshalText() ([]byte, error) { return nil, ErrHidden }
