// Package salesforce keeps Salesforce's consent records in step: ContactPointConsent, which hangs on a ContactPointPhone,
// or ContactPointTypeConsent, which hangs on an Individual.
//
// Source: sObject Collections, PATCH /services/data/vXX.X/composite/sobjects/OBJECT/EXTERNAL_ID_FIELD
// (https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-upsert.html):
// up to 200 records of one object, and HTTP 200 also when all of them failed: each result says for itself. Records are
// found by external ID fields, which the account must have, so that what is sent twice is held once.
package salesforce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "salesforce",
	Doc:  "Salesforce: ContactPointConsent on phone records, or ContactPointTypeConsent on individuals.",
	Settings: []sync.Setting{
		{Name: "login_url", Doc: "My Domain of the account, https://….my.salesforce.com", Required: true},
		{Name: "client_id", Doc: "consumer key of a connected app with the client credentials flow", Required: true},
		{Name: "client_secret", Doc: "its consumer secret", Required: true, Secret: true},
		{Name: "object", Doc: "ContactPointConsent, unless given, or ContactPointTypeConsent"},
		{Name: "phone_key", Doc: "external ID field of ContactPointPhone that holds the number in E.164; Consentline_Number__c unless given"},
		{Name: "party_key", Doc: "external ID field of Individual that holds the number in E.164; for ContactPointTypeConsent"},
		{Name: "consent_key", Doc: "external ID field of the consent object, text of 32; Consentline_Id__c unless given"},
		{Name: "api_version", Doc: "of the REST API; v62.0 unless given"},
	},
	Mapping: sync.MappingDoc + "; its values are record IDs: DATA_USE_PURPOSE, DATA_USE_PURPOSE/ENGAGEMENT_CHANNEL_TYPE, or those and /BUSINESS_BRAND",
	New:     open,
}

type connector struct {
	version, object                string
	phoneKey, partyKey, consentKey string
	tokens                         *sync.Tokens
	mapping                        sync.Mapping
	clients                        sync.Clients
	now                            func() time.Time
}

var (
	fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)
	version   = regexp.MustCompile(`^v[0-9]{2,3}\.0$`)
	recordIDs = regexp.MustCompile(`^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?(/[A-Za-z0-9]{15}([A-Za-z0-9]{3})?){0,2}$`)
)

// Objects, by Salesforce's names.
const (
	perPhone   = "ContactPointConsent"
	perParty   = "ContactPointTypeConsent"
	pointPhone = "ContactPointPhone"
)

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err != nil {
		return nil, err
	}
	for _, to := range m {
		if !recordIDs.MatchString(to.Value) {
			return nil, &sync.InvalidError{Field: "mapping", Reason: "want record IDs of 15 or 18 characters, up to three with / between"}
		}
	}
	login, err := url.Parse(c.Settings["login_url"])
	if err != nil || login.Host == "" || login.Scheme != "https" && login.Scheme != "http" {
		return nil, &sync.InvalidError{Field: "login_url", Reason: "want an address such as https://example.my.salesforce.com"}
	}
	s := &connector{
		version: c.Setting("api_version", "v62.0"), object: c.Setting("object", perPhone),
		phoneKey: c.Setting("phone_key", "Consentline_Number__c"), partyKey: c.Settings["party_key"],
		consentKey: c.Setting("consent_key", "Consentline_Id__c"), mapping: m, clients: c.Clients, now: c.Now,
		tokens: &sync.Tokens{
			URL: strings.TrimRight(c.Settings["login_url"], "/") + "/services/oauth2/token", ID: c.Settings["client_id"],
			Secret: c.Secrets["client_secret"], Clients: c.Clients, Now: c.Now,
		},
	}
	return s, s.validate()
}

func (s *connector) validate() error {
	switch {
	case s.object != perPhone && s.object != perParty:
		return &sync.InvalidError{Field: "object", Reason: "want " + perPhone + " or " + perParty}
	case s.object == perParty && !fieldName.MatchString(s.partyKey):
		return &sync.InvalidError{Field: "party_key", Reason: "is needed for " + perParty + ": the external ID field of Individual that holds the number"}
	case !fieldName.MatchString(s.phoneKey):
		return &sync.InvalidError{Field: "phone_key", Reason: "want the API name of a field"}
	case !fieldName.MatchString(s.consentKey):
		return &sync.InvalidError{Field: "consent_key", Reason: "want the API name of a field"}
	case !version.MatchString(s.version):
		return &sync.InvalidError{Field: "api_version", Reason: "want a version such as v62.0"}
	}
	return nil
}

