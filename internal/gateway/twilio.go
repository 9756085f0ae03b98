package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// TwilioConfig says where the gateway forwards to.
type TwilioConfig struct {
	Upstream string // empty: https://api.twilio.com
	Now      func() time.Time

	// Schedule lets a message that quiet hours hold back be scheduled at Twilio for their end, where it goes through a
	// messaging service, as Twilio asks. Else it is refused; the header X-Consentline-Schedule asks for one message.
	Schedule bool

	// Callback returns the address at which Twilio is to tell what becomes of an account's message, so that we hear of
	// it too; application is the one that the application asked for, empty if it asked for none. Nil: that one stands.
	Callback func(account, application string) string

	// Unsent hears of each message that was allowed here and that Twilio refused with an error of its own, such as that
	// the person opted out there. It is told before the caller has the whole answer. Nil: nobody hears.
	Unsent func(context.Context, Unsent) error
}

// Unsent is a message that Twilio refused.
type Unsent struct {
	To            phone.Number
	From, Service string // the sender's address, or the messaging service; one may be empty
	Channel       consent.Channel
	Code          string // of Twilio's error dictionary
}

// Twilio is a handler that stands in for https://api.twilio.com.
type Twilio struct {
	gate     *Gate
	config   TwilioConfig
	upstream *url.URL
	proxy    *httputil.ReverseProxy
	known    credentials
}

// maxForm is the most that a message's or a call's form may have. Twilio's own limits are far below.
const maxForm = 1 << 20

// The headers by which an application can say what Twilio has no field for. They are not forwarded.
const (
	headerPurpose  = "X-Consentline-Purpose"
	headerBrand    = "X-Consentline-Brand"
	headerChannel  = "X-Consentline-Channel"
	headerSchedule = "X-Consentline-Schedule"
	headerReason   = "X-Consentline-Reason" // of our refusals
)

// NewTwilio returns the handler.
func NewTwilio(g *Gate, c TwilioConfig) (*Twilio, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if c.Upstream == "" {
		c.Upstream = "https://api.twilio.com"
	}
	u, err := url.Parse(c.Upstream)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("upstream %q: want a URL such as https://api.twilio.com", c.Upstream)
	}
	t := &Twilio{gate: g, config: c, upstream: u}
	transport := &http.Transport{
		// What the caller accepts is what the upstream is asked for, so that the answer passes as it is.
		DisableCompression:  true,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
	}
	t.proxy = &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = u.Host
			for _, h := range []string{headerPurpose, headerBrand, headerChannel, headerSchedule} {
				r.Out.Header.Del(h)
			}
		},
		ErrorHandler: t.unreached,
	}
	t.known.ask = func(r *http.Request) (*http.Response, error) { return transport.RoundTrip(r) }
	return t, nil
}

// ServeHTTP checks what creates a message or a call, and forwards it or refuses it. Everything else passes.
func (t *Twilio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := creates(r)
	if what == nothing {
		t.proxy.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		t.refuse(w, http.StatusBadRequest, codeBadRequest, "The body could not be read.", "body")
		return
	}
	form, err := readForm(r, body)
	if err != nil {
		t.refuse(w, http.StatusBadRequest, codeBadRequest, err.Error(), "form")
		return
	}
	channel, number, isNumber := destination(what, form.Get("To"), r.Header.Get(headerChannel))
	if !isNumber {
		t.forward(w, r, body)
		return
	}
	c := Contact{
		To: number, Senders: []string{form.Get("MessagingServiceSid"), address(form.Get("From"))}, Channel: channel,
		Brand: consent.BrandID(r.Header.Get(headerBrand)), Purpose: consent.PurposeID(r.Header.Get(headerPurpose)),
	}
	if at := form.Get("SendAt"); at != "" {
		if c.At, err = time.Parse(time.RFC3339, at); err != nil {
			t.refuse(w, http.StatusBadRequest, codeBadRequest, "SendAt is not a time in ISO 8601.", "form")
			return
		}
	}
	ruling, err := t.gate.Decide(r.Context(), c)
	if err == nil && (ruling.Outcome == check.Allow || ruling.Open) {
		if what == message {
			body = t.heard(r, form, body)
		}
		t.create(w, r, body, c, ruling)
		return
	}
	t.hold(w, r, form, c, ruling, err)
}

// hold schedules or refuses what may not go out now. Nobody who cannot send learns anything of the person.
func (t *Twilio) hold(w http.ResponseWriter, r *http.Request, form url.Values, c Contact, ruling Ruling, err error) {
	if !t.credible(w, r) {
		return
	}
	switch {
	case errors.Is(err, ErrUnknownPurpose):
		t.refuse(w, http.StatusBadRequest, codeUnsubscribed, err.Error(), "unknown_purpose")
	case err != nil:
		t.gate.Log.ErrorContext(r.Context(), "a contact could not be judged", "error", err)
		t.refuse(w, http.StatusServiceUnavailable, codeUnavailable, "The contact could not be judged.", "error")
	case ruling.Code == check.Stale:
		t.refuse(w, http.StatusServiceUnavailable, codeUnavailable, "Whether the contact is allowed is not known at this moment. Try again.", ruling.Code.String())
	case ruling.Code == check.InvalidNumber:
		t.refuse(w, http.StatusBadRequest, codeInvalidTo, "The 'To' number is not a valid phone number.", ruling.Code.String())
	case ruling.Outcome == check.Defer && t.schedules(r, form) && t.schedule(w, r, form, c, ruling):
	case ruling.Outcome == check.Defer:
		t.refuse(w, http.StatusBadRequest, codeQuietHours, "The message may not be sent before "+ruling.Next.UTC().Format(time.RFC3339)+".", ruling.Code.String())
	default:
		t.refuse(w, http.StatusBadRequest, codeUnsubscribed, "Attempt to send to unsubscribed recipient.", ruling.Code.String())
	}
}

