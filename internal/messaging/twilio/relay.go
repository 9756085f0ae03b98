package twilio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/messaging"
)

// relayTime bounds one attempt to reach the application: Twilio itself waits for 15 seconds.
const relayTime = 10 * time.Second

// The parameters of our address that say to whom a callback is to be relayed, and that we said so.
const (
	paramRelay = "relay"
	paramProof = "proof"
)

// Sign returns the signature that Twilio gives a callback: HMAC-SHA1 over the URL and the parameters, sorted by name.
func Sign(token, rawURL string, form url.Values) string {
	return messaging.SHA1Base64(token, rawURL, signedParams(form))
}

// signedParams is the parameters as they are signed.
func signedParams(form url.Values) string {
	var params strings.Builder
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range slices.Compact(slices.Sorted(slices.Values(form[name]))) {
			params.WriteString(name + v)
		}
	}
	return params.String()
}

// CallbackFor returns the address at which Twilio is to tell what became of a message, so that we hear of it and relay
// it to the application's own address; an empty one is told nothing. Here is our callback's address.
func (p *Provider) CallbackFor(here, application string) string {
	if application == "" {
		return here
	}
	return here + "?" + url.Values{paramRelay: {application}, paramProof: {p.proof(application)}}.Encode()
}

// proof shows that we wrote an address into ours: nobody else makes us call addresses of their choice.
func (p *Provider) proof(application string) string {
	return messaging.SHA256Hex(p.config.AuthToken, "relay to ", application)
}

// application returns where a callback is to be relayed to; empty for nowhere.
func (p *Provider) application(r *messaging.Request, form url.Values) string {
	q := r.Query()
	if to := q.Get(paramRelay); to != "" {
		if messaging.Equal(q.Get(paramProof), p.proof(to)) {
			return to
		}
		return ""
	}
	ours := form.Get("To")
	if status := form.Get("MessageStatus"); status != "" && !inbound(status) {
		ours = form.Get("From") // a receipt of our own message
	}
	for _, name := range []string{form.Get("MessagingServiceSid"), ours, "*"} {
		if to, ok := p.config.Relay[name]; ok && name != "" {
			return to
		}
	}
	return ""
}

// inbound reports whether a status is that of a message from a person.
func inbound(status string) bool { return status == "received" || status == "receiving" }

// relay posts a callback to the application, signed as Twilio signs it. What the application answers is not passed on:
// what it wants to send goes through the gateway.
func (p *Provider) relay(to string, form url.Values) error {
	ctx, cancel := context.WithTimeout(context.Background(), relayTime)
	defer cancel()
	if u, err := url.Parse(to); err == nil && u.Path == "" {
		u.Path = "/" // as it is requested, and so as the application sees it
		to = u.String()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("%w: its address is not a URL", messaging.ErrNotRelayed)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	req.Header.Set("X-Twilio-Signature", Sign(p.config.AuthToken, to, form))
	res, err := p.endpoint.Client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: it does not answer", messaging.ErrNotRelayed) // the error's own text holds the address
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%w: it answered with status %d", messaging.ErrNotRelayed, res.StatusCode)
	}
	return nil
}

// checkRelay refuses addresses that nothing can be relayed to.
func checkRelay(relay map[string]string) error {
	for name, to := range relay {
		if u, err := url.Parse(to); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return fmt.Errorf("twilio: relay %q: want a URL such as https://app.example.com/sms", name)
		}
		if name == "" {
			return errors.New("twilio: relay: name a sender's address, a messaging service, or * for all others")
		}
	}
	return nil
}
