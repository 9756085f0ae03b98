// Package providers makes the providers that an operator has configured, and says which one sends for which sender.
//
// It stores nothing. Secrets come from the configuration and are never part of an error.
package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/aws"
	"github.com/consentline/consentline/internal/messaging/bird"
	"github.com/consentline/consentline/internal/messaging/filelog"
	"github.com/consentline/consentline/internal/messaging/generic"
	"github.com/consentline/consentline/internal/messaging/infobip"
	"github.com/consentline/consentline/internal/messaging/plivo"
	"github.com/consentline/consentline/internal/messaging/sinch"
	"github.com/consentline/consentline/internal/messaging/smpp"
	"github.com/consentline/consentline/internal/messaging/telnyx"
	"github.com/consentline/consentline/internal/messaging/twilio"
	"github.com/consentline/consentline/internal/messaging/vonage"
	"github.com/consentline/consentline/internal/messaging/whatsapp"
)

// Config names the providers. Those that are not named are not there; the zero value sends into a file.
type Config struct {
	// PublicURL is how providers reach this server, such as https://consent.example.com. Several sign the URL that they
	// call, so a wrong one makes their signatures fail.
	PublicURL string `json:"public_url,omitempty"`

	// Default is the provider that sends for senders that Senders does not name. Empty: the file of messages.
	Default string `json:"default,omitempty"`
	// Senders names the provider of each sender, by the sender's ID.
	Senders map[string]string `json:"senders,omitempty"`

	Twilio   *twilio.Config   `json:"twilio,omitempty"`
	Vonage   *vonage.Config   `json:"vonage,omitempty"`
	Telnyx   *telnyx.Config   `json:"telnyx,omitempty"`
	Plivo    *plivo.Config    `json:"plivo,omitempty"`
	Sinch    *sinch.Config    `json:"sinch,omitempty"`
	Infobip  *infobip.Config  `json:"infobip,omitempty"`
	Bird     *bird.Config     `json:"bird,omitempty"`
	AWS      *aws.Config      `json:"aws,omitempty"`
	WhatsApp *whatsapp.Config `json:"whatsapp,omitempty"`
	SMPP     *smpp.Config     `json:"smpp,omitempty"`
	Generic  *generic.Config  `json:"generic,omitempty"`
}

// Decode reads a configuration, or what embeds one, from JSON. Members that are not known are errors, since a misspelt
// secret is no secret.
func Decode(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("messaging configuration: %w", err)
	}
	return nil
}

// Set is the providers that there are. It is immutable and safe for concurrent use.
type Set struct {
	config     Config
	base       string
	messengers map[string]messaging.Messenger
	receivers  map[string]messaging.Receiver
	client     *smpp.Client
	file       messaging.Messenger
}

// New makes the configured providers. What has no provider, and what a provider that cannot send would have to send,
// goes into the file.
func New(c Config, file messaging.Messenger, now func() time.Time) (*Set, error) {
	s := &Set{
		config: c, base: strings.TrimRight(c.PublicURL, "/"), file: file,
		messengers: map[string]messaging.Messenger{filelog.Name: file}, receivers: map[string]messaging.Receiver{},
	}
	if u, err := url.Parse(s.base); err != nil || s.base != "" && (u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return nil, errors.New("public_url: want a URL such as https://consent.example.com")
	}
	err := errors.Join(
		add(s, twilio.Name, c.Twilio, twilio.New),
		add(s, vonage.Name, c.Vonage, func(v vonage.Config) (*vonage.Provider, error) { return vonage.New(v, now) }),
		add(s, telnyx.Name, c.Telnyx, telnyx.New),
		add(s, plivo.Name, c.Plivo, plivo.New),
		add(s, sinch.Name, c.Sinch, sinch.New),
		add(s, infobip.Name, c.Infobip, infobip.New),
		add(s, bird.Name, c.Bird, bird.New),
		add(s, aws.Name, c.AWS, func(v aws.Config) (*aws.Provider, error) { return aws.New(v, now) }),
		add(s, whatsapp.Name, c.WhatsApp, whatsapp.New),
		add(s, generic.Name, c.Generic, generic.New),
		add(s, smpp.Name, c.SMPP, func(v smpp.Config) (*smpp.Client, error) {
			client, err := smpp.New(v)
			s.client = client
			return client, err
		}),
	)
	for _, name := range append([]string{c.Default}, values(c.Senders)...) {
		if _, ok := s.messengers[name]; !ok && name != "" {
			err = errors.Join(err, fmt.Errorf("provider %q is not configured, or cannot send", name))
		}
	}
	return s, err
}

func values(m map[string]string) (out []string) {
	for _, v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// add makes one provider, if it is configured.
func add[C, P any](s *Set, name string, c *C, make func(C) (P, error)) error {
	if c == nil {
		return nil
	}
	p, err := make(*c)
	if err != nil {
		return err
	}
	if m, ok := any(p).(messaging.Messenger); ok {
		s.messengers[name] = m
	}
	if r, ok := any(p).(messaging.Receiver); ok {
		s.receivers[name] = r
	}
	return nil
}

// Messenger returns what sends for a provider; for one that cannot send, the configured default or else the file.
func (s *Set) Messenger(provider string) messaging.Messenger {
	for _, name := range []string{provider, s.config.Default} {
		if m, ok := s.messengers[name]; ok {
			return m
		}
	}
	return s.file
}

// ProviderOf returns the name of the provider that sends for a sender.
func (s *Set) ProviderOf(sender catalog.Sender) string {
	if name, ok := s.config.Senders[sender.ID]; ok {
		return name
	}
	if s.config.Default != "" {
		return s.config.Default
	}
	return filelog.Name
}

// Receiver returns what reads a provider's callbacks; ok is false for a provider that is not configured.
func (s *Set) Receiver(provider string) (r messaging.Receiver, ok bool) {
	r, ok = s.receivers[provider]
	return r, ok
}

// URL returns the public URL of a request, as its provider signed it. Without a configured address it is made from the
// host that the request names, which is right where no proxy changes it.
func (s *Set) URL(scheme, host, uri string) string {
	if s.base != "" {
		return s.base + uri
	}
	return scheme + "://" + host + uri
}

// SMPP returns the client of the SMSC, which must be connected for what people write to arrive; nil without one.
func (s *Set) SMPP() *smpp.Client { return s.client }

// String says which providers there are, without any secret.
func (s *Set) String() string {
	var b bytes.Buffer
	for i, name := range slices.Sorted(keys(s)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
	}
	return b.String()
}

func keys(s *Set) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range s.messengers {
			if !yield(name) {
				return
			}
		}
		for name := range s.receivers {
			if _, both := s.messengers[name]; !both && !yield(name) {
				return
			}
		}
	}
}
