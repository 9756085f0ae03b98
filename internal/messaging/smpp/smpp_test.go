package smpp

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/messaging"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

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

func TestLongTextsAreSplitAndJoinedInWhateverOrder(t *testing.T) {
	for name, text := range map[string]string{
		"160 septets": strings.Repeat("a", 160), "161": strings.Repeat("a", 161), "an escape at the border": strings.Repeat("a", 152) + "€" + strings.Repeat("b", 20),
		"70 characters": strings.Repeat("я", 70), "71": strings.Repeat("я", 71), "a surrogate pair at the border": strings.Repeat("я", 66) + "🛑 stop",
		"ten thousand": strings.Repeat("Please stop. ", 769),
	} {
		parts := Split(text, 7)
		j := &Joiner{Now: func() time.Time { return noon }}
		var got []Joined
		for i := range parts {
			// Each part crosses the wire; the last comes first.
			s, err := ParseShort(parts[len(parts)-1-i].Append(nil))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(s.Message) > 140 && s.DataCoding == CodingUCS2 || len(s.Message) > 160 {
				t.Errorf("%s: a part of %d bytes", name, len(s.Message))
			}
			joined, err := j.Add(&s)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, joined...)
		}
		if len(got) != 1 || got[0].Text != text || !got[0].Whole {
			t.Errorf("%s in %d parts: got %d messages", name, len(parts), len(got))
		}
	}
}

func TestPartsWithParametersJoinTooAndARepeatedPartCountsOnce(t *testing.T) {
	j := &Joiner{Now: func() time.Time { return noon }}
	part := func(n byte, text string) *Short {
		return &Short{Message: []byte(text), Optional: []Optional{{TagSARReference, []byte{1, 2}}, {TagSARTotal, []byte{2}}, {TagSARSequence, []byte{n}}}}
	}
	for range 2 {
		if got, err := j.Add(part(1, "please ")); err != nil || len(got) != 0 {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	if got, err := j.Add(part(2, "stop")); err != nil || len(got) != 1 || got[0].Text != "please stop" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAMessageWhoseRestIsLostIsReadAsItIs(t *testing.T) {
	now := noon
	j := &Joiner{Now: func() time.Time { return now }}
	s := Split("STOP "+strings.Repeat("x", 200), 1)[0]
	if got, err := j.Add(&s); err != nil || len(got) != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
	now = now.Add(joinTime)
	if got := j.Expire(); len(got) != 1 || got[0].Whole || !strings.HasPrefix(got[0].Text, "STOP ") {
		t.Errorf("got %v", got)
	}
	if got := j.Expire(); len(got) != 0 {
		t.Errorf("again: got %v", got)
	}
}

func TestWhatIsLeftOfALostMessageIsTakenInUntilThatSucceeds(t *testing.T) {
	now := noon
	j := &Joiner{Now: func() time.Time { return now }}
	s := Split("STOP "+strings.Repeat("x", 200), 1)[0]
	s.Source = International("12025550123")
	if _, err := j.Add(&s); err != nil {
		t.Fatal(err)
	}
	var got []messaging.Event
	var fails error
	deliver := func(_ context.Context, events []messaging.Event) error {
		got = append(got, events...)
		return fails
	}
	for _, c := range []struct {
		pass  time.Duration
		fails error
		want  int
	}{{0, nil, 0}, {joinTime, errors.New("away"), 1}, {0, nil, 2}, {joinTime, nil, 2}} {
		now, fails = now.Add(c.pass), c.fails
		if err := j.Tidy(t.Context(), deliver); !errors.Is(err, c.fails) || len(got) != c.want {
			t.Errorf("got %d events, %v, want %d, %v", len(got), err, c.want, c.fails)
		}
	}
	if got[0].ID != got[1].ID || !strings.HasPrefix(got[1].Text, "STOP ") {
		t.Errorf("tried again as another event: %+v", got)
	}
}

func TestAReceiptIsToldFromAMessage(t *testing.T) {
	s := &Short{
		ESMClass: esmReceipt, Source: International("12025550123"), Destination: International("12025550199"),
		Message: []byte("id:0123 sub:001 dlvrd:000 submit date:2603011200 done date:2603011201 stat:REJECTD err:069 text:STOP"),
	}
	got, err := Events(&Joiner{Now: func() time.Time { return noon }}, s)
	if err != nil || len(got) != 1 || got[0].Kind != messaging.Failed || got[0].ID != "0123" || got[0].Code != "069" || got[0].Number != "+12025550123" {
		t.Errorf("got %+v, %v", got, err)
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
		j := &Joiner{Now: func() time.Time { return noon }}
		events, err := Events(j, &s)
		if err == nil && len(events) == 0 && s.ESMClass&esmTypeMask != esmReceipt {
			p, _ := s.Part()
			if p.Total == 1 {
				t.Fatalf("%q is whole and made no message", body)
			}
		}
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
