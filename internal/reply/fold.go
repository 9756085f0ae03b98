package reply

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A text longer than headRunes+tailRunes is read at its two ends only, where people say what they want.
const (
	headRunes = 1000
	tailRunes = 600
)

// fold brings a text to the one form in which words are compared: compatibility decomposition (full-width and
// mathematical letters), lower case, no accents, no invisible characters, one kind of quote. Line breaks stay.
func fold(text string) string {
	if s, ok := foldASCII(text); ok {
		return s
	}
	text = strings.ToValidUTF8(ends(text), " ")
	text = norm.NFKD.String(text)
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		foldRune(&b, r)
	}
	return b.String()
}

// foldASCII is the short way for the many texts that hold nothing but ASCII.
func foldASCII(text string) (string, bool) {
	if len(text) > headRunes+tailRunes {
		return "", false
	}
	for i := 0; i < len(text); i++ {
		if c := text[i]; c >= utf8.RuneSelf || c == '`' || c < ' ' && c != '\n' {
			return "", false
		}
	}
	return strings.ToLower(text), true
}

// ends returns the text if it is short enough, else its head and its tail on lines of their own. It looks at no more
// bytes than those can hold, so that a text of any size costs the same.
func ends(text string) string {
	if utf8.RuneCountInString(text[:min(len(text), utf8.UTFMax*(headRunes+tailRunes)+1)]) <= headRunes+tailRunes {
		return text
	}
	head, tail := 0, len(text)
	for range headRunes {
		_, n := utf8.DecodeRuneInString(text[head:])
		head += n
	}
	for range tailRunes {
		_, n := utf8.DecodeLastRuneInString(text[:tail])
		tail -= n
	}
	if tail < head {
		return text
	}
	return text[:head] + "\n" + text[tail:]
}

func foldRune(b *strings.Builder, r rune) {
	switch {
	case r == '\n' || r == '\u2028' || r == '\u2029' || r == '\r' || r == '\v' || r == '\f':
		b.WriteByte('\n')
		return
	case r < utf8.RuneSelf:
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		b.WriteRune(unicode.ToLower(r))
		return
	case invisible(r):
		return
	}
	if s, ok := spellings[r]; ok {
		b.WriteString(s)
		return
	}
	if l := letterlike(r); l != 0 {
		b.WriteRune(l)
		return
	}
	r = unicode.ToLower(r)
	if s, ok := spellings[r]; ok {
		b.WriteString(s)
		return
	}
	if unicode.IsSpace(r) {
		r = ' '
	}
	b.WriteRune(r)
}

// invisible reports whether r shows nothing or is a mark that people leave out when they type: zero-width and
// bidirectional controls, variation selectors, tags, Latin accents, Arabic and Hebrew vowel signs, the Devanagari nukta.
func invisible(r rune) bool {
	switch {
	case r >= 0x0300 && r <= 0x036f, r == 0x00ad, r == 0x034f, r == 0x061c, r == 0x180e:
		return true
	case r >= 0x0591 && r <= 0x05c7, r >= 0x064b && r <= 0x0655, r == 0x0670, r == 0x0640, r == 0x093c:
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
		return true
	case r == 0x115f, r == 0x1160, r == 0x3164, r >= 0xfe00 && r <= 0xfe0f, r >= 0x1f3fb && r <= 0x1f3ff:
		return true
	case r >= 0xe0000 && r <= 0xe0fff, r == 0x20e3:
		return true
	}
	return unicode.Is(unicode.Cf, r) && r != 0x600
}

// spellings holds the letters and signs that have no compatibility decomposition, as people without them type them.
var spellings = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ð': "d", 'þ': "th", 'ł': "l", 'đ': "d", 'ı': "i", 'ħ': "h", 'ŋ': "n",
	'“': `"`, '”': `"`, '„': `"`, '‟': `"`, '«': `"`, '»': `"`, '「': `"`, '」': `"`, '『': `"`, '』': `"`, '〝': `"`, '〞': `"`,
	'‘': "'", '’': "'", '‚': "'", '‛': "'", '′': "'", '`': "'", '´': "'", 'ʼ': "'", '＇': "'",
	'–': "-", '—': "-", '−': "-", '‐': "-", '‒': "-", '―': "-", '‑': "-", '•': ",", '·': ".", '。': ". ", '、': ", ",
	'؟': "? ", '،': ", ", '؛': ", ", '।': ". ", '¿': "", '¡': "", 'ى': "ي", 'ة': "ه", '⁄': "/", '‹': `"`, '›': `"`,
	'ᴀ': "a", 'ʙ': "b", 'ᴄ': "c", 'ᴅ': "d", 'ᴇ': "e", 'ꜰ': "f", 'ɢ': "g", 'ʜ': "h", 'ɪ': "i", 'ᴊ': "j", 'ᴋ': "k",
	'ʟ': "l", 'ᴍ': "m", 'ɴ': "n", 'ᴏ': "o", 'ᴘ': "p", 'ʀ': "r", 'ꜱ': "s", 'ᴛ': "t", 'ᴜ': "u", 'ᴠ': "v", 'ᴡ': "w",
	'ʏ': "y", 'ᴢ': "z",
}

// letterlike returns the letter of a negative circled or squared letter or of a regional indicator, which Unicode does
// not decompose; zero for any other rune.
func letterlike(r rune) rune {
	for _, first := range [...]rune{0x1f150, 0x1f170, 0x1f1e6} {
		if r >= first && r < first+26 {
			return 'a' + r - first
		}
	}
	return 0
}

// lookalikes maps Cyrillic and Greek letters to the Latin letter that they are drawn like (Unicode TR 39), in lower case:
// text is folded first, so a letter is listed where its capital or its small form deceives.
var lookalikes = map[rune]rune{
	'а': 'a', 'в': 'b', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'ё': 'e', 'һ': 'h', 'н': 'h', 'і': 'i', 'ї': 'i', 'ј': 'j', 'к': 'k',
	'ӏ': 'l', 'м': 'm', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'ѕ': 's', 'т': 't', 'ԝ': 'w', 'х': 'x', 'у': 'y', 'ү': 'y',
	'α': 'a', 'β': 'b', 'ε': 'e', 'η': 'h', 'ι': 'i', 'κ': 'k', 'μ': 'm', 'ν': 'n', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'y',
	'χ': 'x', 'ζ': 'z', 'ո': 'n', 'օ': 'o', 'ս': 'u', 'ѵ': 'v', 'ϲ': 'c', 'ɑ': 'a', 'ɡ': 'g', 'ⅼ': 'l',
}

// unmask replaces look-alike letters by the Latin ones, if nothing else than Latin remains then: a word of real Russian
// or Greek nearly always holds a letter that looks like no Latin one.
func unmask(word string) (string, bool) {
	masked := false
	for _, r := range word {
		if r < utf8.RuneSelf {
			continue
		}
		if lookalikes[r] == 0 {
			return word, false
		}
		masked = true
	}
	if !masked {
		return word, false
	}
	return strings.Map(func(r rune) rune {
		if l := lookalikes[r]; l != 0 {
			return l
		}
		return r
	}, word), true
}
