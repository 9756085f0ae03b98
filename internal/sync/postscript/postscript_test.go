package postscript_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	stdsync "sync"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/postscript"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var destination = sync.Destination{
	Secrets: map[string]string{"api_key": "sk_1", "shop_token": "shop"},
	Mapping: map[string]string{synctest.Texts.String(): "promotional"},
}

// shop is Postscript as it documents itself.
type shop struct {
	mu      stdsync.Mutex
	out     map[string]bool // numbers that are unsubscribed
	numbers []string        // subscribers, two a page
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer sk_1" || r.Header.Get("X-Postscript-Shop-Token") != "shop" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "PATCH /api/v2/compliance/unsubscribe":
		var in struct {
			Phone string `json:"phone_number"`
		}
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil || !e164.MatchString(in.Phone) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.out[in.Phone] = true
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"message":"OK"}`))
	case "GET /api/v2/subscribers":
		s.list(w, r.URL.Query().Get("page"))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *shop) list(w http.ResponseWriter, page string) {
	var shown []any
	pages := slices.Collect(slices.Chunk(s.numbers, 2))
	for _, number := range pages[page[0]-'1'] {
		can := map[string]bool{"can_send": !s.out[number]}
		shown = append(shown, map[string]any{"phone_number": number, "subscriptions": map[string]any{"promotional": can, "transactional": can}})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"page_info": map[string]int{"page": int(page[0] - '0'), "total_pages": len(pages)}, "subscribers": shown})
}

func (s *shop) would(number string, _ consent.Scope) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out[number] {
		return "no"
	}
	return ""
}

func TestPostscript(t *testing.T) {
	c := synctest.Case{
		Kind: postscript.Kind, Destination: destination, Single: true, NoGrants: true,
		New: func(testing.TB) (http.Handler, func(string, consent.Scope) string) {
			s := &shop{out: map[string]bool{}}
			return s, s.would
		},
	}
	c.Check(t)
}

func TestTheListHoldsSubscribersOfAllPages(t *testing.T) {
	s := &shop{out: map[string]bool{synctest.Number(1): true}, numbers: []string{synctest.Number(0), synctest.Number(1), synctest.Number(2)}}
	to := synctest.Serve(t, s).Connect(t, postscript.Kind, destination)
	var got []sync.Listed
	if err := to.(sync.Listing).List(context.Background(), func(l sync.Listed) error { got = append(got, l); return nil }); err != nil {
		t.Fatal(err)
	}
	var want []sync.Listed
	for n, granted := range []bool{true, false, true} {
		want = append(want, sync.Listed{Number: synctest.Number(n), Scope: synctest.Texts, Granted: granted})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAMappingThatPostscriptCannotHoldIsRefused(t *testing.T) {
	for _, m := range []map[string]string{
		{synctest.Texts.String(): "promotional", synctest.News.String(): "transactional"}, {synctest.Texts.String(): "list"}, {"acme/marketing/whatsapp": "promotional"},
	} {
		var invalid *sync.InvalidError
		if _, err := postscript.Kind.New(sync.Config{Destination: sync.Destination{Mapping: m}}); !errors.As(err, &invalid) || invalid.Field != "mapping" {
			t.Errorf("%v: got %v", m, err)
		}
	}
}
