package check

import (
	"errors"
	"testing"
)

func TestAnObjectIsPassedOverAndKept(t *testing.T) {
	for about, fails := range map[string]bool{
		`{}`: false, `{"facts":["a","}"],"n":{"x":[1,{}]}}`: false, `{"a":1,"a":2}`: false,
		`[]`: true, `"x"`: true, `7`: true, `{`: true, `{"a":}`: true,
	} {
		var r Request
		err := DecodeQuestion([]byte(`{"number":"1","about": `+about+` ,"purpose":"p","explain":true,"channel":"sms"}`), &r)
		var flaw *DecodeError
		if fails {
			if !errors.As(err, &flaw) || flaw.Field != "about" {
				t.Errorf("%s: got %v, want it to be refused", about, err)
			}
			continue
		}
		if err != nil || string(r.About) != about || !r.Explain || string(r.Purpose) != "p" {
			t.Errorf("%s: got %q, %v", about, r.About, err)
		}
	}
	var r Request
	if err := DecodeQuestion([]byte(`{"number":"1","about":null,"purpose":"p","channel":"sms"}`), &r); err != nil || r.About != nil {
		t.Errorf("null: got %q, %v", r.About, err)
	}
}
