package reply

import "testing"

// grants lists the words that grant in some country, with one that they grant in.
func grants(set *Set) map[string]string {
	regions := map[string]string{}
	for word, rows := range set.keywords {
		for _, k := range rows {
			if k.label != OptIn && k.label != affirm {
				continue
			}
			if regions[word] = ""; len(k.regions) > 0 {
				regions[word] = k.regions[0]
			}
		}
	}
	return regions
}

// doubts are what people put around a yes that is none: a negation, a question, a condition, a laugh, other words. The
// last two are words that no language has.
var doubts = []string{
	"no", "not", "don't", "never", "stop", "but", "maybe", "later", "non", "ne pas", "jamais", "mais", "nein", "nicht", "kein", "aber",
	"nunca", "pero", "não", "mas", "non mai", "ma", "niet", "nooit", "maar", "ikke", "aldrig", "men", "inte", "aldri", "ekki", "aldrei",
	"ei", "en", "älä", "mutta", "nie", "moenie", "cha", "kodwa", "नहीं", "मत", "nahi", "mat", "لا", "ليس", "la", "いいえ", "しない", "不", "不要",
	"when?", "if it is free", "😂", "lol", "haha", "?", "👎", "3pm", "tomorrow", "zorkdrobble", "mm hm zork",
}

// TestNothingBesideAYesGrants puts every doubt before and after every word that grants, in every language, and expects no
// grant but where the two together are such a word themselves.
func TestNothingBesideAYesGrants(t *testing.T) {
	set := Default()
	known := grants(set)
	if len(known) < 80 {
		t.Fatalf("only %d words grant: the data was not read as expected", len(known))
	}
	for word, region := range known {
		for _, doubt := range doubts {
			for _, text := range []string{word + " " + doubt, word + ", " + doubt, doubt + " " + word, word + ". " + doubt, word + "\n" + doubt} {
				if _, itself := known[join(set.tokenise(fold(text), text).tokens, typed)]; itself && doubt != "?" {
					continue
				}
				if got := Classify(Input{Text: text, Region: region, Pending: true}); got.Label == OptIn {
					t.Errorf("%q in %q grants by %s", text, region, got.Rule)
				}
			}
		}
	}
}

// TestYesGrantsOnlyWhereItWasAskedFor reads every word that grants alone, with and without a request that waits.
func TestYesGrantsOnlyWhereItWasAskedFor(t *testing.T) {
	set := Default()
	for word, region := range grants(set) {
		k, ok := set.keyword(word, region)
		if !ok {
			t.Errorf("%q in %q is not found", word, region)
			continue
		}
		asked := Classify(Input{Text: word, Region: region, Pending: true})
		unasked := Classify(Input{Text: word, Region: region})
		if asked.Label != OptIn {
			t.Errorf("%q in %q, asked for: got %s (%s)", word, region, asked.Label, asked.Rule)
		}
		if k.label == affirm && unasked.Label != None {
			t.Errorf("%q in %q, not asked for: got %s (%s)", word, region, unasked.Label, unasked.Rule)
		}
	}
}
