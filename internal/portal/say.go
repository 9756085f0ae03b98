package portal

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/consentline/consentline/internal/consent"
)

//go:embed messages/*.json
var messageFiles embed.FS

// tags are the languages of the public pages; the first is for whoever speaks none of them.
var tags = []string{"en", "de", "fr", "es", "pt", "fi", "is"}

// languages are the message catalogues.
type languages struct {
	matcher language.Matcher
	by      []say
}

// say speaks one language.
type say struct {
	Tag      string
	messages map[string]string
}

func readLanguages() *languages {
	out := &languages{}
	var parsed []language.Tag
	for _, tag := range tags {
		text, err := messageFiles.ReadFile(path.Join("messages", tag+".json"))
		if err != nil {
			panic(err) // embedded
		}
		s := say{Tag: tag, messages: map[string]string{}}
		if err := json.Unmarshal(text, &s.messages); err != nil {
			panic(fmt.Sprintf("messages/%s.json: %v", tag, err)) // embedded
		}
		out.by, parsed = append(out.by, s), append(parsed, language.Make(tag))
	}
	out.matcher = language.NewMatcher(parsed)
	return out
}

// of is the language of a visitor: the one in the address, else the one that their browser asks for.
func (l *languages) of(r *http.Request) say {
	_, i := language.MatchStrings(l.matcher, r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
	return l.by[i]
}

// named is the language of a form that was sent, as the form says.
func (l *languages) named(tag string, otherwise say) say {
	for _, s := range l.by {
		if s.Tag == tag {
			return s
		}
	}
	return otherwise
}

// Say returns a message, with its placeholders filled in from names and values in turn.
func (s say) Say(key string, pairs ...string) string {
	text, ok := s.messages[key]
	if !ok {
		return key
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", pairs[i+1])
	}
	return text
}

// Channel returns the name of a channel.
func (s say) Channel(c consent.Channel) string { return s.Say("channel." + c.String()) }

// Status returns the name of a status.
func (s say) Status(st consent.Status) string { return s.Say("status." + st.String()) }

// Act returns what somebody did, in words.
func (s say) Act(k consent.Kind) string { return s.Say("act." + k.String()) }

// Class returns what contacts of a class are about.
func (s say) Class(c consent.Class) string { return s.Say("class." + c.String()) }

// Day writes a day as every language reads it.
func (s say) Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Languages lists the languages that there are, in their own names.
func (s say) Languages() []languageLink {
	out := make([]languageLink, 0, len(tags))
	for _, tag := range tags {
		out = append(out, languageLink{tag, ownNames[tag], tag == s.Tag})
	}
	return out
}

type languageLink struct {
	Tag, Name string
	Current   bool
}

var ownNames = map[string]string{
	"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "pt": "Português", "fi": "Suomi", "is": "Íslenska",
}
