package smpp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestAPacketIsReadAsItWasWritten(t *testing.T) {
	// The bind_transmitter of the specification's section 3.2.3 (its example of how packets are laid out).
	spec := []byte("\x00\x00\x00\x2F\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01SMPP3TEST\x00secret08\x00SUBMIT1\x00\x00\x01\x01\x00")
	p, err := Read(bytes.NewReader(spec))
	if err != nil || p.Command != BindTransmitter || p.Sequence != 1 {
		t.Fatalf("got %+v, %v", p, err)
	}
	b, err := ParseBind(p.Body)
	want := Bind{SystemID: "SMPP3TEST", Password: "secret08", SystemType: "SUBMIT1", Version: 0, TON: 1, NPI: 1}
	if err != nil || b != want {
		t.Errorf("got %+v, %v, want %+v", b, err, want)
	}
	p.Body = b.Append(nil)
	if got := p.Append(nil); !bytes.Equal(got, spec) {
		t.Errorf("written again: %q", got)
	}
}

func TestWhatIsNoPacketIsSaidSo(t *testing.T) {
	for name, raw := range map[string]string{
		"too short a length": "\x00\x00\x00\x0F\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01",
		"too long":           "\x7F\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01",
		"broken off":         "\x00\x00\x00\x20\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01abc",
	} {
		if _, err := Read(strings.NewReader(raw)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func TestTextsAreWrittenInTheSmallestAlphabetAndReadBack(t *testing.T) {
	for text, coding := range map[string]byte{
		"Hello @ÄÖ€[]{}~^|\\\n": CodingDefault, "": CodingDefault, "hætta STÖÐVA": CodingUCS2, "стоп": CodingUCS2, "stop 🛑": CodingUCS2, "停止": CodingUCS2,
	} {
		got, units := Encode(text)
		if got != coding || Decode(got, join(units)) != text {
			t.Errorf("%q: coding %d, read back %q", text, got, Decode(got, join(units)))
		}
	}
	for raw, want := range map[string]string{"\x00\x1b\x65\x1b": "@€ ", "\x1b\x61b": " b", "\x80": "\ufffd"} {
		if got := Decode(CodingDefault, []byte(raw)); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
	if got := Decode(CodingUCS2, []byte{0, 'a', 0xD8}); got != "a\ufffd" {
		t.Errorf("half a character: got %q", got)
	}
	if got := Decode(CodingLatin1, []byte("Arr\xeat")); got != "Arrêt" {
		t.Errorf("Latin 1: got %q", got)
	}
}

func TestLongTextsAreSplitIntoPartsThatFitAndHoldThemWhole(t *testing.T) {
	for name, text := range map[string]string{
		"160 septets": strings.Repeat("a", 160), "161": strings.Repeat("a", 161), "an escape at the border": strings.Repeat("a", 152) + "€" + strings.Repeat("b", 20),
		"70 characters": strings.Repeat("я", 70), "71": strings.Repeat("я", 71), "a surrogate pair at the border": strings.Repeat("я", 66) + "🛑 stop",
		"ten thousand": strings.Repeat("Please stop. ", 769),
	} {
		w := writing{parts: map[int64]Part{}}
		parts := Split(text, 7)
		for _, part := range parts {
			s, err := ParseShort(part.Append(nil)) // it crosses the wire
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(s.Message) > 140 && s.DataCoding == CodingUCS2 || len(s.Message) > 160 {
				t.Errorf("%s: a part of %d bytes", name, len(s.Message))
			}
			p, err := s.Part()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			w.parts[int64(p.Sequence)] = p
		}
		if !w.whole(byte(len(parts))) || w.text() != text {
			t.Errorf("%s in %d parts: got %q", name, len(parts), w.text())
		}
	}
}

func FuzzShort(f *testing.F) {
	for _, s := range Split(strings.Repeat("Stop 🛑 ", 40), 3) {
		f.Add(s.Append(nil))
	}
	f.Add(Short{Message: bytes.Repeat([]byte{1}, 300)}.Append(nil))
	f.Add([]byte("\x00\x01\x01\x00\x01\x01\x00\x40"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := ParseShort(body)
		if err != nil {
			return
		}
		if again := s.Append(nil); !bytes.Equal(again, body) && len(s.Message) != 255 {
			t.Fatalf("%q was written again as %q", body, again)
		}
		p, err := s.Part()
		if err != nil {
			return
		}
		if p.Total < 1 || p.Sequence < 1 || p.Sequence > p.Total {
			t.Fatalf("%q is part %d of %d", body, p.Sequence, p.Total)
		}
		w := writing{parts: map[int64]Part{int64(p.Sequence): p}}
		_ = w.text()
		_ = receiptOf(&s)
	})
}

func FuzzRead(f *testing.F) {
	f.Add(Packet{Command: EnquireLink, Sequence: 1}.Append(nil))
	f.Add(Packet{Command: BindReceiver, Sequence: 1, Body: Bind{SystemID: "a"}.Append(nil)}.Append(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := Read(bytes.NewReader(raw))
		if err != nil {
			return
		}
		if again := p.Append(nil); !bytes.Equal(again, raw[:len(again)]) {
			t.Fatalf("%q was written again as %q", raw, again)
		}
		_, _ = ParseBind(p.Body)
	})
}
