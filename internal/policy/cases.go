package policy

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

//go:embed cases/*.tsv
var caseFiles embed.FS

// BuiltInCases returns the tables of worked examples that the built-in packs must answer as written.
func BuiltInCases() fs.FS {
	sub, err := fs.Sub(caseFiles, "cases")
	if err != nil {
		panic(err) // the folder is embedded under this very name
	}
	return sub
}

// Case is one worked example: a question in words, and the verdict and the rule that must come out.
//
// Each line of a table has seven columns, divided by tabs: number, class, channel, consent, local time with its zone,
// expectation, and further facts. A number shorter than a whole one is a bare prefix and stands for every number that
// begins with it. The expectation is the verdict and the codes and rules that must be among what failed, the first
// of them first; a defer names the next allowed time on the same clock.
type Case struct {
	File string
	Line int
	Text string

	question Question
	zone     *time.Location
	outcome  Outcome
	failures []string // "code" or "code rule-id", the first must be the deciding one
	next     string
	places   Address
	switches []string
	dispatch string
	book     caseBook
}

// CaseResult is a case that came out otherwise than written.
type CaseResult struct {
	Case Case
	Got  string
}

// caseBook answers for attempts and registries what the case says of them.
type caseBook struct {
	attempts []int64 // Unix seconds, latest first
	listed   map[string]bool
	never    map[string]bool
	age      map[string]Period
	now      int64
}

// NthLatest implements AttemptCounter: the case's attempts count under every key, but none was a conversation.
func (b *caseBook) NthLatest(key CapKey, n int) (int64, bool) {
	if n > len(b.attempts) || key.Counts == Conversations {
		return 0, false
	}
	return b.attempts[n-1], true
}

// Answer implements RegistryAnswers: clear as of an hour ago, unless the case says otherwise.
func (b *caseBook) Answer(key RegistryKey) (bool, int64) {
	name := key.Registry
	if b.never[name] || b.never["all"] {
		return false, 0
	}
	if age, told := b.age[name]; told {
		return b.listed[name], b.now - age.Seconds
	}
	return b.listed[name], b.now - 60
}

