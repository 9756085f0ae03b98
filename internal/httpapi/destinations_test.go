package httpapi_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func hook(settings map[string]any) map[string]any {
	return map[string]any{
		"id": "hook", "kind": "webhook", "name": "Hook", "settings": settings,
		"secrets": map[string]any{"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	}
}

func TestADestinationNeverShowsItsSecrets(t *testing.T) {
	f := start(t)
	good := map[string]any{"url": "https://example.com/hook"}
	created := f.do(request{method: http.MethodPost, path: "/v1/destinations", body: hook(good)})
	created.status(http.StatusCreated)
	changed := hook(good)
	changed["name"] = "Another name"
	delete(changed, "secrets")
	for _, a := range []answer{
		created, f.do(request{method: http.MethodPut, path: "/v1/destinations/hook", body: changed}),
		f.do(request{method: http.MethodGet, path: "/v1/destinations"}), f.do(request{method: http.MethodGet, path: "/v1/destinations/hook"}),
		f.do(request{method: http.MethodPost, path: "/v1/destinations/hook/pause"}),
	} {
		if a.StatusCode >= 300 || strings.Contains(string(a.body), "whsec_") || strings.Contains(string(a.body), "sealed") {
			t.Errorf("%s %s: %d %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.body)
		}
	}
	f.do(request{method: http.MethodDelete, path: "/v1/destinations/hook"}).status(http.StatusOK)
	f.do(request{method: http.MethodGet, path: "/v1/destinations/hook"}).status(http.StatusNotFound)
	f.do(request{method: http.MethodGet, path: "/v1/destinations/hook/status"}).status(http.StatusNotFound)
}

func TestADestinationThatCannotBeIsRefusedWithItsField(t *testing.T) {
	f := start(t)
	bad := hook(map[string]any{"url": "gopher://example.com"})
	a := f.do(request{method: http.MethodPost, path: "/v1/destinations", body: bad})
	a.status(http.StatusUnprocessableEntity)
	if !strings.Contains(string(a.body), `"field":"url"`) && !strings.Contains(string(a.body), `"field": "url"`) {
		t.Errorf("the problem does not name the field: %s", a.body)
	}
	bad = hook(map[string]any{"url": "https://example.com"})
	bad["kind"] = "carrier pigeon"
	f.do(request{method: http.MethodPost, path: "/v1/destinations", body: bad}).status(http.StatusUnprocessableEntity)
}

func TestPropagationIsToldByDestination(t *testing.T) {
	f := start(t)
	f.do(request{method: http.MethodPost, path: "/v1/destinations", body: hook(map[string]any{"url": "https://example.com/hook"})}).status(http.StatusCreated)
	all := f.do(request{method: http.MethodGet, path: "/v1/propagation"})
	all.status(http.StatusOK)
	if !strings.Contains(string(all.body), `"destination":"hook"`) || !strings.Contains(string(all.body), `"slowest":[]`) {
		t.Errorf("got %s", all.body)
	}
	f.do(request{method: http.MethodGet, path: "/v1/propagation?destination=nobody"}).status(http.StatusNotFound)
	f.do(request{method: http.MethodGet, path: "/v1/propagation?since=yesterday"}).status(http.StatusUnprocessableEntity)
}

func TestAReconciliationTellsCountsAndMaskedSamples(t *testing.T) {
	f := start(t)
	f.do(request{method: http.MethodPost, path: "/v1/destinations", body: hook(map[string]any{"url": "https://example.com/hook"})}).status(http.StatusCreated)
	const held = "number,brand,purpose,channel,act\n+12025550123,default,marketing,sms,granted\nnobody,default,marketing,sms,granted\n"
	ask := request{method: http.MethodPost, path: "/v1/destinations/hook/reconciliations", media: "text/csv", body: held}
	told := f.do(ask)
	told.status(http.StatusOK)
	text := string(told.body)
	if !strings.Contains(text, `"yes_there_unknown_here":1`) || !strings.Contains(text, `"malformed":1`) || strings.Contains(text, "2025550123") {
		t.Errorf("got %s", text)
	}
	f.do(request{method: http.MethodGet, path: "/v1/destinations/hook/reconciliations"}).status(http.StatusOK)
	f.do(request{method: http.MethodPost, path: "/v1/destinations/hook/reconciliations"}).status(http.StatusConflict)
	ask.body = "a,b\n1,2\n"
	f.do(ask).status(http.StatusUnprocessableEntity)
	ask.path += "?map=number"
	f.do(ask).status(http.StatusUnprocessableEntity)
}

// signedBody is the headers of a callback by Standard Webhooks.
func signedBody(secret, body string) map[string]string {
	key, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		panic(err)
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("m1." + stamp + "." + body))
	return map[string]string{
		"webhook-id": "m1", "webhook-timestamp": stamp, "webhook-signature": "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}
}

func TestACallbackThatIsNotSignedIsRefused(t *testing.T) {
	f := start(t)
	f.do(request{method: http.MethodPost, path: "/v1/destinations", body: hook(map[string]any{"url": "https://example.com/hook"})}).status(http.StatusCreated)
	for _, path := range []string{"/v1/destinations/hook/inbound", "/v1/destinations/nobody/inbound"} {
		a := f.do(request{method: http.MethodPost, path: path, body: "{}", header: signedBody("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "{}")})
		a.status(http.StatusForbidden)
	}
}