func (t *Twilio) schedules(r *http.Request, form url.Values) bool {
	return (t.config.Schedule || r.Header.Get(headerSchedule) != "") && form.Get("MessagingServiceSid") != "" && form.Get("SendAt") == ""
}

// Twilio takes messages that are scheduled at least 15 minutes and at most 35 days ahead.
const (
	leastAhead = 16 * time.Minute
	mostAhead  = 35 * 24 * time.Hour
)

// schedule forwards the message for the moment at which it may go out, if the check allows that moment.
func (t *Twilio) schedule(w http.ResponseWriter, r *http.Request, form url.Values, c Contact, ruling Ruling) bool {
	now := t.config.Now()
	c.At = ruling.Next
	if soonest := now.Add(leastAhead); c.At.Before(soonest) {
		c.At = soonest
	}
	if c.At.After(now.Add(mostAhead)) {
		return false
	}
	then, err := t.gate.Decide(r.Context(), c)
	if err != nil || then.Outcome != check.Allow {
		return false
	}
	form.Set("ScheduleType", "fixed")
	form.Set("SendAt", c.At.UTC().Format(time.RFC3339))
	t.create(w, r, t.heard(r, form, []byte(form.Encode())), c, then)
	return true
}

// heard returns the message's form with the address at which we hear what becomes of it, if we are to.
func (t *Twilio) heard(r *http.Request, form url.Values, body []byte) []byte {
	if t.config.Callback == nil {
		return body
	}
	asked := form.Get("StatusCallback")
	address := t.config.Callback(accountOf(r.URL.Path), asked)
	if address == asked {
		return body
	}
	form.Set("StatusCallback", address)
	return []byte(form.Encode())
}

// forward sends the request on, with its body as it was read.
func (t *Twilio) forward(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	t.proxy.ServeHTTP(w, r)
}

// what a request creates
type creation uint8

const (
	nothing creation = iota
	message
	voice
)

// creates says what a request creates, however its path is written: Twilio takes several spellings, and one that
// slipped past would go out unchecked.
func creates(r *http.Request) creation {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return nothing
	}
	parts := strings.Split(strings.ToLower(strings.Trim(path.Clean("/"+r.URL.Path), "/")), "/")
	last := parts[len(parts)-1]
	for _, suffix := range []string{".json", ".xml", ".csv"} {
		last = strings.TrimSuffix(last, suffix)
	}
	if !slices.Contains(parts, "accounts") {
		return nothing
	}
	switch last {
	case "messages":
		return message
	case "calls", "participants": // of a conference, which calls them
		return voice
	}
	return nothing
}

// readHere are the parameters that are read here, as Twilio writes them.
var readHere = []string{"To", "From", "MessagingServiceSid", "SendAt", "StatusCallback"}

// readForm reads the parameters. What could be read in two ways is refused, since Twilio might read the other.
func readForm(r *http.Request, body []byte) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, errors.New("the body must be application/x-www-form-urlencoded")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, errors.New("the body must not be encoded")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the form cannot be decoded")
	}
	seen := map[string]bool{}
	for name, values := range form {
		key := strings.ToLower(name)
		switch key {
		case "to", "from", "messagingservicesid", "sendat", "statuscallback":
			if len(values) > 1 || seen[key] || !slices.Contains(readHere, name) {
				return nil, fmt.Errorf("the parameter %s is ambiguous", key)
			}
			seen[key] = true
		}
	}
	if r.URL.RawQuery != "" {
		return nil, errors.New("parameters belong into the body, not into the URL")
	}
	return form, nil
}

// destination reads To. It reports false for what is no number: a client, a SIP address, a page.
func destination(what creation, to, asked string) (consent.Channel, string, bool) {
	channel := consent.SMS
	if what == voice {
		// A call that a program places is autodialled, unless the application says that a person does.
		if channel = consent.VoiceAuto; asked == consent.VoiceLive.String() {
			channel = consent.VoiceLive
		}
	}
	scheme, rest, ok := strings.Cut(to, ":")
	if !ok {
		return channel, to, true
	}
	switch strings.ToLower(scheme) {
	case "whatsapp":
		return consent.WhatsApp, rest, true
	case "rcs", "tel", "sms":
		return channel, rest, true
	case "client", "sip", "sips", "messenger", "channel", "app":
		return channel, "", false
	}
	return channel, to, true // whatever it is: if it is no number it is refused
}

func address(from string) string {
	if scheme, rest, ok := strings.Cut(from, ":"); ok && strings.EqualFold(scheme, "whatsapp") {
		return rest
	}
	return from
}
