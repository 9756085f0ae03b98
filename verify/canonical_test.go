package verify

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestCanonicalJSONIsThatOfRFC8785(t *testing.T) {
	for in, want := range map[string]string{
		// RFC 8785, sections 3.2.2 and 3.2.3, the numbers aside, which are integers here.
		`{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}`: `{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
		  "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`: `{"\r":"Carriage Return","1":"One","` + "\u0080" + `":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","` + "\ufb33" + `":"Hebrew Letter Dalet With Dagesh"}`,
		" [ ] ":                      "[]",
		" { } ":                      "{}",
		"[1, -1, 0]":                 "[1,-1,0]",
		"9007199254740991":           "9007199254740991",
		`"<>&\u2028\u2029\u007f"`:    `"<>&` + "\u2028\u2029\u007f" + `"`,
		`{"b":{"d":1,"c":2},"a":[]}`: `{"a":[],"b":{"c":2,"d":1}}`,
	} {
		got, err := canonicalJSON([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s\n got %s, %v\nwant %s", in, got, err, want)
		}
	}
}

func TestAmbiguousJSONIsRefused(t *testing.T) {
	for _, in := range []string{
		"", " ", "{", "[1", `{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, "1.0", "1e3", "-0", "9007199254740992", "-9007199254740992",
		"\"\xff\"", "1 2", "{}x", `{"a"}`, `{1:2}`, "[1,]", "nul", strings.Repeat("[", 40) + strings.Repeat("]", 40),
	} {
		if got, err := canonicalJSON([]byte(in)); err == nil {
			t.Errorf("%q: accepted as %s", in, got)
		}
	}
}

func FuzzCanonicalJSON(f *testing.F) {
	f.Add([]byte(`{"b":[1,"x\u20ac",null],"a":{"c":true}}`))
	f.Add([]byte(`"\ud83d\ude00\r"`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := canonicalJSON(in)
		if err != nil {
			return
		}
		again, err := canonicalJSON(out)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%q is %q, and that is %q, %v", in, out, again, err)
		}
		var before, after any
		if err := json.Unmarshal(in, &before); err != nil {
			t.Fatalf("%q: accepted, and not JSON: %v", in, err)
		}
		if err := json.Unmarshal(out, &after); err != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%q means %v, and %q means %v, %v", in, before, out, after, err)
		}
	})
}
