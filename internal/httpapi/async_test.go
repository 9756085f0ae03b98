package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/changefeed"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/httpapi"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/vault"
)

// among is one node among several: what restricts is obeyed by the others only once they are released.
func among(t *testing.T, released <-chan struct{}) http.Handler {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "consentline.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(bytes.Repeat([]byte{7}, vault.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	var known *catalog.Catalog
	l, err := ledger.Open(t.Context(), ledger.Config{
		DB: db, Vault: v,
		OnCommit: func(c ledger.Commit) {
			for _, n := range c.Notices {
				if d, ok := n.Detail.(ledger.Definition); ok {
					if err := known.Apply(d); err != nil {
						t.Error(err)
					}
				}
			}
		},
		Settle: func() func(context.Context) error {
			return func(ctx context.Context) error {
				select {
				case <-released:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	known = catalog.New(l)
	ctx := ledger.WithoutWaiting(t.Context())
	if _, err := known.CreateBrand(ctx, "test", catalog.Brand{ID: "default", Name: "Default"}); err != nil {
		t.Fatal(err)
	}
	if _, err := known.CreatePurpose(ctx, "test", catalog.Purpose{ID: "marketing", Name: "Marketing", Class: consent.Marketing}); err != nil {
		t.Fatal(err)
	}
	return httpapi.New(httpapi.Config{
		Ledger: l, Index: check.New(check.Config{}), Catalog: known, Gate: access.New(l, time.Now), Recorder: act.NewRecorder(l, known, time.Now),
		Feed: changefeed.New(0), Now: time.Now,
	}).LocalHandler()
}

// TestWhoWillNotWaitIsToldThatItIsPending withdraws while the other nodes do not obey yet.
func TestWhoWillNotWaitIsToldThatItIsPending(t *testing.T) {
	released := make(chan struct{})
	node := among(t, released)
	send := func(path string, body any, prefer string) (int, httpapi.ConsentAnswer, http.Header) {
		req := httptest.NewRequestWithContext(t.Context(), "POST", path, bytes.NewReader([]byte(mustJSON(body))))
		if prefer != "" {
			req.Header.Set("Prefer", prefer)
		}
		w := httptest.NewRecorder()
		node.ServeHTTP(w, req)
		var told httpapi.ConsentAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil {
			t.Fatal(err)
		}
		return w.Code, told, w.Header()
	}
	withdrawal := grant(alice, "act", "withdrawn")
	status, told, header := send("/v1/consents", withdrawal, "wait=1, Respond-Async")
	if status != 202 || told.Effective != "pending" || told.Seq == 0 || header.Get("Preference-Applied") != "respond-async" {
		t.Errorf("in a hurry: got %d %+v, want 202 and pending", status, told)
	}
	if status, _, _ = send("/v1/consents/batch", items(withdrawal), "respond-async"); status != 202 {
		t.Errorf("a batch in a hurry: got %d, want 202", status)
	}
	if status, told, _ = send("/v1/consents", grant(bob), "respond-async"); status != 201 || told.Effective != "all" {
		t.Errorf("a grant restricts nothing: got %d %+v, want 201 and all", status, told)
	}
	done := make(chan int)
	go func() {
		status, told, _ := send("/v1/consents", withdrawal, "")
		if told.Effective != "all" {
			t.Errorf("waiting: got effective %s, want all", told.Effective)
		}
		done <- status
	}()
	select {
	case status := <-done:
		t.Fatalf("answered %d before the other nodes obey", status)
	default:
	}
	close(released)
	if status := <-done; status != 201 {
		t.Errorf("waiting: got %d, want 201", status)
	}
}
