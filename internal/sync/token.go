package sync

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	stdsync "sync"
	"time"
)

// Tokens gets access tokens by the client credentials grant (RFC 6749, section 4.4) and keeps each until shortly before
// it expires. It is safe for concurrent use.
type Tokens struct {
	URL, ID, Secret string
	Scope           string // empty: none is asked for
	Clients         Clients
	Now             func() time.Time

	mu    stdsync.Mutex
	token Token
	until time.Time
}

// Token is what an authorization server gave.
type Token struct {
	Access      string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`   // seconds; zero: it does not say
	InstanceURL string `json:"instance_url"` // where Salesforce wants to be called
}

// unsaid is how long a token is used of which nobody said how long it holds.
const unsaid = 30 * time.Minute

// Get returns a token that holds. Its error is a *LaterError of all: credentials are an operator's to mend.
func (t *Tokens) Get(ctx context.Context) (Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	if t.token.Access != "" && now.Before(t.until) {
		return t.token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {t.ID}, "client_secret": {t.Secret}}
	if t.Scope != "" {
		form.Set("scope", t.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return Token{}, &LaterError{Code: "address", Reason: "the address of tokens is not a URL", All: true}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	answer, err := t.Clients.Call(req)
	if err != nil {
		return Token{}, err
	}
	var got Token
	if answer.Status == http.StatusOK {
		err = answer.Decode(&got)
	}
	switch {
	case answer.Status == http.StatusTooManyRequests || answer.Status >= http.StatusInternalServerError:
		return Token{}, answer.Judge(now)
	case answer.Status != http.StatusOK || err != nil || got.Access == "":
		return Token{}, &LaterError{Code: "token", Reason: "it gives no token for the client's credentials", After: 5 * time.Minute, All: true}
	}
	hold := unsaid
	if got.ExpiresIn > 0 {
		hold = time.Duration(got.ExpiresIn) * time.Second
	}
	t.token, t.until = got, now.Add(hold-min(hold/10, time.Minute))
	return got, nil
}

// Drop forgets a token that a system no longer accepts.
func (t *Tokens) Drop(used Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token.Access == used.Access {
		t.token = Token{}
	}
}
