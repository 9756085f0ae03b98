package preference_test

import (
	"errors"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/preference"
)

func TestACodeLetsInOnceAndWithinItsTime(t *testing.T) {
	d := open(t)
	subject := d.record(alice)
	id, err := d.ask(alice, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	codes := d.sent()
	if len(codes) != 1 || codes[0] == "" {
		t.Fatalf("sent %q", codes)
	}
	token, err := d.Codes.Enter(t.Context(), id, " "+codes[0][:3]+" "+codes[0][3:])
	if err != nil {
		t.Fatal(err)
	}
	target, err := d.Links.Open(token)
	if err != nil || target.Subject != subject || target.Brand != "default" || target.Until.After(d.now().Add(preference.EntryLasts)) {
		t.Errorf("the link opens %+v, %v", target, err)
	}
	if _, err := d.Codes.Enter(t.Context(), id, codes[0]); !errors.Is(err, preference.ErrWrongCode) {
		t.Errorf("used twice: %v", err)
	}
	if id, err = d.ask(alice, "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	code := d.sent()[1]
	d.pass(preference.CodeLasts)
	if _, err := d.Codes.Enter(t.Context(), id, code); !errors.Is(err, preference.ErrWrongCode) {
		t.Errorf("after its end: %v", err)
	}
}

func TestWrongCodesEndACode(t *testing.T) {
	d := open(t)
	d.record(alice)
	id, err := d.ask(alice, "")
	if err != nil {
		t.Fatal(err)
	}
	code := d.sent()[0]
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	for range 5 {
		if _, err := d.Codes.Enter(t.Context(), id, wrong); !errors.Is(err, preference.ErrWrongCode) {
			t.Fatal(err)
		}
	}
	if _, err := d.Codes.Enter(t.Context(), id, code); !errors.Is(err, preference.ErrWrongCode) {
		t.Errorf("after five wrong ones the right one: %v", err)
	}
	for _, id := range []string{"", "x", "00112233445566778899aabbccddeeff"} {
		if _, err := d.Codes.Enter(t.Context(), id, code); !errors.Is(err, preference.ErrWrongCode) {
			t.Errorf("request %q: %v", id, err)
		}
	}
}

func TestNothingIsSentToANumberThatTheBrandDoesNotKnow(t *testing.T) {
	d := open(t)
	d.brand("other")
	if _, err := d.ask(alice, ""); err != nil {
		t.Errorf("an unknown number is answered otherwise: %v", err)
	}
	d.record(bob)
	brand, err := d.Catalog.Brand("other")
	if err != nil {
		t.Fatal(err)
	}
	id, err := d.Codes.Send(t.Context(), preference.CodeRequest{Number: 12025550124, Brand: brand, Text: func(code string) string { return code }})
	if err != nil || id == "" {
		t.Errorf("got %q, %v", id, err)
	}
	if codes := d.sent(); len(codes) != 0 {
		t.Errorf("sent %d codes", len(codes))
	}
}

func TestBudgetsOfCodesAreTheSameForKnownAndUnknownNumbers(t *testing.T) {
	d := open(t)
	d.record(alice)
	for _, number := range []string{alice, bob} {
		for range 3 {
			if _, err := d.ask(number, ""); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.ask(number, ""); !errors.Is(err, preference.ErrTooMany) {
			t.Errorf("the fourth code for %s: %v", map[string]string{alice: "a known number", bob: "an unknown one"}[number], err)
		}
	}
	d.pass(time.Hour + time.Second)
	if _, err := d.ask(alice, ""); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	for i := range 11 {
		_, err := d.ask("+1202555010"+string(rune('0'+i%10)), "192.0.2.9")
		if tooMany := errors.Is(err, preference.ErrTooMany); tooMany != (i == 10) {
			t.Errorf("request %d from one address: %v", i+1, err)
		}
	}
}
