package filelog

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

func TestMessagesAreInTheFileAndNotOnTheConsole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.ndjson")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var console bytes.Buffer
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m, err := Open(path, &console, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	var ids []string
	for range 2 {
		r, err := m.Send(t.Context(), messaging.Message{To: 12025550123, From: "21610", Channel: consent.SMS, Text: "Hei\n\"Þú\""})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	if ids[0] == ids[1] {
		t.Errorf("both receipts are %q", ids[0])
	}
	if strings.Contains(console.String(), "5550123") || strings.Contains(console.String(), "Hei") || strings.Count(console.String(), "\n") != 2 {
		t.Errorf("console: %q", console.String())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got line
	if err := json.Unmarshal(bytes.Split(raw, []byte("\n"))[0], &got); err != nil {
		t.Fatal(err)
	}
	if want := (line{noon, ids[0], "+12025550123", "21610", "sms", "Hei\n\"Þú\""}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, want 0600 (%v)", info.Mode(), err)
	}
}
