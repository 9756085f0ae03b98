package reply

import (
	"fmt"
	"slices"
	"strings"
)

// spell writes a frame out for each language that has words for all of it. A frame says once, in names of classes,
// what every language says in its own words: a verb of stopping and a word for messages, in any order or as a phrase.
func (b *builder) spell(frame draft) ([]draft, error) {
	kind := "bag"
	if ordered(frame.text) {
		kind = "phrase"
	}
	var out []draft
	for _, lang := range b.tongues() {
		text, ok, err := b.fit(frame.text, lang)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		one := *frame.pattern
		one.lang = lang
		out = append(out, draft{kind: kind, pattern: &one, text: text, at: frame.at})
	}
	if out == nil {
		return nil, fmt.Errorf("frame %q: no language has all its classes", frame.text)
	}
	return out, nil
}

// ordered reports whether a frame's words stand in an order, as a phrase's do, since it marks places or gaps.
func ordered(text string) bool { return strings.ContainsAny(text, "?^$.") }

// tongues lists the languages of the rows, but for what belongs to several, in the order of their names.
func (b *builder) tongues() []string {
	return slices.DeleteFunc(sorted(b.numbers), func(lang string) bool { return lang == undetermined })
}

// fit leaves out the alternatives that a language lacks; false if none is left, be it of a need or of what bars: a
// language that has not said what speaks against a reading does not get it.
func (b *builder) fit(text, lang string) (string, bool, error) {
	var fitted []string
	for _, f := range strings.Fields(text) {
		if f == anyName || strings.Trim(f, "^$.123456") == "" {
			fitted = append(fitted, f)
			continue
		}
		mark, alternatives := "", f
		if f[0] == '!' || f[0] == '?' {
			mark, alternatives = f[:1], f[1:]
		}
		var have []string
		for _, alt := range strings.Split(alternatives, "|") {
			if !strings.HasPrefix(alt, "<") || !strings.HasSuffix(alt, ">") || strings.HasPrefix(alt, "<*") {
				return "", false, fmt.Errorf("frame element %q: want classes of one language, <name>", f)
			}
			if b.classes[lang+"."+alt[1:len(alt)-1]] != nil {
				have = append(have, alt)
			}
		}
		switch {
		case have != nil:
			fitted = append(fitted, mark+strings.Join(have, "|"))
		case mark != "?":
			return "", false, nil
		}
	}
	return strings.Join(fitted, " "), true, nil
}
