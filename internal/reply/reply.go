// Package reply reads what an inbound text means for consent: a withdrawal, a grant, a call for help, or neither.
//
// Classify is a pure function of its input and of a Set of words and phrases, which is data (data/*.tsv) that operators
// can add to with ParseSet. It is asymmetric on purpose. A withdrawal may come in any words that a reasonable person
// would understand as one (47 CFR 64.1200(a)(10)), so typos, look-alike letters, spaced letters and whole sentences in
// some twenty-five languages count. A grant counts only in exact words. Others may rely on: the same input and the
// same Result.Version give the same result; no input panics; the time is bounded, since only the head and the tail of a
// long text are read. The package stores nothing and does no I/O.
package reply

// Label is what a text means.
type Label string

// The labels. Ambiguous is a real answer: hold marketing, ask once, and let a person look; silence keeps the hold.
const (
	OptOut    Label = "opt_out"
	OptIn     Label = "opt_in"
	Help      Label = "help"
	Ambiguous Label = "ambiguous"
	None      Label = "none"
)

// Scope is what a withdrawal covers, as far as its words tell; it is empty unless the label is OptOut.
type Scope string

// The scopes. Purpose is the default: whatever the sender that was answered sends. Texts is every message, Calls every
// call, Everything all contact by the brand. Words for both texts and calls widen to Everything.
const (
	NoScope    Scope = ""
	Purpose    Scope = "purpose"
	Texts      Scope = "texts"
	Calls      Scope = "calls"
	Everything Scope = "everything"
)

// Input is one inbound text and what is known about where it came from.
type Input struct {
	// Text is the body as it arrived; it need not be valid UTF-8.
	Text string
	// Region is the ISO 3166-1 alpha-2 code of the number, in capitals. It decides words that mean different things in
	// different countries; empty reads such a word with caution.
	Region string
	// Pending says that a double opt-in request to this number awaits its answer; only then is a bare yes a grant.
	Pending bool
	// Keywords are the words to go by; nil stands for Default.
	Keywords *Set
}

// Result is the reading of one text.
type Result struct {
	Label Label `json:"label"`
	Scope Scope `json:"scope,omitempty"`
	// Language is the BCP 47 tag of the rule that fired; empty when the word belongs to several languages.
	Language string `json:"language,omitempty"`
	// Rule is the id of the rule that fired, "language/name"; empty when none did.
	Rule string `json:"rule,omitempty"`
	// Version names the classifier and the data that it went by; it is recorded with the act.
	Version string `json:"version"`
}

// Classify reads one text. It never fails: what it does not understand is None.
func Classify(in Input) Result {
	set := in.Keywords
	if set == nil {
		set = Default()
	}
	res := set.classify(in)
	res.Version = set.version
	return res
}

func (s *Set) classify(in Input) Result {
	text, bounced := s.own(fold(in.Text))
	if bounced {
		return Result{Label: None, Rule: "und/tapback"}
	}
	m := s.tokenise(text, in.Text)
	defer m.release()
	r := s.means(m, in)
	if r.Label != None {
		return r
	}
	joined, ok := m.staccato()
	if !ok {
		return r
	}
	again := s.tokenise(joined, joined)
	defer again.release()
	if o := s.means(again, in); o.Label == OptOut {
		return o
	}
	return r
}

// means reads a message that was cut into tokens.
func (s *Set) means(m *message, in Input) Result {
	if len(m.tokens) == 0 {
		return Result{Label: None}
	}
	if r, ok := s.wholeMessage(m, in); ok {
		return r
	}
	if r, ok := s.sentences(m); ok {
		return r
	}
	if r, ok := s.unspaced(m.squashed); ok {
		return r
	}
	return Result{Label: None}
}
