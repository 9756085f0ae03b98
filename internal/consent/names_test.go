package consent_test

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
)

// word is what every enumeration of the package is.
type word interface {
	comparable
	fmt.Stringer
	encoding.TextMarshaler
}

// holdNames holds one enumeration to its words. The words stand in the ledger for ever, so they are written out here.
func holdNames[E word](t *testing.T, what string, values []E, words []string, beyond E, parse func(string) (E, error), read func([]byte) (E, error)) {
	t.Helper()
	for i, v := range values {
		text, err := v.MarshalText()
		if v.String() != words[i] || string(text) != words[i] || err != nil {
			t.Errorf("%s %d: got %s, %q, %v; want %s", what, i, v, text, err, words[i])
		}
		if got, err := read([]byte(words[i])); got != v || err != nil {
			t.Errorf("read %s %s: got %v, %v", what, words[i], got, err)
		}
		if got, err := parse(words[i]); words[i] != "" && (got != v || err != nil) {
			t.Errorf("parse %s %s: got %v, %v", what, words[i], got, err)
		}
	}
	known := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	for _, bad := range []string{"", "nonsense", strings.ToUpper(known[0]) + "X", known[len(known)-1] + " "} {
		var unknown *consent.UnknownNameError
		_, err := parse(bad)
		if !errors.As(err, &unknown) || unknown.What != what || unknown.Got != bad || !slices.Equal(unknown.Known, known) {
			t.Errorf("parse %s %q: got %v (%+v), want an UnknownNameError that knows %v", what, bad, err, unknown, known)
		}
		if _, err := read([]byte(bad)); bad != "" && !errors.As(err, &unknown) {
			t.Errorf("read %s %q: got %v, want an UnknownNameError", what, bad, err)
		}
	}
	if text, err := beyond.MarshalText(); err == nil {
		t.Errorf("%s without a name: got %q, want an error", what, text)
	}
	if want := what + "("; !strings.HasPrefix(beyond.String(), want) {
		t.Errorf("%s without a name: got %s, want %s…", what, beyond, want)
	}
}

func reader[E any, P interface {
	*E
	encoding.TextUnmarshaler
}](b []byte) (E, error) {
	var e E
	err := P(&e).UnmarshalText(b)
	return e, err
}

func TestTheWordsOfTheLedger(t *testing.T) {
	holdNames(t, "act", append([]consent.Kind{consent.NoKind}, consent.Kinds...),
		[]string{"", "requested", "granted", "refused", "withdrawn", "revoked", "renewed", "expired", "reassigned"}, consent.Reassigned+1, consent.ParseKind, reader)
	holdNames(t, "channel", append([]consent.Channel{consent.AnyChannel}, consent.Channels...),
		[]string{"*", "sms", "whatsapp", "voice_live", "voice_auto"}, consent.VoiceAuto+1, consent.ParseChannel, reader)
	holdNames(t, "purpose class", append([]consent.Class{consent.NoClass}, consent.Classes...),
		[]string{"", "marketing", "transactional", "service_alert", "debt_collection"}, consent.DebtCollection+1, consent.ParseClass, reader)
	holdNames(t, "level", []consent.Level{consent.NoLevel, consent.Implied, consent.SoftOptIn, consent.Express, consent.ExpressWritten},
		[]string{"", "implied", "soft_opt_in", "express", "express_written"}, consent.ExpressWritten+1, consent.ParseLevel, reader)
	holdNames(t, "source", append([]consent.Source{consent.NoSource}, consent.Sources...), []string{
		"", "web_form", "sms_keyword", "sms_reply", "voice_call", "in_person", "paper", "preference_centre",
		"agent", "api", "import", "provider", "crm", "system",
	}, consent.System+1, consent.ParseSource, reader)
	holdNames(t, "status", []consent.Status{
		consent.None, consent.Pending, consent.StatusGranted, consent.StatusRefused, consent.StatusWithdrawn, consent.StatusRevoked, consent.StatusExpired,
	}, []string{"none", "pending", "granted", "refused", "withdrawn", "revoked", "expired"}, consent.StatusExpired+1, consent.ParseStatus, reader)
	holdNames(t, "via", []consent.Via{consent.Live, consent.ViaBatch, consent.ViaImport, consent.ViaProvider, consent.ViaCRM},
		[]string{"", "batch", "import", "provider", "crm"}, consent.ViaCRM+1,
		func(s string) (consent.Via, error) { return parseVia(s) }, reader)
}

