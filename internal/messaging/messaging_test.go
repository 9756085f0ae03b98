package messaging

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func token(header, claims, secret string) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	return signed + "." + base64.RawURLEncoding.EncodeToString(MAC(sha256.New, secret, signed))
}

func TestATokenCountsOnlyUnderItsSecretInItsTime(t *testing.T) {
	const header = `{"alg":"HS256","typ":"JWT"}`
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"in time", token(header, `{"iat":1772366400,"api_key":"k"}`, "secret"), nil},
		{"issued six minutes ago", token(header, `{"iat":1772366040}`, "secret"), ErrReplayed},
		{"issued in the future", token(header, `{"iat":1772366800}`, "secret"), ErrReplayed},
		{"expired", token(header, `{"exp":1772366330}`, "secret"), ErrReplayed},
		{"not yet", token(header, `{"exp":1772366900,"nbf":1772366470}`, "secret"), ErrReplayed},
		{"without any time", token(header, `{}`, "secret"), ErrReplayed},
		{"another secret", token(header, `{"iat":1772366400}`, "other"), ErrBadSignature},
		{"unsigned", token(`{"alg":"none"}`, `{"iat":1772366400}`, "secret"), ErrBadSignature},
		{"asymmetric", token(`{"alg":"RS256"}`, `{"iat":1772366400}`, "secret"), ErrBadSignature},
		{"no token", "a.b", ErrBadSignature},
	} {
		if _, err := ParseToken(c.token, "secret", noon); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := ParseToken(token(header, `{"iat":1772366400}`, ""), "", noon); !errors.Is(err, ErrBadSignature) {
		t.Errorf("an empty secret: got %v, want ErrBadSignature", err)
	}
}

func TestASignatureAges(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want error
	}{
		{noon, nil},
		{noon.Add(-5 * time.Minute), nil},
		{noon.Add(-5*time.Minute - time.Second), ErrReplayed},
		{noon.Add(5*time.Minute + time.Second), ErrReplayed},
		{time.Time{}, ErrReplayed},
	} {
		if err := Fresh(c.at, noon); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.at, err, c.want)
		}
	}
}

func TestOnlyBareDigitsOfAWholeNumberGetAPlus(t *testing.T) {
	for in, want := range map[string]string{
		"12025550123": "+12025550123", "+12025550123": "+12025550123", "21610": "21610", "ACME": "ACME", "": "", "1202555012a": "1202555012a",
	} {
		if got := Plus(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestAProviderThatCannotBeReachedIsToldFromOneThatBrokeOff(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		_ = conn.Close()
	}))
	defer broken.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	moved := httptest.NewServer(http.RedirectHandler(broken.URL, http.StatusTemporaryRedirect))
	defer moved.Close()
	for _, c := range []struct {
		name, url string
		want      Reason
	}{{"nobody listens", gone.URL, Temporary}, {"broke off", broken.URL, Unclear}} {
		_, err := NewEndpoint("test", c.url, "").PostJSON(t.Context(), "/secret-12025550123", "x", nil)
		var e *SendError
		if !errors.As(err, &e) || e.Reason != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		} else if strings.Contains(err.Error(), "2025550123") {
			t.Errorf("%s: the error holds the number: %v", c.name, err)
		}
	}
	res, err := NewEndpoint("test", moved.URL, "").PostJSON(t.Context(), "/", "x", nil)
	if err != nil || res.Status != http.StatusTemporaryRedirect {
		t.Errorf("a redirect was followed with credentials: %v %v", res.Status, err)
	}
}
