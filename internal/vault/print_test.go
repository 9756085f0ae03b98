package vault_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/vault"
)

// TestAKeyIsNeverPrinted formats and logs what holds a key in the ways that happen by mistake.
func TestAKeyIsNeverPrinted(t *testing.T) {
	v := openVault(t, master)
	s := vault.NewSubject(alice)
	for what, value := range map[string]any{"key": s.Key, "pointer to key": &s.Key, "subject": s, "notes": v.NotesKey(), "pointer to subject": &s, "in a slice": []vault.Subject{s}} {
		key := s.Key
		if what == "notes" {
			key = v.NotesKey()
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("message", "value", value)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("message", "value", value)
		encoded, _ := json.Marshal(value) // refusing is as good as hiding
		text := fmt.Sprintf("%v %+v %#v %s %x %X %d %q ", value, value, value, value, value, value, value, value) + log.String() + string(encoded)
		for form, secret := range map[string]string{
			"hex": hex.EncodeToString(key[:])[:8], "HEX": strings.ToUpper(hex.EncodeToString(key[:])[:8]),
			"decimal": fmt.Sprintf("%d", key[:3])[1:], "listed": strings.Join([]string{fmt.Sprint(key[0]), fmt.Sprint(key[1]), fmt.Sprint(key[2])}, ","),
			"raw": string(key[:4]), "go": fmt.Sprintf("%#v", key[:3])[len("[]byte{"):],
		} {
			if strings.Contains(text, strings.TrimRight(secret, "]}")) {
				t.Errorf("%s is shown in %s", what, form)
			}
		}
		if strings.Contains(text, alice.Digits()) {
			t.Errorf("%s shows the number", what)
		}
	}
}
