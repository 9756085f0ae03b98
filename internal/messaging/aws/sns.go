package aws

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/messaging"
)

// window is for how long a notification counts: the service repeats one that was not taken for up to an hour.
const window = time.Hour

// notification is what the service posts (document "Parsing Amazon SNS message formats").
type notification struct {
	Type             string
	MessageID        string `json:"MessageId"`
	TopicARN         string `json:"TopicArn"`
	Subject          *string
	Message          string
	Timestamp        string
	SignatureVersion string
	Signature        string
	SigningCertURL   string
	SubscribeURL     string
	Token            string
}

// signed is the text that the signature is over: names and values in lines, sorted by name.
func (n *notification) signed() string {
	pairs := []string{"Message", n.Message, "MessageId", n.MessageID}
	if n.Type == "Notification" {
		if n.Subject != nil {
			pairs = append(pairs, "Subject", *n.Subject)
		}
	} else {
		pairs = append(pairs, "SubscribeURL", n.SubscribeURL)
	}
	pairs = append(pairs, "Timestamp", n.Timestamp)
	if n.Type != "Notification" {
		pairs = append(pairs, "Token", n.Token)
	}
	pairs = append(pairs, "TopicArn", n.TopicARN, "Type", n.Type)
	return strings.Join(pairs, "\n") + "\n"
}

// ownHost is the only kind of host that certificates and confirmations may be fetched from: the text that names it has
// not been verified when it is used.
var ownHost = regexp.MustCompile(`^sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?$`)

func pinned(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "https" && u.User == nil && u.Port() == "" && ownHost.MatchString(u.Host)
}

// Receive verifies and reads a notification. That of a new subscription is confirmed if its topic is configured.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	var n notification
	if err := messaging.Decode(r.Body, &n); err != nil {
		return messaging.Delivery{}, messaging.ErrBadSignature // what cannot be read cannot be verified
	}
	if !slices.Contains(p.config.TopicARNs, n.TopicARN) {
		return messaging.Delivery{}, messaging.ErrBadSignature // signed by the service, for somebody else
	}
	if err := p.verify(&n, r.At); err != nil {
		return messaging.Delivery{}, err
	}
	at := messaging.RFC3339(n.Timestamp)
	if at.IsZero() || at.Before(r.At.Add(-window)) || at.After(r.At.Add(messaging.Window)) {
		return messaging.Delivery{}, messaging.ErrReplayed
	}
	d := messaging.Delivery{Answer: messaging.Answer{Status: http.StatusOK}}
	var err error
	switch n.Type {
	case "SubscriptionConfirmation":
		d.After = func() error { return p.confirm(n.SubscribeURL) }
	case "Notification":
		d.Events, err = eventsOf(n.Message, at)
	}
	return d, err
}

func (p *Provider) verify(n *notification, now time.Time) error {
	signature, err := base64.StdEncoding.DecodeString(n.Signature)
	if err != nil || !pinned(n.SigningCertURL) || !strings.HasSuffix(n.SigningCertURL, ".pem") {
		return messaging.ErrBadSignature
	}
	key, err := p.certificates.key(n.SigningCertURL, now)
	if err != nil {
		return err
	}
	switch n.SignatureVersion {
	case "1":
		sum := sha1.Sum([]byte(n.signed()))
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
	case "2":
		sum := sha256.Sum256([]byte(n.signed()))
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	default:
		err = errors.New("unknown version")
	}
	if err != nil {
		return messaging.ErrBadSignature
	}
	return nil
}

func (p *Provider) confirm(raw string) error {
	if !pinned(raw) {
		return messaging.ErrBadSignature
	}
	_, err := p.fetch(raw)
	return err
}

// certificates keeps the keys of certificates that were fetched. There are few, and their URLs never change content.
type certificates struct {
	fetch func(url string) ([]byte, error)

	mu    sync.Mutex
	known map[string]*x509.Certificate
}

// maxCertificates bounds how many are kept, since anybody can name new URLs on the pinned host.
const maxCertificates = 64

// key returns the public key of a certificate. That it cannot be fetched is an error of ours, and no bad signature.
func (c *certificates) key(url string, now time.Time) (*rsa.PublicKey, error) {
	c.mu.Lock()
	cert := c.known[url]
	c.mu.Unlock()
	if cert == nil {
		raw, err := c.fetch(url)
		if err != nil {
			return nil, fmt.Errorf("fetch the signing certificate: %w", err)
		}
		block, _ := pem.Decode(raw)
		if block == nil {
			return nil, messaging.ErrBadSignature
		}
		if cert, err = x509.ParseCertificate(block.Bytes); err != nil {
			return nil, messaging.ErrBadSignature
		}
		c.mu.Lock()
		if len(c.known) >= maxCertificates {
			clear(c.known)
		}
		c.known[url] = cert
		c.mu.Unlock()
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok || now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return nil, messaging.ErrBadSignature
	}
	return key, nil
}

// get fetches a small document from a pinned URL.
func get(client *http.Client) func(string) ([]byte, error) {
	return func(raw string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, nil)
		if err != nil {
			return nil, errors.New("the address is not a URL")
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, errors.New("no answer")
		}
		defer func() { _ = res.Body.Close() }() // nothing was written to it
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("status %d", res.StatusCode)
		}
		return io.ReadAll(io.LimitReader(res.Body, 64<<10))
	}
}
