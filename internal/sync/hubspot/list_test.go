package hubspot_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/hubspot"
)

func TestEveryContactThatHoldsAnAnswerIsListed(t *testing.T) {
	pages := map[string]string{
		"": `{"results":[{"properties":{"consent_number":"+12025550123","sms_consent":"true"}},{"properties":{"consent_number":"+12025550124","sms_consent":""}},
			{"properties":{"consent_number":null,"sms_consent":"true"}}],"paging":{"next":{"after":"3"}}}`,
		"3": `{"results":[{"properties":{"consent_number":"+12025550125","sms_consent":"false"}}]}`,
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.URL.Path != "/crm/v3/objects/contacts" || q.Get("properties") != "consent_number,sms_consent" || q.Get("limit") != "100" {
			t.Errorf("asked for %s", r.URL)
		}
		_, _ = w.Write([]byte(pages[q.Get("after")]))
	}))
	defer api.Close()
	c, err := hubspot.Kind.New(sync.Config{Now: time.Now, Clients: sync.Clients{HTTP: api.Client()}, Destination: sync.Destination{
		ID: "hubspot", Mapping: map[string]string{"acme/marketing/sms": "sms_consent"}, Secrets: map[string]string{"access_token": "t"},
		Settings: map[string]string{"id_property": "consent_number", "base_url": api.URL},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []sync.Listed
	err = c.(sync.Listing).List(t.Context(), func(l sync.Listed) error { got = append(got, l); return nil })
	if err != nil || len(got) != 2 || got[0].Number != "+12025550123" || !got[0].Granted || got[1].Number != "+12025550125" || got[1].Granted || got[0].Scope.Brand != "acme" {
		t.Errorf("listed %+v, %v", got, err)
	}
}
