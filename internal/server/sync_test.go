package server_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/egress"
	"github.com/consentline/consentline/internal/reconcile"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/sync"
	csv "github.com/consentline/consentline/internal/transfer"
)

// TestAServingNodeTellsDestinations follows a withdrawal from its record to a webhook, after a restart as well.
func TestAServingNodeTellsDestinations(t *testing.T) {
	told := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ Type string }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		told <- event.Type
	}))
	defer hook.Close()
	dir := t.TempDir()
	config := server.Config{
		DataDir: dir, Rules: server.NoRules, Egress: egress.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	for i, want := range []consent.Kind{consent.Granted, consent.Withdrawn} {
		s, err := server.Open(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		_, _, stop := serving(t, s, "")
		if i == 0 {
			_, err = s.Destinations.Create(ctx, "test", sync.Destination{
				ID: "hook", Kind: "webhook", Name: "Hook", Settings: map[string]string{"url": hook.URL},
				Secrets: map[string]string{"secret": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		report := grants(1, 1)
		report[0].Act = want
		if _, err := s.Recorder.Record(ctx, access.Local, report); err != nil {
			t.Fatal(err)
		}
		if got, want := <-told, "com.consentline.consent."+want.String()+".v1"; got != want {
			t.Errorf("told of %s, want %s", got, want)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		closing(t, s)
	}
}

// TestAReconciliationTurnsAYesIntoANoOnEitherSide holds an export against the ledger of a serving node, and mends both.
func TestAReconciliationTurnsAYesIntoANoOnEitherSide(t *testing.T) {
	told := make(chan string, 20)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ Data struct{ Status string } }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		told <- event.Data.Status
	}))
	defer hook.Close()
	s, err := server.Open(ctx, server.Config{
		DataDir: t.TempDir(), Rules: server.NoRules, Egress: egress.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, stop := serving(t, s, "")
	if _, err := s.Destinations.Create(ctx, "test", sync.Destination{
		ID: "hook", Kind: "webhook", Name: "Hook", Settings: map[string]string{"url": hook.URL},
		Secrets: map[string]string{"secret": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))},
	}); err != nil {
		t.Fatal(err)
	}
	reports := grants(0, 3)
	for i := range reports {
		if i == 2 {
			reports[i].Act, reports[i].Level, reports[i].Confirmed = consent.Withdrawn, consent.NoLevel, false
		}
		if _, err := s.Recorder.Record(ctx, access.Local, reports[i:i+1]); err != nil {
			t.Fatal(err)
		}
		<-told
	}
	for head, deadline := s.Feed.Head(), time.Now().Add(20*time.Second); ; { // the last answer is noted a moment after it was given
		seq, err := s.Sync.Told(ctx, "hook")
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("told of %d entries of %d, %v", seq, head, err)
		}
		if seq >= head {
			break
		}
	}
	held := "phone,status\n" + reports[0].Number + ",subscribed\n" + reports[1].Number + ",unsubscribed\n" + reports[2].Number + ",subscribed\n"
	file := reconcile.File{Columns: csv.ColumnMap{csv.FieldNumber: "phone", csv.FieldStatus: "status"}, Settings: csv.Settings{
		Brand: act.DefaultBrand, Purpose: reports[0].Purpose, Channel: reports[0].Channel,
	}}
	q := reconcile.Request{Destination: "hook", By: access.Local, Source: file.Read(strings.NewReader(held)), Repair: true}
	out, err := s.Reconciler.Run(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	if out.Counts["yes_there_no_here"] != 1 || out.Counts["no_there_yes_here"] != 1 || out.Counts["agreed"] != 1 || *out.Repaired != (reconcile.Repaired{ToldAgain: 1, TakenIn: 1}) {
		t.Errorf("came to %+v, %+v", out.Counts, out.Repaired)
	}
	if a, b := <-told, <-told; a == b || a != "withdrawn" && b != "withdrawn" || a != "revoked" && b != "revoked" {
		t.Errorf("the destination was told %q and %q: want what it holds wrongly, and what was taken in from it", a, b)
	}
	q.Source = file.Read(strings.NewReader(held))
	if out, err = s.Reconciler.Run(ctx, q); err != nil || out.Repaired.TakenIn != 0 || out.Counts["agreed"] < 1 {
		t.Errorf("the same list again: %+v, %v", out, err)
	}
	all, err := s.Reconciler.Outcomes(ctx, "hook", 10)
	if err != nil || len(all) != 2 || all[1].Repaired.TakenIn != 1 || all[0].By != access.Local.ID {
		t.Errorf("outcomes %+v, %v", all, err)
	}
	q.Source = nil
	if _, err := s.Reconciler.Run(ctx, q); !errors.Is(err, reconcile.ErrNoList) {
		t.Errorf("a kind that cannot be asked: got %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	closing(t, s)
}
