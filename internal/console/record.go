package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// recordPage is the form by which a member of staff records what a person said, with the words to read out.
type recordPage struct {
	Who     who
	Number  string
	Choices choices
	Act     consent.Kind
	Acts    []consent.Kind
	Once    string
	Now     time.Time

	// Of a yes: the words that can be read out. Ready is false until a scope was chosen.
	Ready   bool
	Brand   string
	Purpose string
	Scripts []script
	Sources []consent.Source
	Levels  []consent.Level
}

// script is a wording to read out; what has none is asked for in plain words, which are kept as they are.
type script struct {
	Ref      string // id@version; empty for plain words
	Language string
	Text     string
}

var (
	agentActs    = []consent.Kind{consent.Granted, consent.Withdrawn, consent.Refused}
	agentSources = []consent.Source{consent.VoiceCall, consent.InPerson, consent.Paper, consent.Agent}
	agentLevels  = []consent.Level{consent.Express, consent.ExpressWritten, consent.SoftOptIn, consent.Implied}
)

func (s *console) showRecord(v *visit) error {
	p, err := s.byPath(v)
	if err != nil {
		return err
	}
	return s.renderRecord(v, p, http.StatusOK, form{Values: v.URL.Query()})
}

func (s *console) renderRecord(v *visit, p who, status int, f form) error {
	page := recordPage{
		Who: p, Choices: s.choices(v), Acts: agentActs, Sources: agentSources, Levels: agentLevels,
		Once: f.Value("once"), Now: s.Now().UTC(),
	}
	page.Number, _ = s.numberOf(v, p)
	if page.Once == "" {
		page.Once = newOnce()
	}
	page.Choices.Scope, page.Act = scopeIn(f), consent.Granted
	if kind, err := consent.ParseKind(f.Value("act")); err == nil {
		page.Act = kind
	}
	scope := page.Choices.Scope
	page.Ready = scope.Brand != "" && scope.Purpose != "" && (page.Act.Restricts() || scope.Concrete())
	page.Brand, page.Purpose = s.brandName(scope.Brand), s.purposeName(scope.Purpose)
	if page.Act == consent.Granted && page.Ready {
		page.Scripts = s.scripts(scope)
	}
	return s.render(v, status, "record", view{Title: "Record for " + page.Number, Section: "/console/number", Form: f, Page: page})
}

func scopeIn(f form) consent.Scope {
	scope := consent.Scope{Brand: consent.BrandID(f.Value("brand")), Purpose: consent.PurposeID(f.Value("purpose"))}
	scope.Channel, _ = consent.ParseChannel(f.Value("channel"))
	return scope
}

// scripts returns the latest version of every wording that is for a scope. Without one, plain words say what is agreed.
func (s *console) scripts(scope consent.Scope) []script {
	var out []script
	for _, d := range s.Catalog.Disclosures() {
		if d.Brand != scope.Brand || d.Purpose != "" && d.Purpose != scope.Purpose {
			continue
		}
		latest := d.Versions[len(d.Versions)-1]
		ref := ledger.FormatDisclosure(consent.DisclosureRef{ID: d.ID, Version: latest.Version})
		out = append(out, script{Ref: ref, Language: latest.Language, Text: latest.Text})
	}
	if len(out) > 0 {
		return out
	}
	text := "Do you agree that " + s.brandName(scope.Brand) + " contacts you at this number, by " + channelName(scope.Channel) +
		", for this: " + s.purposeName(scope.Purpose) + "? You can say no, and you can withdraw at any time."
	return []script{{Language: "en", Text: text}}
}

func (s *console) brandName(id consent.BrandID) string {
	if b, err := s.Catalog.Brand(string(id)); err == nil {
		return b.Name
	}
	return string(id)
}

func (s *console) purposeName(id consent.PurposeID) string {
	if p, err := s.Catalog.Purpose(string(id)); err == nil {
		return p.Name
	}
	return string(id)
}

func (s *console) record(v *visit) error {
	p, err := s.byPath(v)
	if err != nil {
		return err
	}
	f, err := v.typed()
	if err != nil {
		return err
	}
	report, err := s.agentReport(v, p, f)
	var result act.Result
	if err == nil {
		result, err = s.tell(v, report)
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderRecord(v, p, http.StatusUnprocessableEntity, f)
	}
	known, err := s.byNumber(v, p.Number)
	if err != nil {
		return err
	}
	return v.done(known.Path(), recordCodes[result.Outcome])
}

// agentReport is the act as the member of staff tells of it.
func (s *console) agentReport(v *visit, p who, f form) (act.Report, error) {
	r := act.Report{
		Number: p.Number.String(), Evidence: strings.TrimSpace(f.Value("evidence")), Method: strings.TrimSpace(f.Value("method")),
		Actor: v.caller.Name, IdempotencyKey: f.Value("once"),
	}
	scope := scopeIn(f)
	r.Brand, r.Purpose, r.Channel = scope.Brand, scope.Purpose, scope.Channel
	var err error
	if r.Act, err = consent.ParseKind(f.Value("act")); err != nil || !slices.Contains(agentActs, r.Act) {
		return r, invalid("act", "choose what the person said")
	}
	if r.Source, err = consent.ParseSource(f.Value("source")); err != nil || !slices.Contains(agentSources, r.Source) {
		return r, invalid("source", "choose where the person said it")
	}
	if r.EffectiveAt, err = f.at("effective_at"); err != nil {
		return r, err
	}
	if r.Act != consent.Granted {
		return r, nil
	}
	if f.Value("said_yes") == "" {
		return r, invalid("said_yes", "read the words out and tick this only if the person said yes to them")
	}
	if r.Level, err = consent.ParseLevel(f.Value("level")); err != nil {
		return r, invalid("level", "choose how strong the consent is")
	}
	if r.ValidUntil, err = f.at("valid_until"); err != nil {
		return r, err
	}
	return r, s.readOut(&r, scope, f.Value("script"))
}

// readOut puts the words that were read out into the report: those that the form showed, and no others.
func (s *console) readOut(r *act.Report, scope consent.Scope, chosen string) error {
	for _, sc := range s.scripts(scope) {
		if sc.Ref == chosen {
			if r.Disclosure = sc.Ref; sc.Ref == "" {
				r.Text, r.Language = sc.Text, sc.Language
			}
			return nil
		}
	}
	return invalid("script", "choose the words that you read out; they may have got a new version since you opened this page")
}
