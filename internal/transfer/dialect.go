package transfer

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/consentline/consentline/internal/consent"
)

// Field is one thing that a row can say about a consent, and that a column can be mapped to.
type Field string

// The fields. GrantedAt and WithdrawnAt are for exports that date each state in a column of its own.
const (
	FieldNumber      Field = "number"
	FieldRegion      Field = "region"
	FieldBrand       Field = "brand"
	FieldSender      Field = "sender"
	FieldPurpose     Field = "purpose"
	FieldChannel     Field = "channel"
	FieldStatus      Field = "status"
	FieldLevel       Field = "level"
	FieldSource      Field = "source"
	FieldMethod      Field = "method"
	FieldEffectiveAt Field = "effective_at"
	FieldGrantedAt   Field = "granted_at"
	FieldWithdrawnAt Field = "withdrawn_at"
	FieldConfirmed   Field = "confirmed"
	FieldValidUntil  Field = "valid_until"
	FieldReviewAt    Field = "review_at"
	FieldDisclosure  Field = "disclosure"
	FieldText        Field = "text"
	FieldLanguage    Field = "language"
	FieldEvidence    Field = "evidence"
	FieldActor       Field = "actor"
	FieldEventID     Field = "event_id"
	FieldCorrelation Field = "correlation_id"
)

// Fields lists every field a column can be mapped to.
var Fields = []Field{
	FieldNumber, FieldRegion, FieldBrand, FieldSender, FieldPurpose, FieldChannel, FieldStatus, FieldLevel, FieldSource, FieldMethod,
	FieldEffectiveAt, FieldGrantedAt, FieldWithdrawnAt, FieldConfirmed, FieldValidUntil, FieldReviewAt, FieldDisclosure,
	FieldText, FieldLanguage, FieldEvidence, FieldActor, FieldEventID, FieldCorrelation,
}

// Dialect is how one system's export writes consent down: the names of its columns and the words in them.
type Dialect struct {
	Name  string // as the command line takes it
	Title string // for people

	marks      []string // headers, folded, by which the dialect is known
	all        []string // headers that it never lacks
	source     map[string]consent.Source
	purpose    map[string]consent.PurposeID
	sourceFree bool // an unknown source is a text for people, kept as the method
	label      bool // the purpose column holds the system's own ids, which mean nothing until mapped
	guarded    bool // written by this package, so that Guard is undone where it was done
	statements []statement
}

// statement is one thing that each row of a dialect states: a status with what belongs to it.
type statement struct {
	name       string
	channels   []consent.Channel
	purpose    consent.PurposeID
	columns    map[Field][]string
	status     map[string]meaning
	datesState bool // a date without a status says that the state was reached
	only       *condition
}

// condition restricts a statement to rows whose column says that they are about telephones.
type condition struct {
	columns    []string
	keep, drop []string // folded
}

// meaning is what a status word says.
type meaning struct {
	act       consent.Kind
	confirmed bool
	unticked  bool
	skip      string // why the row states no consent
}

//go:embed dialects.json
var dialectsJSON []byte

// vocabulary is the embedded table, with every word folded.
type vocabulary struct {
	dialects []*Dialect
	values   map[string]map[string]meaning
	channels map[string]string
	regions  map[string]string
}

var known = mustVocabulary(dialectsJSON)

// Dialects lists the dialects that are known, the generic one apart.
func Dialects() []*Dialect { return slices.Clone(known.dialects) }

