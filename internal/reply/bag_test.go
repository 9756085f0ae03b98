package reply

import (
	"strings"
	"testing"
)

const bagRows = "language\txx\n" +
	"class\tobject\tzarquon\n" +
	"bag\topt_out\ttexts\tany-order\tflurble|flurbled grommets !<object> !never\n" +
	"guard\tplace\tflurble street\n"

func TestBagReadsASentenceInAnyOrder(t *testing.T) {
	set, err := ParseSet(strings.NewReader(bagRows))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Label{
		"flurble all of them grommets":        OptOut,
		"those grommets ought be flurbled":    OptOut,
		"flurble the grommets, zarquon":       None, // barred
		"grommets one never could flurble":    None, // barred
		"flurble away. Grommets are lovely":   None, // two sentences
		"grommets on flurble street":          None, // a guard took one of the two
		"flurble flurbled":                    None, // one need filled twice
		"zarquon. flurble all those grommets": OptOut,
	} {
		got := Classify(Input{Text: text, Keywords: set})
		if got.Label != want {
			t.Errorf("%q: got %s (%s), want %s", text, got.Label, got.Rule, want)
		}
		if got.Label == OptOut && (got.Scope != Texts || got.Rule != "xx/any-order") {
			t.Errorf("%q: got scope %s, rule %s", text, got.Scope, got.Rule)
		}
	}
}

func TestBagThatMeansNothingHidesItsWords(t *testing.T) {
	set, err := ParseSet(strings.NewReader(bagRows + "bag\tnone\t-\telsewhere\tflurble workshop !urgent\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Label{
		"flurble all of them grommets":                   OptOut,
		"flurble all grommets of the workshop":           None,
		"grommets: flurble my workshop":                  None,
		"flurble all grommets of the workshop, urgent":   OptOut, // barred
		"workshop, workshop. flurble all those grommets": OptOut, // another sentence
	} {
		if got := Classify(Input{Text: text, Keywords: set}); got.Label != want {
			t.Errorf("%q: got %s (%s), want %s", text, got.Label, got.Rule, want)
		}
	}
}

func TestBagRowsAreChecked(t *testing.T) {
	for row, want := range map[string]string{
		"bag\topt_out\ttexts\tone\tflurble":            "two words",
		"bag\topt_out\ttexts\tonly-bars\t!a !b":        "two words",
		"bag\topt_out\ttexts\tgap\tflurble .. grom":    "bag element",
		"bag\topt_out\ttexts\tend\tflurble grom $":     "bag element",
		"bag\topt_out\ttexts\tclass\tflurble <nosuch>": "not defined",
		"bag\topt_in\t-\tgrant\tflurble grom":          "may not grant",
	} {
		_, err := ParseSet(strings.NewReader(row))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: got %v, want an error on line 1 about %q", row, err, want)
		}
	}
}

func TestConditionTempersItsOwnClause(t *testing.T) {
	for text, want := range map[string]Label{
		"stop texting me until Monday":                       Ambiguous,
		"stop texting me at night":                           Ambiguous,
		"stop texting me at night, remove my number":         OptOut,
		"stop calling me, I'm at work":                       OptOut,
		"please stop texting me. just kidding":               Ambiguous,
		"stop sending these after 9pm. unsubscribe me today": OptOut,
	} {
		if got := Classify(Input{Text: text}); got.Label != want {
			t.Errorf("%q: got %s (%s), want %s", text, got.Label, got.Rule, want)
		}
	}
}

func TestSlipInAKeywordOfSeveralWords(t *testing.T) {
	for text, want := range map[string]Label{
		"worng number": OptOut, "wrong numbr": OptOut, "wrongnumber": OptOut, "remov my number": OptOut,
		"otp out": OptOut, "op out": OptOut, "strong lumber": None, "hop on out": None,
	} {
		if got := Classify(Input{Text: text}); got.Label != want {
			t.Errorf("%q: got %s (%s), want %s", text, got.Label, got.Rule, want)
		}
	}
}
