// Package twilio tells Twilio's Consent Management API who may be texted from which sender.
//
// Source: https://www.twilio.com/docs/messaging/features/bulk-upsert-consents-api and the specification
// twilio_accounts_v1: form-encoded, up to 25 items a call, 100 calls a minute, HTTP 201 with an error code for each item.
// Twilio's own block after a STOP is lifted by an opt-in there, apart from US toll-free numbers.
package twilio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "twilio", Provider: true,
	Doc: "Twilio's Consent Management API: opt-ins and opt-outs by sender.",
	Settings: []sync.Setting{
		{Name: "account_sid", Doc: "the account, AC…", Required: true},
		{Name: "auth_token", Doc: "its auth token, or the secret of api_key", Required: true, Secret: true},
		{Name: "api_key", Doc: "an API key, SK…, in place of the account's own token"},
		{Name: "base_url", Doc: "another address than https://accounts.twilio.com"},
	},
	Mapping: sync.MappingDoc + "; its values are senders: a Messaging Service SID (MG…) or a number that texts are sent from",
	New:     open,
}

type connector struct {
	base, user, secret string
	mapping            sync.Mapping
	clients            sync.Clients
	now                func() time.Time
}

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(c.Settings["account_sid"], "AC") {
		return nil, &sync.InvalidError{Field: "account_sid", Reason: "want the account's SID, which begins with AC"}
	}
	return &connector{
		base: strings.TrimRight(c.Setting("base_url", "https://accounts.twilio.com"), "/"),
		user: c.Setting("api_key", c.Settings["account_sid"]), secret: c.Secrets["auth_token"], mapping: m, clients: c.Clients, now: c.Now,
	}, nil
}

// maxItems is how many items a call may hold.
const maxItems = 25

// Limits leaves room for a restriction of everything, which is one item for each sender.
func (t *connector) Limits() sync.Limits {
	return sync.Limits{Batch: max(maxItems/len(t.mapping), 1), InFlight: 2, PerSecond: 100.0 / 60, Burst: 10}
}

// item is one consent, by Twilio's names.
type item struct {
	Contact     string `json:"contact_id"`
	Correlation string `json:"correlation_id"`
	Sender      string `json:"sender_id"`
	Status      string `json:"status"`
	Source      string `json:"source"`
	Date        string `json:"date_of_consent,omitempty"`
}

// Deliver sends the items that the changes mean, in one call unless they are more than it may hold.
func (t *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	var items []item
	var of []int // the change that each item tells of
	for i := range changes {
		for _, target := range t.mapping.Targets(&changes[i], t.now()) {
			items, of = append(items, itemOf(&changes[i], target)), append(of, i)
		}
	}
	out := make([]error, len(changes))
	for len(items) > 0 {
		n := min(maxItems, len(items))
		answers, err := t.call(ctx, items[:n])
		if err != nil {
			return sync.Every(len(changes), err)
		}
		for i, it := range items[:n] {
			if err := answers[it.Correlation]; err != nil {
				out[of[i]] = err
			}
		}
		items, of = items[n:], of[n:]
	}
	return out
}

func itemOf(c *sync.Change, to sync.Target) item {
	sum := sha256.Sum256([]byte(c.ID + " " + to.Value))
	it := item{
		Contact: c.Number.WithoutExtension().String(), Correlation: hex.EncodeToString(sum[:16]), Sender: to.Value, Status: "opt-out",
		Source: source(c.Record.Source, to.Granted), Date: ledger.FormatTime(c.Record.LastEffectiveAt().Truncate(time.Second)),
	}
	if to.Granted {
		it.Status = "opt-in"
	}
	return it
}

// source tells where a consent came from by the words that Twilio has for it.
func source(s consent.Source, granted bool) string {
	switch s {
	case consent.SMSKeyword, consent.SMSReply:
		if granted {
			return "opt-in-message"
		}
		return "opt-out-message"
	case consent.WebForm, consent.PreferenceCentre:
		return "website"
	case consent.VoiceCall, consent.InPerson, consent.Paper:
		return "offline"
	}
	return "others"
}

// call sends items and returns what is wrong with each, by its correlation ID.
func (t *connector) call(ctx context.Context, items []item) (map[string]error, error) {
	form := url.Values{}
	for _, it := range items {
		raw, err := json.Marshal(it)
		if err != nil {
			return nil, err
		}
		form.Add("Items", string(raw))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base+"/v1/Consents/Bulk", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, &sync.InvalidError{Field: "base_url", Reason: "is not a URL"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(t.user, t.secret)
	answer, err := t.clients.Call(req)
	if err != nil {
		return nil, err
	}
	if err := answer.Judge(t.now()); err != nil {
		return nil, err
	}
	return judge(&answer, items)
}

// judge reads the answer for each item. An item that the answer leaves out was not acknowledged.
func judge(answer *sync.Answer, items []item) (map[string]error, error) {
	var told struct {
		Items []struct {
			Correlation string   `json:"correlation_id"`
			Code        int      `json:"error_code"`
			Messages    []string `json:"error_messages"`
		} `json:"items"`
	}
	if err := answer.Decode(&told); err != nil {
		return nil, err
	}
	out := map[string]error{}
	for _, it := range items {
		out[it.Correlation] = &sync.LaterError{Code: "unanswered", Reason: "the answer says nothing of it"}
	}
	for _, it := range told.Items {
		switch {
		case it.Code == 0:
			out[it.Correlation] = nil
		case len(it.Messages) > 0 && it.Messages[0] == "INTERNAL_SERVER_ERROR":
			out[it.Correlation] = &sync.LaterError{Code: strconv.Itoa(it.Code), Reason: it.Messages[0]}
		default: // its messages are names of what is wrong, without the content
			out[it.Correlation] = &sync.RefusedError{Code: strconv.Itoa(it.Code), Reason: strings.Join(it.Messages, ", ")}
		}
	}
	return out, nil
}