// Limits leaves room for a restriction of everything, which is a record for each place.
func (s *connector) Limits() sync.Limits {
	return sync.Limits{Batch: max(maxRecords/len(s.mapping), 1), InFlight: 4, PerSecond: 5, Burst: 10}
}

// Deliver writes the phone records, then the consents that hang on them.
func (s *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	out := make([]error, len(changes))
	var consents []record
	var of []int
	phones, phoneOf := []record{}, map[string]int{}
	for i := range changes {
		number := changes[i].Number.WithoutExtension().String()
		for _, t := range s.mapping.Targets(&changes[i], s.now()) {
			consents, of = append(consents, s.consent(&changes[i], number, t)), append(of, i)
			if _, there := phoneOf[number]; !there {
				phoneOf[number] = len(phones)
				phones = append(phones, record{"attributes": kind{pointPhone}, s.phoneKey: number, "TelephoneNumber": number})
			}
		}
	}
	if s.object == perPhone {
		errs, err := s.upsertAll(ctx, pointPhone, s.phoneKey, phones)
		if err != nil {
			return sync.Every(len(changes), err)
		}
		for i := range consents { // a consent has nothing to hang on where its phone record failed
			if err := errs[phoneOf[changes[of[i]].Number.WithoutExtension().String()]]; err != nil {
				out[of[i]] = err
			}
		}
		consents, of = without(consents, of, out)
	}
	errs, err := s.upsertAll(ctx, s.object, s.consentKey, consents)
	if err != nil {
		return sync.Every(len(changes), err)
	}
	for i, err := range errs {
		if err != nil {
			out[of[i]] = err
		}
	}
	return out
}

// without drops the records of changes that have failed.
func without(records []record, of []int, errs []error) (kept []record, keptOf []int) {
	for i := range records {
		if errs[of[i]] == nil {
			kept, keptOf = append(kept, records[i]), append(keptOf, of[i])
		}
	}
	return kept, keptOf
}

// record is one record by Salesforce's names.
type record map[string]any

type kind struct {
	Type string `json:"type"`
}

// consent is what a change means in one place. The key is the same for a number and place, so that there is one record.
func (s *connector) consent(c *sync.Change, number string, t sync.Target) record {
	key := sha256.Sum256([]byte(number + " " + t.Value))
	at := c.Record.LastEffectiveAt()
	r := record{
		"attributes": kind{s.object}, s.consentKey: hex.EncodeToString(key[:16]), "Name": "Consentline " + t.Scope.String(),
		"PrivacyConsentStatus": "OptOut", "CaptureDate": ledger.FormatTime(at.Truncate(time.Millisecond)), "CaptureSource": c.Record.Source.String(),
		"CaptureContactPointType": capturedBy(c.Record.Source), "EffectiveFrom": ledger.FormatTime(at.Truncate(time.Millisecond)), "EffectiveTo": nil,
	}
	if t.Granted {
		r["PrivacyConsentStatus"] = "OptIn"
		if until := c.Record.ValidUntil; !until.IsZero() {
			r["EffectiveTo"] = ledger.FormatTime(until.Truncate(time.Millisecond))
		}
	}
	for i, id := range strings.Split(t.Value, "/") {
		r[[]string{"DataUsePurposeId", "EngagementChannelTypeId", "BusinessBrandId"}[i]] = id
	}
	if s.object == perPhone {
		r["ContactPoint"] = record{"attributes": kind{pointPhone}, s.phoneKey: number}
		return r
	}
	r["ContactPointType"] = "Phone"
	r["Party"] = record{"attributes": kind{"Individual"}, s.partyKey: number}
	return r
}

// capturedBy tells where a consent came from by the words that Salesforce has for it.
func capturedBy(s consent.Source) string {
	switch s {
	case consent.WebForm, consent.PreferenceCentre, consent.API:
		return "Web"
	case consent.Paper:
		return "MailingAddress"
	}
	return "Phone"
}
