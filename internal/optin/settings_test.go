package optin_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/bits"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging/filelog"
	"github.com/consentline/consentline/internal/optin"
)

func TestSettingsAreReadAsTheyAreDocumented(t *testing.T) {
	const text = `{"countries":["US","GB"],"expires_after":"48h","number":{"max":1,"per":"24h"},"total":{"max":9,"per":"90s"},"resends":2,"resend_apart":"2m","breaker_asked":7,"breaker_share":0.5}`
	var s optin.Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	want := optin.Limits{
		Countries: []string{"US", "GB"}, Number: optin.Limit{Max: 1, Per: 24 * time.Hour}, Total: optin.Limit{Max: 9, Per: 90 * time.Second},
		Resends: 2, ResendApart: 2 * time.Minute, BreakerAsked: 7, BreakerShare: 0.5,
	}
	if got := s.Limits(); !reflect.DeepEqual(got, want) || time.Duration(s.ExpiresAfter) != 48*time.Hour || s.Validate() != nil {
		t.Errorf("got %+v, %v\nwant %+v", got, s.Validate(), want)
	}
}

func TestSettingsThatCannotBeAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		`{"countries":["usa"]}`: "countries", `{"number":{"max":0,"per":"1h"}}`: "number", `{"prefix":{"max":3}}`: "prefix", `{"resends":-1}`: "resends",
		`{"breaker_share":2}`: "breaker_share", `{"challenge":{}}`: "challenge", `{"challenge":{"work_bits":99}}`: "work_bits",
		`{"challenge":{"verify_url":"https://captcha.example.com/verify"}}`: "secret", `{"challenge":{"verify_url":"captcha","secret":"x"}}`: "verify_url",
		`{"expires_after":"1 month"}`: "duration", `{"resend_apart":60}`: "duration", `{"total":{"max":1,"per":"-1h"}}`: "duration",
	} {
		var s optin.Settings
		err := json.Unmarshal([]byte(text), &s)
		if err == nil {
			err = s.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that names %s", text, err, want)
		}
	}
}

// work finds a proof of work as a browser does.
func work(number string, at time.Time, zeroBits int) string {
	for nonce := 0; ; nonce++ {
		proof := fmt.Sprintf("%d:%d", at.Unix(), nonce)
		sum := sha256.Sum256([]byte(number + ":" + proof))
		if bits.LeadingZeros16(uint16(sum[0])<<8|uint16(sum[1])) >= zeroBits {
			return proof
		}
	}
}

func TestAProofOfWorkHoldsForOneNumberAndAShortTime(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	good := work("+12025550123", now, 12)
	for name, c := range map[string]struct {
		number, proof string
		pass          time.Duration
		holds         bool
	}{
		"as it was made":         {"+12025550123", good, 0, true},
		"with a national number": {"(202) 555-0123", good, 0, true},
		"nine minutes later":     {"+12025550123", good, 9 * time.Minute, true},
		"too late":               {"+12025550123", good, 11 * time.Minute, false},
		"from the future":        {"+12025550123", good, -11 * time.Minute, false},
		"for another number":     {"+12025550124", good, 0, false},
		"without work":           {"+12025550123", fmt.Sprintf("%d:", now.Unix()), 0, false},
		"none":                   {"+12025550123", "", 0, false},
		"for no number":          {"12", good, 0, false},
	} {
		challenge := optin.Work(12, func() time.Time { return now.Add(c.pass) })
		if err := challenge(ctx, optin.Request{Number: c.number, Region: "US", Proof: c.proof}); (err == nil) != c.holds {
			t.Errorf("%s: got %v, want it to hold: %v", name, err, c.holds)
		}
	}
}

func TestACaptchaCountsOnlyIfItsServiceSaysSo(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.FormValue("secret") != "s" || r.FormValue("remoteip") != "192.0.2.7":
			w.WriteHeader(http.StatusBadRequest)
		case r.FormValue("response") == "broken":
			_, _ = w.Write([]byte(`{"success":`))
		default:
			_, _ = fmt.Fprintf(w, `{"success":%t}`, r.FormValue("response") == "human")
		}
	}))
	defer service.Close()
	for _, c := range []struct {
		url, proof string
		holds      bool
	}{{service.URL, "human", true}, {service.URL, "robot", false}, {service.URL, "broken", false}, {service.URL, "", false}, {"http://127.0.0.1:1", "human", false}} {
		q := optin.Request{Proof: c.proof, Address: "192.0.2.7"}
		if err := optin.Captcha(c.url, "s", service.Client())(ctx, q); (err == nil) != c.holds {
			t.Errorf("%q at %s: got %v, want it to hold: %v", c.proof, c.url, err, c.holds)
		}
	}
}

func TestTheCountriesOfABrandAreItsOwnThenThoseOfItsNumbers(t *testing.T) {
	f := open(t, func(c *optin.Config) { c.ProviderOf = func(catalog.Sender) string { return "twilio" } })
	must[catalog.Brand](t)(f.Catalog.CreateBrand(ctx, "test", catalog.Brand{ID: "bare", Name: "Bare"}))
	q := request()
	q.Brand = "bare"
	_ = f.refused(t, q, optin.CodeCountry) // nothing says where it sends to
	must[catalog.Sender](t)(f.Catalog.CreateSender(ctx, "test", catalog.Sender{ID: "gb", Brand: "bare", Kind: "number", Address: "+447700900199", Channel: consent.SMS}))
	_ = f.refused(t, q, optin.CodeCountry)
	q.Number = "+447700900123"
	f.ask(t, q)
}

func TestWhatOnlyGoesIntoTheFileMayBeAskedAnywhereButNotOnPremiumLines(t *testing.T) {
	f := open(t, func(c *optin.Config) { c.ProviderOf = func(catalog.Sender) string { return filelog.Name } })
	must[catalog.Brand](t)(f.Catalog.CreateBrand(ctx, "test", catalog.Brand{ID: "bare", Name: "Bare"}))
	q := request()
	q.Brand = "bare"
	f.ask(t, q)
	q.Number = "+449098790123"
	_ = f.refused(t, q, optin.CodeLine)
}

func TestALinkIsReadWithoutBeingConfirmed(t *testing.T) {
	f := open(t, nil)
	q := request()
	q.Means = optin.ByLink
	f.ask(t, q)
	text := f.send(t, 1).Text
	token := text[strings.Index(text, "/c/")+3:]
	token, _, _ = strings.Cut(token, " ")
	token = strings.TrimRight(token, ".")
	for range 3 {
		s := must[optin.Standing](t)(f.ByToken(ctx, token))
		if w := must[catalog.Wording](t)(f.Wording(ctx, s)); w.Text != q.Text {
			t.Errorf("the words are %q, want %q", w.Text, q.Text)
		}
	}
	if r := f.record(t); r.Status != consent.Pending {
		t.Errorf("the record is %s, want pending", r.Status)
	}
	if _, err := f.ConfirmLink(context.Background(), "test", token); err != nil {
		t.Fatal(err)
	}
	if r := f.record(t); r.Status != consent.StatusGranted || !r.Confirmed {
		t.Errorf("the record is %+v, want granted and confirmed", r)
	}
	if _, err := f.ByToken(ctx, token); err == nil {
		t.Error("the link opens what is confirmed")
	}
}
