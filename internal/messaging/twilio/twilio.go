// Package twilio sends through Twilio's Programmable Messaging and reads its callbacks, as forms and as JSON.
//
// It follows Twilio's documents "Message resource", "Validating requests" and "Error and warning dictionary". It stores
// nothing.
package twilio

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "twilio"

// Config is an account at Twilio.
type Config struct {
	AccountSID string `json:"account_sid"`
	AuthToken  string `json:"auth_token"` // signs callbacks, and opens the API unless a key is given

	// APIKey and APISecret open the API in place of the auth token.
	APIKey    string `json:"api_key,omitempty"`
	APISecret string `json:"api_secret,omitempty"`

	BaseURL     string `json:"base_url,omitempty"`     // empty: https://api.twilio.com
	CallbackURL string `json:"callback_url,omitempty"` // where delivery receipts are sent; empty: nowhere

	// Relay is where the application hears what Twilio tells us, by the address or the messaging service that it is
	// about; "*" stands for all others. Each callback that is relayed is signed anew, as Twilio signs.
	Relay map[string]string `json:"relay,omitempty"`
}

// Provider is Twilio. It implements messaging.Messenger and messaging.Receiver.
type Provider struct {
	config   Config
	endpoint messaging.Endpoint
}

// New returns the provider; it needs the account's SID and its auth token.
func New(c Config) (*Provider, error) {
	if c.AccountSID == "" || c.AuthToken == "" {
		return nil, errors.New("twilio: account_sid and auth_token are needed: callbacks are signed with the auth token")
	}
	if err := checkRelay(c.Relay); err != nil {
		return nil, err
	}
	return &Provider{c, messaging.NewEndpoint(Name, c.BaseURL, "https://api.twilio.com")}, nil
}

// reasons are the codes of Twilio's error dictionary that say more than their status.
var reasons = map[string]messaging.Reason{
	"21610": messaging.OptedOut,
	"63033": messaging.OptedOut, // WhatsApp: the person stopped messages of this business
	"21211": messaging.InvalidNumber,
	"21214": messaging.InvalidNumber,
	"21217": messaging.InvalidNumber,
	"21401": messaging.InvalidNumber,
	"21421": messaging.InvalidNumber,
	"21614": messaging.InvalidNumber,
	"14107": messaging.RateLimited,
	"20429": messaging.RateLimited,
	"21611": messaging.RateLimited, // the sender's queue is full
	"63018": messaging.RateLimited,
}

// Send creates a Message resource.
func (p *Provider) Send(ctx context.Context, m messaging.Message) (messaging.Receipt, error) {
	form := url.Values{"To": {address(m.Channel, m.To.WithoutExtension().String())}, "Body": {m.Text}}
	if strings.HasPrefix(m.From, "MG") {
		form.Set("MessagingServiceSid", m.From)
	} else {
		form.Set("From", address(m.Channel, m.From))
	}
	if p.config.CallbackURL != "" {
		form.Set("StatusCallback", p.config.CallbackURL)
	}
	user, secret := p.config.APIKey, p.config.APISecret
	if user == "" {
		user, secret = p.config.AccountSID, p.config.AuthToken
	}
	path := "/2010-04-01/Accounts/" + url.PathEscape(p.config.AccountSID) + "/Messages.json"
	res, err := p.endpoint.PostForm(ctx, path, form, func(r *http.Request) { r.SetBasicAuth(user, secret) })
	if err != nil {
		return messaging.Receipt{}, err
	}
	var answer struct {
		SID  string `json:"sid"`
		Code int    `json:"code"`
	}
	res.Decode(&answer)
	return messaging.Receipt{ID: answer.SID}, p.endpoint.Judge(res, code(answer.Code), reasons)
}

func code(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// whatsApp goes before a number that is meant on WhatsApp.
const whatsApp = "whatsapp:"

func address(c consent.Channel, number string) string {
	if c == consent.WhatsApp && !strings.HasPrefix(number, whatsApp) {
		return whatsApp + number
	}
	return number
}

// Receive reads a message, a status or an inbound event.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	if isJSON(r.Header) {
		return p.receiveJSON(r)
	}
	form, err := r.Form()
	if err != nil {
		return messaging.Delivery{}, err
	}
	if r.Method == http.MethodGet {
		form = url.Values{}
	}
	if !Verify(p.config.AuthToken, r.URL, form, r.Header.Get("X-Twilio-Signature")) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	if r.Method == http.MethodGet {
		form = r.Query()
		form.Del(paramRelay)
		form.Del(paramProof)
	}
	events, err := eventsOf(form.Get)
	// An empty TwiML document: Twilio sends nothing back by itself.
	d := messaging.Delivery{Events: events, Answer: messaging.Answer{
		Status: http.StatusOK, Type: "text/xml", Body: `<?xml version="1.0" encoding="UTF-8"?><Response></Response>`,
	}}
	if to := p.application(&r, form); to != "" {
		d.After = func() error { return p.relay(to, form) }
	}
	return d, err
}

func isJSON(h http.Header) bool { return strings.HasPrefix(h.Get("Content-Type"), "application/json") }

// Verify reports whether a signature is that of a callback: HMAC-SHA1 over the URL and the parameters, sorted by name.
// Like Twilio's own validators it takes the URL with and without its port.
func Verify(token, rawURL string, form url.Values, signature string) bool {
	params := signedParams(form)
	held := false
	for _, u := range spellings(rawURL) {
		if messaging.Equal(signature, messaging.SHA1Base64(token, u, params)) {
			held = true
		}
	}
	return held
}

// spellings are the ways in which Twilio may have written the URL: as it is, with the port it implies, without its port.
func spellings(rawURL string) []string {
	out := []string{rawURL}
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return out
	}
	scheme, rest, _ := strings.Cut(rawURL, "://")
	host := u.Host
	tail := rest[strings.Index(rest, host)+len(host):]
	if u.Port() != "" {
		return append(out, scheme+"://"+strings.TrimSuffix(host, ":"+u.Port())+tail)
	}
	port := "443"
	if scheme == "http" {
		port = "80"
	}
	return append(out, scheme+"://"+host+":"+port+tail)
}

// receiveJSON reads a callback whose body is JSON: then the URL alone is signed, and holds the body's hash.
func (p *Provider) receiveJSON(r messaging.Request) (messaging.Delivery, error) {
	sum := r.Query().Get("bodySHA256")
	if !Verify(p.config.AuthToken, r.URL, nil, r.Header.Get("X-Twilio-Signature")) ||
		!messaging.Equal(strings.ToLower(sum), messaging.BodyHash(r.Body)) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	if strings.HasPrefix(strings.TrimSpace(string(r.Body)), "[") {
		return cloudEvents(r.Body)
	}
	var fields map[string]any
	if err := messaging.Decode(r.Body, &fields); err != nil {
		return messaging.Delivery{}, err
	}
	events, err := eventsOf(func(name string) string {
		switch v := fields[name].(type) {
		case string:
			return v
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return ""
	})
	return messaging.Delivery{Events: events}, err
}