// DialectByName finds a dialect; the error names the known ones.
func DialectByName(name string) (*Dialect, error) {
	var names []string
	for _, d := range known.dialects {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return nil, fmt.Errorf("unknown dialect %q: want one of %s", name, strings.Join(names, ", "))
}

// fold makes one word of the ways in which systems write it: "Opt-In", "opt in" and "OPT_IN" are "optin".
func fold(word string) string {
	if strings.TrimSpace(word) == "*" {
		return "*"
	}
	var b strings.Builder
	for _, r := range word {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

func foldAll(words []string) []string {
	folded := make([]string, len(words))
	for i, w := range words {
		folded[i] = fold(w)
	}
	return folded
}

// The table as it is written.
type (
	vocabularyJSON struct {
		Values   map[string]map[string][]string `json:"values"`
		Channels map[string][]string            `json:"channels"`
		Regions  map[string][]string            `json:"regions"`
		Dialects []dialectJSON                  `json:"dialects"`
	}
	dialectJSON struct {
		Name       string              `json:"name"`
		Title      string              `json:"title"`
		Marks      []string            `json:"marks"`
		All        []string            `json:"all"`
		Columns    map[Field][]string  `json:"columns"`
		Source     map[string][]string `json:"source"`
		Purpose    map[string][]string `json:"purpose"`
		SourceFree bool                `json:"source_free"`
		Label      bool                `json:"label"`
		Guarded    bool                `json:"guarded"`
		Statements []statementJSON     `json:"statements"`
	}
	statementJSON struct {
		Name       string              `json:"name"`
		Channels   []consent.Channel   `json:"channels"`
		Purpose    consent.PurposeID   `json:"purpose"`
		Columns    map[Field][]string  `json:"columns"`
		Values     string              `json:"values"`
		Status     map[string][]string `json:"status"`
		DatesState bool                `json:"dates_state"`
		Only       *struct {
			Columns []string `json:"columns"`
			Keep    []string `json:"keep"`
			Drop    []string `json:"drop"`
		} `json:"only"`
	}
)

func mustVocabulary(text []byte) *vocabulary {
	v, err := readVocabulary(text)
	if err != nil {
		panic(err) // the table is part of the program
	}
	return v
}

func readVocabulary(text []byte) (*vocabulary, error) {
	var raw vocabularyJSON
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("read dialects: %w", err)
	}
	v := &vocabulary{values: map[string]map[string]meaning{}}
	var err error
	for name, words := range raw.Values {
		if v.values[name], err = invert(words, readMeaning); err != nil {
			return nil, fmt.Errorf("read values %s: %w", name, err)
		}
	}
	asIs := func(s string) (string, error) { return s, nil }
	if v.channels, err = invert(raw.Channels, asIs); err != nil {
		return nil, fmt.Errorf("read channels: %w", err)
	}
	if v.regions, err = invert(raw.Regions, asIs); err != nil {
		return nil, fmt.Errorf("read regions: %w", err)
	}
	for _, d := range raw.Dialects {
		dialect, err := v.dialect(d)
		if err != nil {
			return nil, fmt.Errorf("read dialect %s: %w", d.Name, err)
		}
		v.dialects = append(v.dialects, dialect)
	}
	return v, nil
}

func (v *vocabulary) dialect(raw dialectJSON) (*Dialect, error) {
	d := &Dialect{
		Name: raw.Name, Title: raw.Title, marks: foldAll(raw.Marks), all: foldAll(raw.All),
		sourceFree: raw.SourceFree, label: raw.Label, guarded: raw.Guarded,
	}
	var err error
	if d.source, err = invert(raw.Source, consent.ParseSource); err != nil {
		return nil, err
	}
	if d.purpose, err = invert(raw.Purpose, func(s string) (consent.PurposeID, error) { return consent.PurposeID(s), nil }); err != nil {
		return nil, err
	}
	for _, s := range raw.Statements {
		st := statement{name: s.Name, channels: s.Channels, purpose: s.Purpose, datesState: s.DatesState, columns: maps.Clone(raw.Columns)}
		maps.Copy(st.columns, s.Columns)
		for field := range st.columns {
			if !slices.Contains(Fields, field) {
				return nil, fmt.Errorf("unknown field %q", field)
			}
		}
		if st.status = v.values[s.Values]; st.status == nil {
			if st.status, err = invert(s.Status, readMeaning); err != nil {
				return nil, err
			}
		}
		if s.Only != nil {
			st.only = &condition{columns: s.Only.Columns, keep: foldAll(s.Only.Keep), drop: foldAll(s.Only.Drop)}
		}
		d.statements = append(d.statements, st)
	}
	return d, nil
}

// invert turns "meaning: words" into "word: meaning", and refuses a word that has two meanings.
func invert[M any](table map[string][]string, read func(string) (M, error)) (map[string]M, error) {
	inverted := map[string]M{}
	for name, words := range table {
		m, err := read(name)
		if err != nil {
			return nil, err
		}
		for _, word := range words {
			folded := fold(word)
			if _, twice := inverted[folded]; twice {
				return nil, fmt.Errorf("%q stands twice", word)
			}
			inverted[folded] = m
		}
	}
	return inverted, nil
}

func readMeaning(name string) (meaning, error) {
	if reason, ok := strings.CutPrefix(name, "skip "); ok {
		return meaning{skip: reason}, nil
	}
	if name == "unticked" {
		return meaning{unticked: true}, nil
	}
	act, confirmed := strings.CutSuffix(name, "+confirmed")
	kind, err := consent.ParseKind(act)
	return meaning{act: kind, confirmed: confirmed}, err
}
