package transfer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// statementOf reads one statement of one record, and gathers what is wrong with it.
type statementOf struct {
	*Mapper
	*plan
	rec     *Record
	guarded bool
	errs    []*FieldError
}

func cell(rec *Record, c column) string {
	text := strings.TrimSpace(string(rec.Field(c.index)))
	if c.key != "" {
		return strings.TrimSpace(attribute(text, c.key))
	}
	return text
}

func hasTelPrefix(text string) bool {
	return len(text) >= len(telPrefix) && strings.EqualFold(text[:len(telPrefix)], telPrefix)
}

func (s *statementOf) text(f Field) string {
	c, ok := s.columns[f]
	if !ok {
		return ""
	}
	text := cell(s.rec, c)
	if s.guarded {
		return Unguard(text)
	}
	return text
}

func (s *statementOf) fail(f Field, code Code, format string, args ...any) {
	name := string(f)
	if c, ok := s.columns[f]; ok {
		name = c.name
	}
	s.errs = append(s.errs, &FieldError{Row: s.rec.Row, Column: name, Code: code, Message: fmt.Sprintf(format, args...)})
}

func (s *statementOf) skip(code Code, reason string) *Skip {
	if s.name != "" {
		reason = s.name + ": " + reason
	}
	return &Skip{Row: s.rec.Row, Code: code, Reason: reason}
}