// ReadCases reads every *.tsv of the file system; the error is [Faults] with every line that is no case.
func ReadCases(from fs.FS) ([]Case, error) {
	files, err := fs.Glob(from, "*.tsv")
	if err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	var cases []Case
	var faults Faults
	for _, file := range files {
		data, err := fs.ReadFile(from, file)
		if err != nil {
			return nil, fmt.Errorf("read cases %s: %w", file, err)
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		for n := 1; lines.Scan(); n++ {
			if text := lines.Text(); text != "" && text[0] != '#' {
				c, err := parseCase(text)
				c.File, c.Line = file, n
				if err != nil {
					faults = append(faults, Fault{file, n, err.Error()})
				}
				cases = append(cases, c)
			}
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return cases, nil
}

func parseCase(text string) (Case, error) {
	c := Case{Text: text}
	columns := strings.Split(text, "\t")
	if len(columns) != 7 {
		return c, fmt.Errorf("%d columns: want number, class, channel, consent, time, expectation, facts", len(columns))
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(columns[0], "+"), 10, 50)
	if err != nil {
		return c, fmt.Errorf("number: want a plus sign and digits")
	}
	c.question.Number = phone.Number(number)
	if c.question.Class, err = consent.ParseClass(columns[1]); err != nil {
		return c, err
	}
	if c.question.Channel, err = consent.ParseChannel(columns[2]); err != nil {
		return c, err
	}
	if err := c.parseTime(columns[4]); err != nil {
		return c, err
	}
	if err := c.parseConsent(columns[3]); err != nil {
		return c, err
	}
	if err := c.parseExpectation(columns[5]); err != nil {
		return c, err
	}
	for _, fact := range strings.Fields(columns[6]) {
		key, value, _ := strings.Cut(fact, "=")
		if err := c.parseFact(key, value); err != nil {
			return c, fmt.Errorf("%s: %w", fact, err)
		}
	}
	return c, nil
}

const caseTime = "2006-01-02T15:04:05"

func (c *Case) parseTime(s string) (err error) {
	local, zone, _ := strings.Cut(s, " ")
	if c.zone, err = time.LoadLocation(zone); err != nil || zone == "" {
		return fmt.Errorf("%q: want a local time and its zone", s)
	}
	c.question.At, err = c.moment(local)
	return err
}

// moment reads a local time; a trailing b means the second pass of an hour that the clocks repeat.
func (c *Case) moment(s string) (time.Time, error) {
	second := strings.HasSuffix(s, "b")
	s = strings.TrimSuffix(s, "b")
	full := s
	switch len(s) {
	case len("2006-01-02"):
		full = s + "T12:00:00"
	case len("2006-01-02T15:04"):
		full = s + ":00"
	}
	t, err := time.ParseInLocation(caseTime, full, c.zone)
	if err != nil {
		return t, fmt.Errorf("%q is no local time", s)
	}
	if first := t.Add(-time.Hour); first.Format(caseTime) == t.Format(caseTime) {
		t = first // the standard library does not say which pass of a repeated hour it takes
	}
	if second {
		t = t.Add(time.Hour)
	}
	return t, nil
}

func (c *Case) parseConsent(s string) (err error) {
	q := &c.question
	word, confirmed := strings.CutSuffix(s, "+confirmed")
	q.Confirmed = confirmed
	if q.Status, err = consent.ParseStatus(word); err == nil && q.Status != consent.StatusGranted {
		if q.Status.Restricted() {
			q.RestrictedAt, q.RestrictedBy = q.At.Add(-time.Minute), q.Status
		}
		return nil
	}
	q.Status = consent.StatusGranted
	q.GrantedAt = q.At.AddDate(0, 0, -30)
	q.Level, err = consent.ParseLevel(word)
	return err
}

func (c *Case) parseExpectation(s string) (err error) {
	parts := strings.Split(s, "; ")
	verdict, next, _ := strings.Cut(parts[0], " ")
	if c.outcome, err = outcomeWords.parse(verdict); err != nil {
		return err
	}
	c.next = next
	c.failures = parts[1:]
	if (c.outcome == Defer) != (next != "") {
		return fmt.Errorf("%q: a defer, and nothing else, names the next allowed time", parts[0])
	}
	return nil
}

func (c *Case) parseFact(key, value string) (err error) {
	q := &c.question
	when := map[string]*time.Time{
		"granted": &q.GrantedAt, "restricted": &q.RestrictedAt, "purchased": &q.PurchasedAt, "inquired": &q.InquiredAt,
		"inbound": &q.InboundAt, "conversation": &q.ConversationAt,
	}
	if into, known := when[key]; known {
		*into, err = c.moment(value)
		return err
	}
	switch key {
	case "fact":
		f, err := parseFact(value)
		q.Facts |= f
		return err
	case "line":
		q.Line, err = lineWords.parse(value)
	case "sector":
		q.Sector, err = sectorWords.parse(value)
	case "sender":
		q.Sender, err = senderWords.parse(value)
	case "contact":
		q.Contact, err = contactWords.parse(value)
	case "by":
		q.RestrictedBy, err = consent.ParseStatus(value)
	case "attempt":
		var t time.Time
		t, err = c.moment(value)
		c.book.attempts = append(c.book.attempts, t.Unix())
	case "switch":
		c.switches = append(c.switches, value)
	case "dispatch":
		c.dispatch = value
	default:
		return c.parsePlace(key, value)
	}
	return err
}

func (c *Case) parsePlace(key, value string) error {
	switch key {
	case "country":
		c.places.Country = value
	case "region":
		c.places.Region = value
	case "postal":
		c.places.Postal = value
	case "zone":
		c.places.Zone = value
	case "verified":
		c.places.Verified = true
	case "listed", "never":
		if c.book.listed == nil {
			c.book.listed, c.book.never = map[string]bool{}, map[string]bool{}
		}
		if key == "listed" {
			c.book.listed[value] = true
		} else {
			c.book.never[value] = true
		}
	case "age":
		name, age, _ := strings.Cut(value, ":")
		p, err := ParsePeriod(age)
		if c.book.age == nil {
			c.book.age = map[string]Period{}
		}
		c.book.age[name] = p
		return err
	default:
		return fmt.Errorf("unknown fact")
	}
	return nil
}

// RunCases judges every case and returns those that came out otherwise.
func (r *Rules) RunCases(cases []Case) []CaseResult {
	var wrong []CaseResult
	for _, c := range cases {
		if got := r.runCase(c); got != "" {
			wrong = append(wrong, CaseResult{c, got})
		}
	}
	return wrong
}

// runCase returns what came out, or nothing if that is as written.
func (r *Rules) runCase(c Case) string {
	j, err := r.judgeCase(&c)
	if err != nil {
		return err.Error()
	}
	if r.asWritten(&c, &j) {
		return ""
	}
	return r.Describe(&j, c.zone)
}

func (r *Rules) judgeCase(c *Case) (j Judgement, err error) {
	q := c.question
	if q.Place, err = r.Locate(c.places); err != nil {
		return j, err
	}
	for _, id := range c.switches {
		s, known := r.Switch(id)
		if !known {
			return j, fmt.Errorf("no pack defines the switch %s", id)
		}
		q.Switches |= s
	}
	if c.dispatch != "" {
		var known bool
		if q.DispatchZone, known = r.DispatchZone(c.dispatch); !known {
			return j, fmt.Errorf("no time zone %q is known", c.dispatch)
		}
	}
	book := c.book
	book.now = q.At.Unix()
	q.Attempts, q.Registries = &book, &book
	r.Judge(&q, &j)
	return j, nil
}

func (r *Rules) asWritten(c *Case, j *Judgement) bool {
	if j.Outcome != c.outcome {
		return false
	}
	if c.next != "" {
		if next, err := c.moment(c.next); err != nil || next.Unix() != j.NextAllowedAt {
			return false
		}
	}
	for i, want := range c.failures {
		code, rule, named := strings.Cut(want, " ")
		if i == 0 && (j.Code.String() != code || named && !r.named(j.Rule, rule)) {
			return false
		}
		found := i == 0
		for _, f := range j.Failed() {
			found = found || (f.Code.String() == code && (!named || r.named(f.Rule, rule)))
		}
		if !found {
			return false
		}
	}
	return true
}

func (r *Rules) named(i RuleIndex, id string) bool { return r.Rule(i) != nil && r.Rule(i).ID == id }

// Describe tells a judgement in one line for people: the outcome, each failed gate with its rule, and the next time.
func (r *Rules) Describe(j *Judgement, zone *time.Location) string {
	var b strings.Builder
	b.WriteString(j.Outcome.String())
	if j.Outcome == Defer {
		b.WriteString(" " + time.Unix(j.NextAllowedAt, 0).In(zone).Format(caseTime))
	}
	for _, f := range j.Failed() {
		b.WriteString("; " + f.Code.String())
		if rule := r.Rule(f.Rule); rule != nil {
			b.WriteString(" " + rule.ID)
		}
	}
	if j.Code == Exempt {
		b.WriteString("; exempt")
		if rule := r.Rule(j.Rule); rule != nil {
			b.WriteString(" " + rule.ID)
		}
	}
	return b.String()
}
