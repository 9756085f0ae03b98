package aws

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestRequestsAreSignedAsInTheTestSuiteOfSignatureVersion4(t *testing.T) {
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	c := Config{Region: "us-east-1", AccessKeyID: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	for method, want := range map[string]string{
		http.MethodGet:  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		http.MethodPost: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
	} {
		r, err := http.NewRequest(method, "https://example.amazonaws.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		sign(r, nil, c, "service", at)
		want = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + want
		if got := r.Header.Get("Authorization"); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", method, got, want)
		}
	}
}

const topic = "arn:aws:sns:us-east-1:123456789012:texts"

// service plays SNS: it has a key, and a certificate at a URL.
type service struct {
	key     *rsa.PrivateKey
	cert    []byte
	fetched []string
}

func newService(t testing.TB) (*service, *Provider) {
	t.Helper()
	s := &service{}
	var err error
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &s.key.PublicKey, s.key)
	if err != nil {
		t.Fatal(err)
	}
	s.cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p, err := New(Config{Region: "us-east-1", TopicARNs: []string{topic}}, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	p.fetch = func(url string) ([]byte, error) {
		s.fetched = append(s.fetched, url)
		return s.cert, nil
	}
	p.certificates = newCertificates(p.fetch)
	return s, p
}

func (s *service) publish(t testing.TB, n notification) messaging.Request {
	t.Helper()
	var sum []byte
	hash := crypto.SHA1
	if n.SignatureVersion == "2" {
		full := sha256.Sum256([]byte(n.signed()))
		sum, hash = full[:], crypto.SHA256
	} else {
		full := sha1.Sum([]byte(n.signed()))
		sum = full[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, hash, sum)
	if err != nil {
		t.Fatal(err)
	}
	n.Signature = base64.StdEncoding.EncodeToString(signature)
	body, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return messaging.Request{Method: http.MethodPost, Body: body, At: noon}
}

func note(version string) notification {
	return notification{
		Type: "Notification", MessageID: "n1", TopicARN: topic, Timestamp: "2026-03-01T11:59:58.000Z", SignatureVersion: version,
		SigningCertURL: "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
		Message: `{"originationNumber":"+12025550123","destinationNumber":"+12025550199","messageKeyword":"KEYWORD_1","messageBody":"Stop all",
			"inboundMessageId":"cae173d2","previousPublishedMessageId":"x"}`,
	}
}

func TestATwoWayMessageIsReadUnderBothSignatureVersions(t *testing.T) {
	s, p := newService(t)
	for _, version := range []string{"1", "2"} {
		d, err := p.Receive(s.publish(t, note(version)))
		want := messaging.Event{
			ID: "cae173d2", Number: "+12025550123", Sender: "+12025550199", Channel: consent.SMS, Text: "Stop all", At: noon.Add(-2 * time.Second),
		}
		if err != nil || len(d.Events) != 1 || d.Events[0] != want {
			t.Errorf("version %s: got %+v, %v", version, d.Events, err)
		}
	}
	if len(s.fetched) != 1 {
		t.Errorf("the certificate was fetched %d times, want once", len(s.fetched))
	}
}

func TestNothingIsFetchedFromAnywhereElseAndNothingForgedHolds(t *testing.T) {
	s, p := newService(t)
	for name, change := range map[string]func(*notification){
		"another host":       func(n *notification) { n.SigningCertURL = "https://sns.us-east-1.amazonaws.com.example.com/x.pem" },
		"a user in the URL":  func(n *notification) { n.SigningCertURL = "https://sns.us-east-1.amazonaws.com@example.com/x.pem" },
		"a bucket":           func(n *notification) { n.SigningCertURL = "https://sns.s3.amazonaws.com.evil.example/x.pem" },
		"another port":       func(n *notification) { n.SigningCertURL = "https://sns.us-east-1.amazonaws.com:8443/x.pem" },
		"plain http":         func(n *notification) { n.SigningCertURL = "http://sns.us-east-1.amazonaws.com/x.pem" },
		"no certificate":     func(n *notification) { n.SigningCertURL = "https://sns.us-east-1.amazonaws.com/x" },
		"somebody's topic":   func(n *notification) { n.TopicARN = strings.Replace(topic, "123", "999", 1) },
		"an unknown version": func(n *notification) { n.SignatureVersion = "3" },
	} {
		n := note("1")
		change(&n)
		if _, err := p.Receive(s.publish(t, n)); !errors.Is(err, messaging.ErrBadSignature) {
			t.Errorf("%s: got %v, want ErrBadSignature", name, err)
		}
	}
	for _, url := range s.fetched {
		if !strings.HasPrefix(url, "https://sns.us-east-1.amazonaws.com/") {
			t.Errorf("fetched %s", url)
		}
	}
	r := s.publish(t, note("1"))
	r.Body = []byte(strings.Replace(string(r.Body), "Stop all", "Go on", 1))
	if _, err := p.Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("altered: got %v, want ErrBadSignature", err)
	}
	r = s.publish(t, note("1"))
	r.At = noon.Add(2 * time.Hour)
	if _, err := p.Receive(r); !errors.Is(err, messaging.ErrReplayed) {
		t.Errorf("two hours later: got %v, want ErrReplayed", err)
	}
}

func TestASubscriptionIsConfirmedOnceItsSignatureHeld(t *testing.T) {
	s, p := newService(t)
	n := note("1")
	n.Type, n.Token, n.SubscribeURL = "SubscriptionConfirmation", "tok", "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription"
	d, err := p.Receive(s.publish(t, n))
	if err != nil || len(d.Events) != 0 || d.After == nil {
		t.Fatalf("got %+v, %v", d, err)
	}
	if err := d.After(); err != nil || s.fetched[len(s.fetched)-1] != n.SubscribeURL {
		t.Errorf("confirm: fetched %v, %v", s.fetched, err)
	}
	n.SubscribeURL = "https://example.com/"
	if d, err = p.Receive(s.publish(t, n)); err != nil {
		t.Fatal(err)
	}
	if err := d.After(); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("confirm elsewhere: got %v, want ErrBadSignature", err)
	}
}

func TestSendingReportsAnOptOut(t *testing.T) {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") != "PinpointSMSVoiceV2.SendTextMessage" || !strings.Contains(r.Header.Get("Authorization"), "content-type;host;x-amz-date;x-amz-target") {
			t.Errorf("headers: %v", r.Header)
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws#ConflictException","Reason":"DESTINATION_PHONE_NUMBER_OPTED_OUT"}`))
	}))
	defer fake.Close()
	p, err := New(Config{Region: "us-east-1", AccessKeyID: "a", SecretKey: "b", BaseURL: fake.URL}, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Send(t.Context(), messaging.Message{To: 12025550123, From: "+12025550199", Channel: consent.SMS, Text: "Hi"})
	var e *messaging.SendError
	if !errors.As(err, &e) || e.Reason != messaging.OptedOut {
		t.Errorf("got %v, want opted out", err)
	}
}
