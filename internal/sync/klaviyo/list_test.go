package klaviyo_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/klaviyo"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

// profiles shows the profiles of a list as Klaviyo documents it, two a page, the next of which it puts at another host.
type profiles []map[string]any

func profileOf(n int, marketing, transactional string) map[string]any {
	said := map[string]any{}
	for kind, consent := range map[string]string{"marketing": marketing, "transactional": transactional} {
		if consent != "" {
			said[kind] = map[string]any{"consent": consent, "can_receive_sms_" + kind: consent == "SUBSCRIBED"}
		}
	}
	return map[string]any{"type": "profile", "attributes": map[string]any{"phone_number": synctest.Number(n), "subscriptions": map[string]any{"sms": said}}}
}

func (p profiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.Header.Get("Authorization") != "Klaviyo-API-Key pk_1" || r.Header.Get("revision") != "2026-07-15":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method != http.MethodGet || r.URL.Path != "/api/lists/LISTA1/profiles":
		w.WriteHeader(http.StatusNotFound)
	case q.Get("additional-fields[profile]") != "subscriptions" || q.Get("page[size]") != "100":
		w.WriteHeader(http.StatusBadRequest)
	default:
		from, _ := strconv.Atoi(q.Get("page[cursor]"))
		to, next := min(from+2, len(p)), ""
		if to < len(p) {
			next = "https://elsewhere.example.com/api/lists/LISTA1/profiles?page%5Bcursor%5D=" + strconv.Itoa(to)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": p[from:to], "links": map[string]any{"next": next}})
	}
}

func TestTheListHoldsWhatEachProfileSaidToEachKindOfMessage(t *testing.T) {
	mail := map[string]any{"type": "profile", "attributes": map[string]any{"phone_number": nil, "subscriptions": map[string]any{}}}
	p := profiles{profileOf(0, "SUBSCRIBED", "SUBSCRIBED"), mail, profileOf(1, "UNSUBSCRIBED", "SUBSCRIBED"), profileOf(2, "NEVER_SUBSCRIBED", "")}
	var got []sync.Listed
	to := synctest.Serve(t, p).Connect(t, klaviyo.Kind, destination).(sync.Listing)
	if err := to.List(context.Background(), func(l sync.Listed) error { got = append(got, l); return nil }); err != nil {
		t.Fatal(err)
	}
	var want []sync.Listed
	for n, yes := range []bool{true, false, false} {
		want = append(want, sync.Listed{Number: synctest.Number(n), Scope: synctest.Texts, Granted: yes})
	}
	for n, yes := range []bool{true, true, false} {
		want = append(want, sync.Listed{Number: synctest.Number(n), Scope: synctest.News, Granted: yes})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
