package smpp

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The data codings (section 5.2.19).
const (
	CodingDefault byte = 0x00 // GSM 7 bit, one septet in each byte
	CodingASCII   byte = 0x01
	CodingLatin1  byte = 0x03
	CodingUCS2    byte = 0x08
)

// gsm is the GSM 7 bit default alphabet (3GPP TS 23.038, section 6.2.1); at 0x1B is the escape.
var gsm = []rune("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")

const escape = 0x1B

// extended are the characters behind the escape.
var extended = map[byte]rune{0x0A: '\f', 0x14: '^', 0x28: '{', 0x29: '}', 0x2F: '\\', 0x3C: '[', 0x3D: '~', 0x3E: ']', 0x40: '|', 0x65: '€'}

var septets = func() map[rune][]byte {
	m := map[rune][]byte{}
	for i, r := range gsm {
		if i != escape {
			m[r] = []byte{byte(i)}
		}
	}
	for b, r := range extended {
		m[r] = []byte{escape, b}
	}
	return m
}()

// Decode reads a text in a data coding. What cannot be read becomes U+FFFD.
func Decode(coding byte, data []byte) string {
	switch coding {
	case CodingUCS2:
		units := make([]uint16, len(data)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(data[2*i:])
		}
		text := string(utf16.Decode(units))
		if len(data)%2 != 0 {
			text += string(utf8.RuneError)
		}
		return text
	case CodingASCII, CodingLatin1:
		var b strings.Builder
		for _, c := range data {
			b.WriteRune(rune(c))
		}
		return b.String()
	case CodingDefault:
		return decodeGSM(data)
	}
	// Message classes (0xF0 to 0xFF, and 0x10 to 0x1F) keep the alphabet in bits 2 and 3.
	if coding&0x0C == 0x08 {
		return Decode(CodingUCS2, data)
	}
	return decodeGSM(data)
}

func decodeGSM(data []byte) string {
	var b strings.Builder
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case c == escape && i+1 < len(data):
			i++
			if r, ok := extended[data[i]]; ok {
				b.WriteRune(r)
				continue
			}
			b.WriteByte(' ') // as the standard wants for an escape that means nothing
		case c == escape:
			b.WriteByte(' ')
		case int(c) < len(gsm):
			b.WriteRune(gsm[c])
		default:
			b.WriteRune(utf8.RuneError)
		}
	}
	return b.String()
}

// Encode writes a text in the GSM alphabet if that has all its characters, else in UCS-2. The units must not be cut
// apart; each is a character.
func Encode(text string) (coding byte, units [][]byte) {
	for _, r := range text {
		s, ok := septets[r]
		if !ok {
			return CodingUCS2, encodeUCS2(text)
		}
		units = append(units, s)
	}
	return CodingDefault, units
}

func encodeUCS2(text string) (units [][]byte) {
	for _, r := range text {
		var b []byte
		for _, u := range utf16.AppendRune(nil, r) {
			b = binary.BigEndian.AppendUint16(b, u)
		}
		units = append(units, b)
	}
	return units
}

// Split cuts a text into the messages that carry it, with user data headers if there are several. Reference tells the
// parts of one text from those of another. A text that needs more than 255 messages is cut off there.
func Split(text string, reference byte) []Short {
	coding, units := Encode(text)
	whole, part := 160, 153
	if coding == CodingUCS2 {
		whole, part = 140, 134
	}
	size := 0
	for _, u := range units {
		size += len(u)
	}
	if size <= whole {
		return []Short{{DataCoding: coding, Message: join(units)}}
	}
	var parts [][]byte
	var current []byte
	for _, u := range units {
		if len(current)+len(u) > part {
			parts, current = append(parts, current), nil
		}
		current = append(current, u...)
	}
	parts = append(parts, current)
	parts = parts[:min(len(parts), 255)]
	out := make([]Short, len(parts))
	for i, data := range parts {
		header := []byte{5, 0, 3, reference, byte(len(parts)), byte(i + 1)}
		out[i] = Short{ESMClass: esmHasHeader, DataCoding: coding, Message: append(header, data...)}
	}
	return out
}

func join(units [][]byte) (out []byte) {
	for _, u := range units {
		out = append(out, u...)
	}
	return out
}
