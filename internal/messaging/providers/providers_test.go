package providers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/messaging"
)

type file struct{}

func (file) Send(context.Context, messaging.Message) (messaging.Receipt, error) {
	return messaging.Receipt{}, nil
}

const full = `{"public_url":"https://consent.example.com/","default":"twilio","senders":{"orders":"telnyx"},
	"twilio":{"account_sid":"AC1","auth_token":"t"},
	"vonage":{"api_key":"k","api_secret":"s","signature_secret":"x"},
	"telnyx":{"api_key":"k","public_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
	"plivo":{"auth_id":"a","auth_token":"t"},
	"sinch":{"project_id":"p","app_id":"a","key_id":"k","key_secret":"s","webhook_secret":"w"},
	"infobip":{"api_key":"k","base_url":"https://x.api.infobip.com","webhook_user":"u","webhook_password":"p"},
	"bird":{"signing_key":"k"},
	"aws":{"region":"us-east-1"},
	"whatsapp":{"app_secret":"s","verify_token":"v","access_token":"a"},
	"smpp":{"address":"smsc.example.com:2775","system_id":"s","password":"p"},
	"generic":{"secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}}`

func TestEveryProviderIsMadeFromItsConfiguration(t *testing.T) {
	var c Config
	err := Decode(strings.NewReader(full), &c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(c, file{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	const want = "aws, bird, generic, infobip, log, plivo, sinch, smpp, telnyx, twilio, vonage, whatsapp"
	if s.String() != want || s.SMPP() == nil {
		t.Errorf("got %s, want %s", s, want)
	}
	for _, name := range []string{"twilio", "vonage", "telnyx", "plivo", "sinch", "infobip", "bird", "aws", "whatsapp", "generic"} {
		if _, ok := s.Receiver(name); !ok {
			t.Errorf("%s reads no callbacks", name)
		}
	}
	if _, ok := s.Receiver("smpp"); ok {
		t.Error("smpp has no callbacks")
	}
	if got := s.ProviderOf(catalog.Sender{ID: "orders"}); got != "telnyx" {
		t.Errorf("orders are sent by %s, want telnyx", got)
	}
	if s.Messenger("bird") != s.Messenger("twilio") {
		t.Error("what a provider cannot send is not sent by the default")
	}
	if got := s.URL("http", "10.0.0.1", "/v1/inbound/twilio?a=b"); got != "https://consent.example.com/v1/inbound/twilio?a=b" {
		t.Errorf("URL: got %s", got)
	}
}

func TestWithoutConfigurationMessagesGoIntoTheFile(t *testing.T) {
	var c Config
	err := Decode(strings.NewReader(""), &c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(c, file{}, time.Now)
	if err != nil || s.Messenger("twilio") != (file{}) || s.ProviderOf(catalog.Sender{}) != "log" || s.String() != "log" {
		t.Errorf("got %s, %v", s, err)
	}
}

func TestWhatIsWrongIsNamedAndNoSecretIs(t *testing.T) {
	for text, want := range map[string]string{
		`{"twillio":{}}`: "twillio", `{"twilio":{"account_sid":"AC1","token":"hunter2"}}`: "token", `{"twilio":{"account_sid":"AC1"}}`: "auth_token",
		`{"default":"telnyx"}`: "telnyx", `{"senders":{"a":"bird"},"bird":{"signing_key":"hunter2"}}`: "bird", `{"public_url":"example.com"}`: "public_url",
		`{"telnyx":{"api_key":"hunter2","public_key":"hunter2"}}`: "public_key",
	} {
		var c Config
		err := Decode(strings.NewReader(text), &c)
		if err == nil {
			_, err = New(c, file{}, time.Now)
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error that names %s", text, err, want)
		}
	}
}
