package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// scopeFlags say what an act or a question is about.
type scopeFlags struct {
	Brand   string `default:"default" placeholder:"ID" help:"On whose behalf contact is made."`
	Purpose string `required:"" placeholder:"ID" help:"What contact is for."`
	Channel string `required:"" placeholder:"NAME" help:"By what means: sms, whatsapp, voice_live or voice_auto."`
}

// actFlags are what is known of an act beside its scope.
type actFlags struct {
	Source     string `placeholder:"NAME" help:"Where the act came from: web_form, sms_keyword, sms_reply, voice_call, in_person, paper, preference_centre, agent, api, …"`
	Method     string `placeholder:"TEXT" help:"How, within the source, such as checkbox."`
	At         string `placeholder:"TIME" help:"When it happened: 2026-03-01 or RFC 3339; left out: now. A day without a time ends consent at its end, and gives it from its beginning."`
	Evidence   string `placeholder:"REF" help:"A reference to an artefact: sha256:…, a URL, a certificate's id."`
	Actor      string `placeholder:"NAME" help:"Who acted, where that is not the person."`
	EventID    string `placeholder:"ID" help:"The source's own id of the event; it is recorded once, for ever."`
	Region     string `placeholder:"CC" help:"The country of a number without a country code, such as US."`
	Idempotent string `name:"idempotency-key" placeholder:"KEY" help:"Makes it harmless to run the same command again."`
}

type recordCmd struct {
	Number string `arg:"" help:"The number, with a plus sign and the country code, or as people write it with --region."`
	scopeFlags
	Act        string `default:"granted" enum:"requested,granted,refused,withdrawn,revoked,renewed,expired,reassigned" placeholder:"NAME" help:"What was done: ${enum}."`
	Level      string `placeholder:"NAME" help:"How strong a consent is: implied, soft_opt_in, express (the default), express_written."`
	Confirmed  bool   `help:"A double opt-in was completed."`
	ValidUntil string `placeholder:"TIME" help:"When the consent runs out."`
	ReviewAt   string `placeholder:"TIME" help:"When it should be looked at again."`
	Disclosure string `placeholder:"ID@VERSION" help:"The wording that was shown."`
	Text       string `placeholder:"WORDS" help:"The exact words that were shown, in place of --disclosure."`
	Language   string `placeholder:"TAG" help:"The language of --text, such as en-US."`
	actFlags
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (recordCmd) Help() string {
	return `The answer comes when the act is on disk and every check is answered from after it.

Examples:
  consentline record +12025550123 --purpose marketing --channel sms --source web_form --text "Text me offers." --language en-US
  consentline record +12025550123 --purpose marketing --channel '*' --act refused`
}

// Run records the act.
func (c *recordCmd) Run(ctx context.Context, a *App) error {
	w, err := c.act(a.Now(), c.Number, c.Act, c.scopeFlags.Brand, c.Purpose, c.Channel)
	if err != nil {
		return err
	}
	w.Level, w.Confirmed, w.Disclosure, w.Text, w.Language = c.Level, c.Confirmed, c.Disclosure, c.Text, c.Language
	err = errors.Join(
		read("valid-until", c.ValidUntil, normalMoment, &w.ValidUntil),
		read("review-at", c.ReviewAt, normalMoment, &w.ReviewAt),
	)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return c.send(ctx, a, &c.target, w, c.JSON)
}

type withdrawCmd struct {
	Number  string `arg:"" help:"The number, with a plus sign and the country code, or as people write it with --region."`
	Brand   string `default:"*" placeholder:"ID" help:"From whom contact is no longer wanted; left out: from all."`
	Purpose string `default:"*" placeholder:"ID" help:"For what; left out: for anything."`
	Channel string `default:"*" placeholder:"NAME" help:"By what means; left out: by any."`
	actFlags
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (withdrawCmd) Help() string {
	return `Without flags it ends all contact with the person. When the answer comes, no check that is asked later says allow from before it.

Examples:
  consentline withdraw +12025550123
  consentline withdraw +12025550123 --brand default --purpose marketing --channel sms --source sms_reply --method "replied STOP"`
}

// Run records the withdrawal.
func (c *withdrawCmd) Run(ctx context.Context, a *App) error {
	w, err := c.act(a.Now(), c.Number, "withdrawn", c.Brand, c.Purpose, c.Channel)
	if err != nil {
		return err
	}
	return c.send(ctx, a, &c.target, w, c.JSON)
}

func (f *actFlags) act(now time.Time, number, kind, brand, purpose, channel string) (wireAct, error) {
	w := wireAct{
		Number: number, Region: f.Region, Brand: brand, Purpose: purpose, Channel: channel, Act: kind,
		Source: f.Source, Method: f.Method, Evidence: f.Evidence, Actor: f.Actor, EventID: f.EventID,
	}
	var from, to time.Time
	if err := errors.Join(read("at", f.At, readMoment, &from), read("at", f.At, readLatest, &to)); err != nil {
		return w, &exitError{exitUsage, err}
	}
	if kind, err := consent.ParseKind(kind); err == nil && kind.Restricts() && !from.IsZero() {
		from = latest(from, to, now)
	}
	w.EffectiveAt = wireTime(from)
	return w, nil
}

// normalMoment reads a moment as people give it and writes it as the interface takes it.
func normalMoment(text string) (string, error) {
	t, err := readMoment(text)
	return wireTime(t), err
}

// recorded is the answer to POST /v1/consents.
type recorded struct {
	Status    string     `json:"status"`
	Text      string     `json:"text"`
	Seq       uint64     `json:"seq"`
	Effective string     `json:"effective"`
	Subject   string     `json:"subject"`
	Record    wireRecord `json:"record"`
}

// wireRecord is what stands in a scope.
type wireRecord struct {
	Brand        string     `json:"brand"`
	Purpose      string     `json:"purpose"`
	Channel      string     `json:"channel"`
	Status       string     `json:"status"`
	Level        string     `json:"level"`
	Confirmed    bool       `json:"confirmed"`
	GrantedAt    *time.Time `json:"granted_at"`
	ValidUntil   *time.Time `json:"valid_until"`
	RequestedAt  *time.Time `json:"requested_at"`
	RestrictedAt *time.Time `json:"restricted_at"`
	Entry        uint64     `json:"entry"`
	Conflict     uint64     `json:"conflict"`
}

func (f *actFlags) send(ctx context.Context, a *App, t *target, w wireAct, asJSON bool) (err error) {
	conn, err := t.connect(ctx, a, mayCreate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	key := f.Idempotent
	if key == "" {
		key = rand.Text()
	}
	var out recorded
	raw, err := conn.call(ctx, http.MethodPost, "/v1/consents", w, &out, "Idempotency-Key", key)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Out, raw)
	}
	table := newTable(a.Out)
	table.row(out.Status, fmt.Sprintf("entry %d", out.Seq))
	table.pair("note", out.Text)
	table.row("scope", out.Record.Brand+"/"+out.Record.Purpose+"/"+out.Record.Channel)
	table.row("status", out.Record.summary())
	table.pair("effective", out.Effective)
	table.pair("subject", out.Subject)
	return table.flush()
}

// summary is a record's status with what matters to it.
func (r *wireRecord) summary() string {
	text := r.Status
	if r.Level != "" {
		text += ", " + r.Level
	}
	if r.Confirmed {
		text += ", confirmed"
	}
	if r.ValidUntil != nil {
		text += ", until " + localTime(*r.ValidUntil)
	}
	if r.Conflict > 0 {
		text += fmt.Sprintf(", conflict with entry %d to review", r.Conflict)
	}
	return text
}
