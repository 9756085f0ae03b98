package policy

import (
	_ "embed" // the words by which elements are known
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// ElementState is whether a wording says what a rule asks of it.
type ElementState uint8

// The states. ByForm is no matter of words, such as a box that is not ticked beforehand. Unsure is what the words alone
// cannot tell, or a language whose words are not known.
const (
	Said ElementState = iota + 1
	Missing
	ByForm
	Unsure
)

var stateWords = words[ElementState]{"", "said", "missing", "by_form", "unsure"}

// String returns the word for a state.
func (s ElementState) String() string { return stateWords.name(s) }

// Element is one thing that a rule wants a request for consent to say.
type Element struct {
	Rule  RuleIndex
	Item  string
	State ElementState
}

// Wording is what a person is shown before they agree, and whose it is.
type Wording struct {
	Text, Language string // BCP 47
	Brand, Purpose string // their names, as people know them

	// What stands beside the words on our own forms: a way to reach the brand, a link to its terms, one to its privacy notice.
	Contact, Terms, Privacy bool
}

// AtRequest lists the rules that say what a request for consent must tell people of a region, such as US; nil for a
// region that no pack is about.
func (r *Rules) AtRequest(region string, ch consent.Channel, cl consent.Class, at time.Time) (out []RuleIndex) {
	i, known := r.byRegion[region]
	if !known {
		return nil
	}
	for _, p := range r.jurisdictions[i].chain {
		for _, rule := range p.Rules {
			id := r.byID[rule.ID]
			if rule.Kind == KindDisclosure && rule.Disclosure.Moment == AtConsentRequest && rule.appliesTo(ch, cl, Ordinary) && r.holdsAt(id, at.Unix()) {
				out = append(out, id)
			}
		}
	}
	return out
}

// Elements holds a wording against what rules want a request for consent to say. It looks for words that usually say it:
// it finds what was forgotten, and approves nothing.
func (r *Rules) Elements(w Wording, rules []RuleIndex) (out []Element) {
	text := strings.ToLower(w.Text)
	language, _, _ := strings.Cut(strings.ToLower(w.Language), "-")
	for _, i := range rules {
		rule := r.Rule(i)
		if rule == nil || rule.Disclosure == nil {
			continue
		}
		for _, item := range rule.Disclosure.Items {
			out = append(out, Element{i, item, elements().state(item, text, language, &w)})
		}
	}
	return out
}

//go:embed elements.tsv
var elementFile string

// elementTable is elements.tsv: which element an item asks for, and the cues of elements by language.
type elementTable struct {
	items map[string]string
	cues  map[string]map[string][]string
}

var elements = sync.OnceValue(func() elementTable {
	t := elementTable{items: map[string]string{}, cues: map[string]map[string][]string{}}
	n := 0
	for line := range strings.Lines(elementFile) {
		n++
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case fields[0] == "item" && len(fields) == 3:
			t.items[fields[1]] = fields[2]
		case fields[0] == "cue" && len(fields) == 4:
			if t.cues[fields[1]] == nil {
				t.cues[fields[1]] = map[string][]string{}
			}
			t.cues[fields[1]][fields[2]] = strings.Split(fields[3], "|")
		default:
			panic(fmt.Sprintf("elements.tsv: line %d cannot be read", n)) // embedded
		}
	}
	return t
})

func (t elementTable) state(item, text, language string, w *Wording) ElementState {
	element := t.items[item]
	switch {
	case element == "form":
		return ByForm
	case element == "brand":
		return named(text, w.Brand)
	case element == "contact" && w.Contact, element == "terms" && w.Terms, element == "privacy" && w.Privacy,
		element == "purpose" && w.Purpose != "" && strings.Contains(text, strings.ToLower(w.Purpose)):
		return Said
	}
	cues, everywhere := t.cues[element][language], t.cues[element]["*"]
	if len(cues)+len(everywhere) == 0 {
		return Unsure
	}
	if slices.ContainsFunc(append(slices.Clone(cues), everywhere...), func(c string) bool { return strings.Contains(text, c) }) {
		return Said
	}
	return Missing
}

// named reports whether a text names a brand, by its name or by the first words that tell it from others.
func named(text, brand string) ElementState {
	fields := strings.Fields(strings.ToLower(brand))
	for n := len(fields); n > 0; n-- {
		if short := strings.Join(fields[:n], " "); (n > 1 || len(short) > 3 || len(fields) == 1) && strings.Contains(text, short) {
			return Said
		}
	}
	if brand == "" {
		return Unsure
	}
	return Missing
}
