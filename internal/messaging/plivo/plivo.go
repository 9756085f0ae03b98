// Package plivo sends through Plivo's Message API and reads its callbacks, signed by the scheme that Plivo calls V3.
//
// It follows Plivo's documents "Message API", "Receive message" and "Signature validation". Its signatures carry no
// time, so a callback can be repeated; the event's ID makes that harmless. It stores nothing.
package plivo

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "plivo"

// Config is an account at Plivo.
type Config struct {
	AuthID    string `json:"auth_id"`
	AuthToken string `json:"auth_token"`
	BaseURL   string `json:"base_url,omitempty"` // empty: https://api.plivo.com

	// CallbackURL is where delivery receipts are sent; empty: nowhere.
	CallbackURL string `json:"callback_url,omitempty"`
}

// Provider is Plivo. It implements messaging.Messenger and messaging.Receiver.
type Provider struct {
	config   Config
	endpoint messaging.Endpoint
}

// New returns the provider; it needs the account's auth ID and auth token.
func New(c Config) (*Provider, error) {
	if c.AuthID == "" || c.AuthToken == "" {
		return nil, errors.New("plivo: auth_id and auth_token are needed")
	}
	return &Provider{c, messaging.NewEndpoint(Name, c.BaseURL, "https://api.plivo.com")}, nil
}

// reasons are the codes of Plivo's "Messaging error codes" that say more than their status.
var reasons = map[string]messaging.Reason{"200": messaging.OptedOut, "50": messaging.InvalidNumber, "40": messaging.InvalidNumber}

// Send creates a message. A person who opted out at Plivo is told of later, by a receipt with code 200.
func (p *Provider) Send(ctx context.Context, m messaging.Message) (messaging.Receipt, error) {
	body := map[string]string{"dst": m.To.WithoutExtension().String(), "text": m.Text}
	if len(m.From) == 36 && strings.Count(m.From, "-") == 4 {
		body["powerpack_uuid"] = m.From
	} else {
		body["src"] = m.From
	}
	if m.Channel == consent.WhatsApp {
		body["type"] = "whatsapp"
	}
	if p.config.CallbackURL != "" {
		body["url"] = p.config.CallbackURL
	}
	path := "/v1/Account/" + url.PathEscape(p.config.AuthID) + "/Message/"
	res, err := p.endpoint.PostJSON(ctx, path, body, func(r *http.Request) { r.SetBasicAuth(p.config.AuthID, p.config.AuthToken) })
	if err != nil {
		return messaging.Receipt{}, err
	}
	var answer struct {
		IDs []string `json:"message_uuid"`
	}
	res.Decode(&answer)
	var receipt messaging.Receipt
	if len(answer.IDs) > 0 {
		receipt.ID = answer.IDs[0]
	}
	return receipt, p.endpoint.Judge(res, "", nil)
}

// Receive verifies and reads a callback, sent with POST or GET.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	form := url.Values{}
	if r.Method != http.MethodGet {
		var err error
		if form, err = r.Form(); err != nil {
			return messaging.Delivery{}, err
		}
	}
	nonce := r.Header.Get("X-Plivo-Signature-V3-Nonce")
	// The main account's signature stands beside that of the subaccount that the number belongs to.
	list := r.Header.Get("X-Plivo-Signature-V3") + "," + r.Header.Get("X-Plivo-Signature-Ma-V3")
	if nonce == "" || !Verify(p.config.AuthToken, r.URL, nonce, list, form) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	if r.Method == http.MethodGet {
		form = r.Query()
	}
	events, err := eventsOf(form)
	return messaging.Delivery{Events: events, Answer: messaging.Answer{Status: http.StatusOK}}, err
}

// Verify reports whether one of the signatures in a list is that of a callback: HMAC-SHA256 over the URL with its query
// sorted, the parameters sorted, and the nonce.
func Verify(token, rawURL, nonce, list string, form url.Values) bool {
	held := false
	for _, signed := range spellings(rawURL, form) {
		want := messaging.SHA256Base64(token, signed, ".", nonce)
		for signature := range strings.SplitSeq(list, ",") {
			if messaging.Equal(strings.TrimSpace(signature), want) {
				held = true
			}
		}
	}
	return held
}

// spellings are what may have been signed: Plivo's libraries differ in whether values of the query are decoded first.
func spellings(rawURL string, form url.Values) []string {
	base, query, _ := strings.Cut(rawURL, "?")
	var raw, decoded []string
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			raw = append(raw, name+"="+value)
			if plain, err := url.QueryUnescape(value); err == nil {
				decoded = append(decoded, name+"="+plain)
			}
		}
	}
	var params strings.Builder
	for _, name := range sortedNames(form) {
		for _, v := range slices.Sorted(slices.Values(form[name])) {
			params.WriteString(name + v)
		}
	}
	out := make([]string, 0, 2)
	for _, q := range [][]string{raw, decoded} {
		slices.Sort(q)
		text := base
		if len(q) > 0 || len(form) > 0 {
			text += "?"
		}
		text += strings.Join(q, "&")
		if len(q) > 0 && len(form) > 0 {
			text += "."
		}
		out = append(out, text+params.String())
	}
	return out
}

func sortedNames(form url.Values) []string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// eventsOf reads a message, or the receipt of one of ours, which has a status and names the person in To.
func eventsOf(form url.Values) ([]messaging.Event, error) {
	e := messaging.Event{
		ID: form.Get("MessageUUID"), Number: messaging.Plus(form.Get("From")), Sender: messaging.Plus(form.Get("To")),
		Service: form.Get("PowerpackUUID"), Channel: consent.SMS, Text: form.Get("Text"),
	}
	if form.Get("Type") == "whatsapp" {
		e.Channel, e.Text = consent.WhatsApp, form.Get("Body")
	}
	if e.ID == "" || e.Number == "" {
		return nil, &messaging.MalformedError{Why: "it has no MessageUUID or From"}
	}
	status := form.Get("Status")
	if status == "" {
		return []messaging.Event{e}, nil
	}
	e.Number, e.Sender, e.Text, e.Code = e.Sender, e.Number, "", form.Get("ErrorCode")
	if _, err := strconv.Atoi(e.Code); err != nil {
		e.Code = ""
	}
	switch {
	case status == "delivered" || status == "read":
		e.Kind = messaging.Delivered
	case status != "failed" && status != "undelivered" && status != "rejected":
		return nil, nil
	case reasons[e.Code] == messaging.OptedOut:
		e.Kind = messaging.OptedOutThere
	default:
		e.Kind = messaging.Failed
	}
	return []messaging.Event{e}, nil
}
