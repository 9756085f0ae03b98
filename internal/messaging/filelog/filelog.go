// Package filelog is the messenger that sends nothing: it writes messages into a file, so that everything works
// without an account at a provider.
//
// The file holds one JSON object a line, numbers and texts included, and only its owner may read it. What is said on
// the console holds neither.
package filelog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration and entries.
const Name = "log"

// Messenger writes messages into a file. It is safe for concurrent use.
type Messenger struct {
	console io.Writer
	now     func() time.Time

	mu    sync.Mutex
	file  *os.File
	count int
}

// line is one message in the file.
type line struct {
	At      time.Time `json:"at"`
	ID      string    `json:"id"`
	To      string    `json:"to"`
	From    string    `json:"from,omitempty"`
	Channel string    `json:"channel"`
	Text    string    `json:"text"`
}

// Open opens or makes the file, with mode 0600. The console may be nil.
func Open(path string, console io.Writer, now func() time.Time) (*Messenger, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the file of messages: %w", err)
	}
	// A file that was there keeps the mode it had, and it holds numbers.
	if err := file.Chmod(0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the file of messages: %w", err), file.Close())
	}
	if console == nil {
		console = io.Discard
	}
	return &Messenger{console: console, now: now, file: file}, nil
}

// Send writes the message and syncs the file.
func (m *Messenger) Send(_ context.Context, msg messaging.Message) (messaging.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.now().UTC()
	m.count++
	id := "log-" + strconv.FormatInt(at.UnixMicro(), 36) + "-" + strconv.Itoa(m.count)
	raw, err := json.Marshal(line{
		At: at, ID: id, To: msg.To.WithoutExtension().String(), From: msg.From, Channel: msg.Channel.String(), Text: msg.Text,
	})
	if err == nil {
		_, err = m.file.Write(append(raw, '\n'))
	}
	if err == nil {
		err = m.file.Sync()
	}
	if err != nil {
		return messaging.Receipt{}, &messaging.SendError{Provider: Name, Reason: messaging.Temporary, Err: errors.New("the file cannot be written")}
	}
	// The console is a courtesy: the message is written whether or not somebody watches.
	_, _ = fmt.Fprintf(m.console, "a message to %s was written to %s (no provider is configured)\n", msg.To.Masked(), m.file.Name())
	return messaging.Receipt{ID: id}, nil
}

// Close closes the file.
func (m *Messenger) Close() error { return m.file.Close() }
