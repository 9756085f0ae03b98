package vonage

import (
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// signatures are the methods that an account can choose. MD5 and SHA-1 are what Vonage offers; choose sha256 or sha512.
var signatures = map[string]func() hash.Hash{
	"md5hash": nil, "md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New,
}

// Sign returns the signature of parameters under a method, in lower-case hex; "sig" itself takes no part.
func Sign(method, secret string, params url.Values) string {
	names := make([]string, 0, len(params))
	for name := range params {
		if name != "sig" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var text strings.Builder
	clean := strings.NewReplacer("&", "_", "=", "_")
	for _, name := range names {
		text.WriteString("&" + name + "=" + clean.Replace(params.Get(name)))
	}
	if newHash := signatures[method]; newHash != nil {
		return hex.EncodeToString(messaging.MAC(newHash, secret, text.String()))
	}
	sum := md5.Sum([]byte(text.String() + secret))
	return hex.EncodeToString(sum[:])
}

// receiveSMS reads a callback of the SMS API: parameters in the query, a form or a flat JSON object.
func (p *Provider) receiveSMS(r messaging.Request) (messaging.Delivery, error) {
	params, err := parameters(r)
	if err != nil {
		return messaging.Delivery{}, err
	}
	if params.Get("sig") == "" {
		return messaging.Delivery{}, messaging.ErrUnsigned
	}
	if !messaging.Equal(strings.ToLower(params.Get("sig")), Sign(p.config.SignatureMethod, p.config.SignatureSecret, params)) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	if err := messaging.Fresh(messaging.Unix(params.Get("timestamp")), r.At); err != nil {
		return messaging.Delivery{}, err
	}
	events, err := smsEvents(params)
	return messaging.Delivery{Events: events, Answer: messaging.Answer{Status: http.StatusOK}}, err
}

func parameters(r messaging.Request) (url.Values, error) {
	switch {
	case r.Method == http.MethodGet:
		return r.Query(), nil
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return r.Form()
	}
	var fields map[string]json.RawMessage
	if err := messaging.Decode(r.Body, &fields); err != nil {
		return nil, err
	}
	params := url.Values{}
	for name, raw := range fields {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw) // a number or a boolean, as it is written
		}
		params.Set(name, text)
	}
	return params, nil
}

func smsEvents(params url.Values) ([]messaging.Event, error) {
	e := messaging.Event{
		ID: params.Get("messageId"), Number: messaging.Plus(params.Get("msisdn")), Sender: messaging.Plus(params.Get("to")),
		Channel: consent.SMS, Text: params.Get("text"), At: smsTime(params.Get("message-timestamp")),
	}
	if e.ID == "" {
		e.ID = params.Get("message-id")
	}
	if e.ID == "" || e.Number == "" {
		return nil, &messaging.MalformedError{Why: "it has no messageId or msisdn"}
	}
	if status := params.Get("status"); status != "" {
		e.Code = params.Get("err-code")
		if !receipt(&e, status) {
			return nil, nil
		}
	}
	return []messaging.Event{e}, nil
}

func smsTime(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// applicationToken is what opens the Messages API for an application: a token signed with RS256 (RFC 7518, section 3.3).
func applicationToken(key *rsa.PrivateKey, application string, now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{
		"application_id": application, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text(),
	})
	if err != nil {
		return "", fmt.Errorf("write the token: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
