package gateway

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Codes of Twilio's error dictionary.
const (
	codeBadRequest   = 20001
	codeUnavailable  = 20503
	codeInvalidTo    = 21211
	codeUnsubscribed = 21610
	codeQuietHours   = 30610
)

// refusal is an error as Twilio writes it.
type refusal struct {
	Code     int    `json:"code"`
	Message  string `json:"message"`
	MoreInfo string `json:"more_info"`
	Status   int    `json:"status"`
}

func (t *Twilio) refuse(w http.ResponseWriter, status, code int, message, reason string) {
	body, err := json.Marshal(refusal{code, message, "https://www.twilio.com/docs/errors/" + strconv.Itoa(code), status})
	if err != nil {
		panic(err) // texts and numbers only
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(headerReason, reason)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who has gone does not hear it
}

// unreached answers for an upstream that did not. Whether it took the request is not known, so it is not sent again.
func (t *Twilio) unreached(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		t.gate.Log.ErrorContext(r.Context(), "the provider did not answer", "error", err)
	}
	t.refuse(w, http.StatusServiceUnavailable, codeUnavailable, "The provider did not answer.", "upstream")
}

// credentials remembers which credentials the upstream has accepted, as hashes. A refusal tells whether somebody may be
// contacted, so it is told only to those who can send.
type credentials struct {
	ask func(*http.Request) (*http.Response, error)

	mu    sync.Mutex
	until map[[32]byte]time.Time
}

const (
	credentialsHold = 5 * time.Minute
	maxCredentials  = 10_000
	codeRestricted  = 70051 // the key is good, and may not list messages
)

// credible reports whether the caller's credentials are good at the upstream. If not, its answer is passed on.
func (t *Twilio) credible(w http.ResponseWriter, r *http.Request) bool {
	account := accountOf(r.URL.Path)
	key := sha256.Sum256([]byte(account + "\x00" + r.Header.Get("Authorization")))
	now := t.config.Now()
	t.known.mu.Lock()
	good := now.Before(t.known.until[key])
	t.known.mu.Unlock()
	if good {
		return true
	}
	target := *t.upstream
	target.Path, target.RawQuery = "/2010-04-01/Accounts/"+account+"/Messages.json", "PageSize=1"
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, target.String(), nil)
	if err != nil {
		t.unreached(w, r, err)
		return false
	}
	ask.Header.Set("Authorization", r.Header.Get("Authorization"))
	res, err := t.known.ask(ask)
	if err != nil {
		t.unreached(w, r, err)
		return false
	}
	defer func() { _ = res.Body.Close() }() // nothing was written to it
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		t.unreached(w, r, err)
		return false
	}
	var said refusal
	_ = json.Unmarshal(body, &said) // an answer of another form is judged by its status
	if res.StatusCode >= 500 || (res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusNotFound) && said.Code != codeRestricted {
		w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
		w.WriteHeader(res.StatusCode)
		_, _ = w.Write(body) // a caller who has gone does not hear it
		return false
	}
	t.known.remember(key, now.Add(credentialsHold))
	return true
}

func (c *credentials) remember(key [32]byte, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until == nil || len(c.until) >= maxCredentials {
		c.until = map[[32]byte]time.Time{}
	}
	c.until[key] = until
}

// accountOf is the part of a path after "Accounts", as a part of a path again.
func accountOf(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts[:max(len(parts)-1, 0)] {
		if strings.EqualFold(p, "accounts") {
			return url.PathEscape(parts[i+1])
		}
	}
	return ""
}
