package server_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/suppression"
)

var ctx = context.Background()

func open(t testing.TB, dir string) *server.Server {
	t.Helper()
	s, err := server.Open(ctx, server.Config{DataDir: dir, Rules: server.NoRules})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closing(t testing.TB, s *server.Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

const alice = "+1 202-555-0123"

func question() check.Question {
	return check.Question{Number: 12025550123, Brand: []byte("default"), Purpose: []byte("marketing"), Channel: consent.SMS}
}

func record(t testing.TB, s *server.Server, kind consent.Kind) act.Result {
	t.Helper()
	r, err := s.Recorder.Record(ctx, access.Local, []act.Report{{
		Number: alice, Purpose: "marketing", Channel: consent.SMS, Act: kind, Source: consent.WebForm,
	}})
	if err != nil || r[0].Err != nil {
		t.Fatal(err, r)
	}
	return r[0]
}

func wantVerdict(t testing.TB, s *server.Server, want check.Outcome, code check.Code) {
	t.Helper()
	v := s.Index.Check(question())
	if v.Outcome != want || v.Code() != code {
		t.Errorf("verdict: got %s (%s), want %s (%s)", v.Outcome, v.Code(), want, code)
	}
}

func TestAConsentIsRecordedCheckedWithdrawnAndOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	wantVerdict(t, s, check.Deny, check.NoRecord)
	record(t, s, consent.Granted)
	wantVerdict(t, s, check.Allow, check.Granted)
	closing(t, s)

	s = open(t, dir)
	wantVerdict(t, s, check.Allow, check.Granted)
	record(t, s, consent.Withdrawn)
	wantVerdict(t, s, check.Deny, check.Withdrawn)
	closing(t, s)

	s = open(t, dir)
	defer closing(t, s)
	wantVerdict(t, s, check.Deny, check.Withdrawn)
	if s.FirstStart {
		t.Error("the third start says it is the first")
	}
}

func TestOneProcessOwnsTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer closing(t, s)
	if _, err := server.Open(ctx, server.Config{DataDir: dir}); !errors.Is(err, server.ErrInUse) {
		t.Errorf("second owner: got %v, want ErrInUse", err)
	}
}

func TestASuppressionBeatsAConsentBeforeAndAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	record(t, s, consent.Granted)
	if _, err := s.Lists.Create(ctx, "test", suppression.List{ID: "dnc", Name: "Do not call", Kind: "own"}, s.Now()); err != nil {
		t.Fatal(err)
	}
	if _, n, err := s.Lists.Add(ctx, "test", "dnc", []phone.Number{12025550123}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	wantVerdict(t, s, check.Deny, check.Suppressed)
	closing(t, s)
	s = open(t, dir)
	defer closing(t, s)
	wantVerdict(t, s, check.Deny, check.Suppressed)

	r, err := s.Lists.Replace(ctx, "dnc")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(ctx, 12025550124, 12025550125, 12025550124); err != nil {
		t.Fatal(err)
	}
	l, err := r.Commit(ctx, "test", s.Now())
	r.Close()
	if err != nil || l.Members != 2 {
		t.Fatal(l, err)
	}
	wantVerdict(t, s, check.Allow, check.Granted)
	if _, n, err := s.Lists.Delete(ctx, "test", "dnc", []phone.Number{12025550124, 12025550199}); err != nil || n != 1 {
		t.Errorf("delete: got %d, %v; want 1", n, err)
	}
}

func TestTheLogTakesEveryEntryIn(t *testing.T) {
	s := open(t, t.TempDir())
	defer closing(t, s)
	r := record(t, s, consent.Granted)
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := s.Tree.WaitIntegrated(wait, r.Seq); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tree.Prove(ctx, r.Seq); err != nil {
		t.Error(err)
	}
}