// parseVia reads a road as JSON does; there is no other way to, and nothing is not a word to be parsed.
func parseVia(s string) (v consent.Via, err error) {
	if s == "" {
		return v, &consent.UnknownNameError{What: "via", Known: []string{"batch", "import", "provider", "crm"}}
	}
	err = v.UnmarshalText([]byte(s))
	return v, err
}

func TestTheNumbersOfTheLedger(t *testing.T) {
	got := []uint8{
		uint8(consent.Reassigned), uint8(consent.ExpressWritten), uint8(consent.System), uint8(consent.StatusExpired),
		uint8(consent.VoiceAuto), uint8(consent.DebtCollection), uint8(consent.ViaCRM), uint8(consent.StatusWithdrawn), uint8(consent.API),
	}
	if want := []uint8{8, 4, 13, 6, 4, 4, 4, 4, 9}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: these numbers stand in databases and indexes", got, want)
	}
}

func TestWordsInJSON(t *testing.T) {
	type all struct {
		Kind    consent.Kind
		Channel consent.Channel
		Class   consent.Class
		Level   consent.Level
		Source  consent.Source
		Status  consent.Status
		Via     consent.Via
	}
	rapid.Check(t, func(t *rapid.T) {
		in := all{
			rapid.SampledFrom(consent.Kinds).Draw(t, "kind"), rapid.SampledFrom(consent.Channels).Draw(t, "channel"),
			rapid.SampledFrom(consent.Classes).Draw(t, "class"), consent.Level(rapid.IntRange(0, 4).Draw(t, "level")),
			rapid.SampledFrom(consent.Sources).Draw(t, "source"), consent.Status(rapid.IntRange(0, 6).Draw(t, "status")),
			consent.Via(rapid.IntRange(0, 4).Draw(t, "via")),
		}
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out all
		if err := json.Unmarshal(text, &out); err != nil || out != in {
			t.Fatalf("%s: got %+v, %v; want %+v", text, out, err, in)
		}
	})
}

func TestAnUnknownNameSaysWhichWouldDo(t *testing.T) {
	_, err := consent.ParseClass("spam")
	const want = `unknown purpose class "spam": want one of marketing, transactional, service_alert, debt_collection`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWhatActsAndStatusesDo(t *testing.T) {
	var restrict, grant, person, restricted, text []string
	for _, k := range consent.Kinds {
		if k.Restricts() {
			restrict = append(restrict, k.String())
		}
		if k.Grants() {
			grant = append(grant, k.String())
		}
	}
	for _, s := range consent.Sources {
		if s.OfThePerson() {
			person = append(person, s.String())
		}
	}
	for s := consent.None; s <= consent.StatusExpired; s++ {
		if s.Restricted() {
			restricted = append(restricted, s.String())
		}
	}
	for _, c := range consent.Channels {
		if c.Texts() {
			text = append(text, c.String())
		}
	}
	got := strings.Join([]string{fmt.Sprint(restrict), fmt.Sprint(grant), fmt.Sprint(person), fmt.Sprint(restricted), fmt.Sprint(text)}, "\n")
	const want = `[refused withdrawn revoked expired reassigned]
[granted renewed]
[web_form sms_keyword sms_reply voice_call in_person paper preference_centre agent]
[refused withdrawn revoked]
[sms whatsapp]`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if consent.NoSource.OfThePerson() || consent.NoKind.Restricts() || consent.NoKind.Grants() {
		t.Error("nothing told counts for something")
	}
}
