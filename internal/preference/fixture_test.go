package preference_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/preference"
	"github.com/consentline/consentline/internal/server"
)

const (
	alice = "+12025550123"
	bob   = "+12025550124"
)

// deployment is an open server whose clock the test moves.
type deployment struct {
	*server.Server
	t     *testing.T
	ahead atomic.Int64
}

func open(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t}
	s, err := server.Open(t.Context(), server.Config{DataDir: t.TempDir(), Rules: server.NoRules, Now: d.now})
	if err != nil {
		t.Fatal(err)
	}
	d.Server = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *deployment) now() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }

func (d *deployment) pass(by time.Duration) { d.ahead.Add(int64(by)) }

func (d *deployment) record(number string) ledger.SubjectID {
	d.t.Helper()
	r := act.Report{Number: number, Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm}
	results, err := d.Recorder.Record(d.t.Context(), access.Local, []act.Report{r})
	if err != nil || results[0].Err != nil {
		d.t.Fatal(err, results[0].Err)
	}
	return results[0].Subject
}

// ask asks for a code from an address.
func (d *deployment) ask(number, address string) (string, error) {
	d.t.Helper()
	n, err := phone.Parse(number, "")
	if err != nil {
		d.t.Fatal(err)
	}
	brand, err := d.Catalog.Brand("default")
	if err != nil {
		d.t.Fatal(err)
	}
	return d.Codes.Send(d.t.Context(), preference.CodeRequest{
		Number: n, Brand: brand, Address: address, Text: func(code string) string { return "your code is " + code },
	})
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// sent sends what is queued and returns the codes that have gone out so far.
func (d *deployment) sent() (codes []string) {
	d.t.Helper()
	if _, err := d.Conversations.Send(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(d.DataDir, server.MessagesFile))
	if err != nil {
		d.t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		var m struct{ Text string }
		if err := json.Unmarshal(line, &m); err != nil {
			d.t.Fatal(err)
		}
		codes = append(codes, sixDigits.FindString(m.Text))
	}
	return codes
}

func (d *deployment) brand(id consent.BrandID) {
	d.t.Helper()
	if _, err := d.Catalog.CreateBrand(d.t.Context(), "test", catalog.Brand{ID: id, Name: string(id)}); err != nil {
		d.t.Fatal(err)
	}
}