// rows returns the acts stated, one for each channel; or why there is none.
func (s *statementOf) rows() ([]Row, *Skip) {
	if skip := s.filter(); skip != nil || len(s.errs) > 0 {
		return nil, skip
	}
	means, skip := s.status()
	if skip != nil || len(s.errs) > 0 {
		return nil, skip
	}
	channels, skip := s.channelsFor(means.act)
	if skip != nil {
		return nil, skip
	}
	raw := s.text(FieldNumber)
	if raw == "" {
		return nil, s.skip(SkipNoNumber, "the row has no telephone number")
	}
	row := Row{
		Act: means.act, Confirmed: means.confirmed, Brand: s.brand(), Purpose: s.purposeOf(),
		Level: s.level(means.act), ValidUntil: s.date(FieldValidUntil), ReviewAt: s.date(FieldReviewAt),
		Disclosure: s.disclosure(), Text: s.text(FieldText), Language: s.text(FieldLanguage), Evidence: s.text(FieldEvidence),
		Actor: s.text(FieldActor), EventID: s.text(FieldEventID), CorrelationID: s.text(FieldCorrelation),
	}
	row.EffectiveAt, row.EffectiveEnd = s.effectiveAt(means.act)
	row.Number, row.Region = s.number(raw)
	row.Source, row.Method = s.sourceOf()
	if row.Actor == "" {
		row.Actor = s.settings.Actor
	}
	row.Confirmed = row.Confirmed || s.confirmed()
	var rows []Row
	for _, c := range channels {
		row.Channel = c
		if !row.Act.Restricts() && !row.Scope().Concrete() {
			s.fail(FieldChannel, CodeWildcardGrant, "only an act that restricts may cover every brand, purpose or channel")
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// filter drops rows that are about something else than telephones.
func (s *statementOf) filter() *Skip {
	if !s.filters {
		return nil
	}
	value := fold(cell(s.rec, s.plan.only))
	switch {
	case slices.Contains(s.statement.only.keep, value):
		return nil
	case slices.Contains(s.statement.only.drop, value):
		return s.skip(SkipOtherChannel, "the row is not about a telephone")
	}
	s.errs = append(s.errs, &FieldError{
		Row: s.rec.Row, Column: s.plan.only.name, Code: CodeUnknownValue,
		Message: quoted(cell(s.rec, s.plan.only)) + " is none of the contact points that are known",
	})
	return nil
}

// status reads what was done. Where the file dates both states and says none, the dates decide.
func (s *statementOf) status() (meaning, *Skip) {
	text := s.text(FieldStatus)
	if text == "" {
		return s.statusByDates()
	}
	means, ok := s.statement.status[fold(text)]
	if !ok {
		s.fail(FieldStatus, CodeUnknownStatus, "%s is not a status that is known here", quoted(text))
		return meaning{}, nil
	}
	if means.skip != "" {
		return meaning{}, s.skip(SkipNoConsent, means.skip)
	}
	if means.unticked {
		if s.settings.Unticked == consent.NoKind {
			return meaning{}, s.skip(SkipUnticked, "the box is not ticked, which states neither consent nor its end")
		}
		means = meaning{act: s.settings.Unticked}
	}
	if means.act.Grants() {
		granted, withdrawn := s.date(FieldGrantedAt), s.date(FieldWithdrawnAt)
		if !withdrawn.IsZero() && !granted.After(withdrawn) {
			s.fail(FieldStatus, CodeConflict, "the status says yes, but a withdrawal is dated no earlier than the consent")
		}
	}
	return means, nil
}

func (s *statementOf) statusByDates() (meaning, *Skip) {
	if !s.datesState {
		return meaning{}, s.skip(SkipNoStatus, "the row has no status")
	}
	granted, withdrawn := s.date(FieldGrantedAt), s.date(FieldWithdrawnAt)
	switch {
	case granted.IsZero() && withdrawn.IsZero():
		return meaning{}, s.skip(SkipNoStatus, "the row has no status and no date of one")
	case granted.After(withdrawn):
		return meaning{act: consent.Granted}, nil
	}
	return meaning{act: consent.Withdrawn}, nil
}

func (s *statementOf) channelsFor(act consent.Kind) ([]consent.Channel, *Skip) {
	text := s.text(FieldChannel)
	if text == "" {
		switch {
		case len(s.channels) > 0:
			return s.channels, nil
		case s.settings.Channel != consent.AnyChannel:
			return []consent.Channel{s.settings.Channel}, nil
		}
		s.fail(FieldChannel, CodeMissingChannel, "the file does not say for which channel: give one")
		return nil, nil
	}
	name, ok := known.channels[fold(text)]
	switch {
	case !ok:
		s.fail(FieldChannel, CodeUnknownChannel, "%s is not a channel that is known here", quoted(text))
	case name == "other":
		return nil, s.skip(SkipOtherChannel, "the row is about another channel")
	case name == "voice" && act.Restricts():
		return []consent.Channel{consent.VoiceLive, consent.VoiceAuto}, nil
	case name == "voice":
		s.fail(FieldChannel, CodeUnknownChannel, "a consent to calls must say which: voice_live, or voice_auto for autodialled or prerecorded ones")
	default:
		c, err := consent.ParseChannel(name)
		if err != nil {
			s.fail(FieldChannel, CodeUnknownChannel, "%s is not a channel that is known here", quoted(text))
		}
		return []consent.Channel{c}, nil
	}
	return nil, nil
}

func (s *statementOf) brand() consent.BrandID {
	if sender := s.text(FieldSender); sender != "" && s.settings.Senders != nil {
		brand, ok := s.settings.Senders[sender]
		if !ok {
			s.fail(FieldSender, CodeUnmappedSender, "the sender is not among those that were assigned to a brand")
		}
		return brand
	}
	name := s.text(FieldBrand)
	if name == "" {
		if s.settings.Brand == "" {
			s.fail(FieldBrand, CodeMissingBrand, "the file does not say for which brand: give one")
		}
		return s.settings.Brand
	}
	if s.settings.Brands == nil {
		return consent.BrandID(name)
	}
	brand, ok := s.settings.Brands[name]
	if !ok {
		s.fail(FieldBrand, CodeUnmappedBrand, "%s is not among the brands that were assigned", quoted(name))
	}
	return brand
}

func (s *statementOf) purposeOf() consent.PurposeID {
	name := s.text(FieldPurpose)
	if p, ok := s.settings.Purposes[name]; ok && name != "" {
		return p
	}
	label, own := s.dialect.purpose[fold(name)]
	if name == "" {
		label, own = s.statement.purpose, s.statement.purpose != ""
	}
	switch {
	case own:
		if p, ok := s.settings.Purposes[string(label)]; ok {
			return p
		}
		return label
	case name == "" && s.settings.Purpose != "":
		return s.settings.Purpose
	case name == "":
		s.fail(FieldPurpose, CodeMissingPurpose, "the file does not say for which purpose: give one")
	case s.dialect.label || s.settings.Purposes != nil:
		s.fail(FieldPurpose, CodeUnmappedPurpose, "say which purpose is meant by each name in this column")
	default:
		return consent.PurposeID(name)
	}
	return ""
}

func (s *statementOf) level(act consent.Kind) consent.Level {
	text := s.text(FieldLevel)
	if text == "" {
		if act.Grants() && s.settings.Level == consent.NoLevel {
			s.fail(FieldLevel, CodeMissingLevel, "the file does not say how strong the consent is: give a level")
		}
		if !act.Grants() {
			return consent.NoLevel
		}
		return s.settings.Level
	}
	for l := consent.Implied; l <= consent.ExpressWritten; l++ {
		if fold(l.String()) == fold(text) {
			return l
		}
	}
	s.fail(FieldLevel, CodeUnknownLevel, "%s is not a level: want implied, soft_opt_in, express or express_written", quoted(text))
	return consent.NoLevel
}

func (s *statementOf) sourceOf() (consent.Source, string) {
	text, method := s.text(FieldSource), s.text(FieldMethod)
	if method == "" {
		method = s.settings.Method
	}
	if text == "" {
		return s.settings.Source, method
	}
	if source, ok := s.dialect.source[fold(text)]; ok {
		if method == "" {
			method = text
		}
		return source, method
	}
	for _, source := range consent.Sources {
		if fold(source.String()) == fold(text) {
			return source, method
		}
	}
	if !s.dialect.sourceFree {
		s.fail(FieldSource, CodeUnknownSource, "%s is not a source that is known here", quoted(text))
		return consent.NoSource, ""
	}
	if s.text(FieldMethod) == "" {
		method = text
	}
	return s.settings.Source, method
}

// number cleans the number and finds the region for it. A country that is not understood is only a fault of numbers
// that need one: to read those in the file's default region could make them somebody else's.
func (s *statementOf) number(raw string) (number, region string) {
	number, destroyed := cleanNumber(raw)
	if destroyed {
		s.fail(FieldNumber, CodeMangledNumber, "a spreadsheet has rounded the number (as in 1.2E+10); export it again as text")
		return "", ""
	}
	country := s.text(FieldRegion)
	if country == "" {
		return number, s.settings.Region
	}
	if region, ok := known.regions[fold(country)]; ok {
		return number, region
	}
	if len(country) == 2 && strings.Trim(strings.ToUpper(country), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return number, strings.ToUpper(country)
	}
	if !strings.HasPrefix(number, "+") {
		s.fail(FieldRegion, CodeUnknownRegion, "%s is not a country that is known here, and the number has no country code", quoted(country))
	}
	return number, ""
}

// effectiveAt is when the act happened: the date of that state if there is one, else that of the last change.
func (s *statementOf) effectiveAt(act consent.Kind) (from, to time.Time) {
	switch {
	case act.Restricts():
		from, to = s.span(FieldWithdrawnAt)
	case act.Grants() || act == consent.Requested:
		from, to = s.span(FieldGrantedAt)
	}
	if from.IsZero() {
		from, to = s.span(FieldEffectiveAt)
	}
	if from.IsZero() {
		from, to = s.settings.EffectiveAt, s.settings.EffectiveEnd
	}
	if to.Before(from) {
		to = from
	}
	return from, to
}

func (s *statementOf) date(f Field) time.Time {
	from, _ := s.span(f)
	return from
}

// span reads a date as what it may mean: a moment, or a whole day.
func (s *statementOf) span(f Field) (from, to time.Time) {
	text := s.text(f)
	if noDate(text) {
		return time.Time{}, time.Time{}
	}
	from, to, err := s.dates[s.columns[f].index].span(text)
	if err == nil {
		return from, to
	}
	code := CodeBadDate
	if errors.Is(err, errAmbiguousDate) {
		code = CodeAmbiguousDate
	}
	// A date may be looked at more than once; its fault is told once.
	if name := s.columns[f].name; !slices.ContainsFunc(s.errs, func(e *FieldError) bool { return e.Column == name && e.Code == code }) {
		s.fail(f, code, "%v", err)
	}
	return time.Time{}, time.Time{}
}

// confirmed reads a flag, or the date on which the double opt-in was completed.
func (s *statementOf) confirmed() bool {
	switch text := s.text(FieldConfirmed); fold(text) {
	case "true", "yes", "1":
		return true
	case "false", "no", "0", "":
		return false
	}
	return !s.date(FieldConfirmed).IsZero()
}

// disclosure reads "id@version", or an id alone.
func (s *statementOf) disclosure() consent.DisclosureRef {
	text := s.text(FieldDisclosure)
	id, version, ok := strings.Cut(text, "@")
	if !ok {
		return consent.DisclosureRef{ID: text}
	}
	n, err := strconv.Atoi(version)
	if err != nil || n < 1 || id == "" {
		s.fail(FieldDisclosure, CodeBadDisclosure, "want a disclosure's id, or id@version with a version from 1")
		return consent.DisclosureRef{}
	}
	return consent.DisclosureRef{ID: id, Version: n}
}
