package onetrust_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/onetrust"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var ctx = context.Background()

const token = "head.body.signature"

func purpose(n int) string { return fmt.Sprintf("aa978afe-bbe9-4419-8fa9-%012d", n) }

// portal takes receipts as documented: of one collection point, with at most 20 purposes each. It validates no types, but
// applies only what is well formed.
type portal struct {
	t       *testing.T
	status  int
	bad     string // an identifier that fails the whole call
	without string // an identifier that gets no receipt
	short   bool   // it answers for fewer
	held    map[string]string
	most    int // purposes in a receipt
}

func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/request/v1/consentreceipts/bulk" {
		p.t.Errorf("%s %s is not as documented", r.Method, r.URL.Path)
	}
	if p.status != 0 {
		w.Header().Set("Retry-After", "9")
		w.WriteHeader(p.status)
		return
	}
	var body []struct {
		RequestInformation, Identifier, IdentifierType, InteractionDate string
		Test                                                            bool
		Purposes                                                        []struct{ ID, TransactionType, ExpiryDate string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		p.t.Error(err)
	}
	for _, in := range body {
		if in.Identifier == p.bad || len(in.Purposes) > 20 || in.RequestInformation != token {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	out := []map[string]string{}
	for _, in := range body {
		if in.Identifier == p.without {
			out = append(out, map[string]string{})
			continue
		}
		p.most = max(p.most, len(in.Purposes))
		for _, to := range in.Purposes {
			if in.IdentifierType != "Phone" || in.InteractionDate != "2026-03-01T12:00:00.000Z" {
				p.t.Errorf("a receipt is not as documented: %s %s", in.IdentifierType, in.InteractionDate)
			}
			p.held[in.Identifier+" "+to.ID] = to.TransactionType
		}
		out = append(out, map[string]string{"receipt": "625ba071"})
	}
	if p.short {
		out = out[1:]
	}
	synctest.Write(p.t, w, http.StatusOK, out)
}

func destination(mapping map[string]string) sync.Destination {
	return sync.Destination{Settings: map[string]string{}, Secrets: map[string]string{"collection_point": token}, Mapping: mapping}
}

func connect(t *testing.T, mapping map[string]string) (*portal, sync.Connector) {
	t.Helper()
	p := &portal{t: t, held: map[string]string{}}
	server := synctest.Serve(t, p)
	d := destination(mapping)
	d.Settings["base_url"] = server.URL
	return p, synctest.Open(t, onetrust.Kind, server.Client(), d)
}

func TestEachStatusIsATransaction(t *testing.T) {
	p, o := connect(t, map[string]string{synctest.Texts.String(): purpose(1)})
	var changes []sync.Change
	acts := []consent.Kind{consent.Granted, consent.Withdrawn, consent.Refused, consent.Revoked, consent.Requested}
	for i, act := range acts {
		changes = append(changes, synctest.Change(i, synctest.Texts, act))
	}
	synctest.Expect(t, o.Deliver(ctx, changes), "taken", "taken", "taken", "taken", "taken")
	for i, want := range []string{"CONFIRMED", "WITHDRAWN", "NOTGIVEN", "WITHDRAWN", ""} {
		if got := p.held[synctest.Number(i)+" "+purpose(1)]; got != want {
			t.Errorf("%s: got %q, want %q", acts[i], got, want)
		}
	}
}

func TestAReceiptHoldsNoMorePurposesThanAreAdvised(t *testing.T) {
	mapping := map[string]string{}
	for i := range 25 {
		mapping[fmt.Sprintf("acme/p%d/sms", i)] = purpose(i)
	}
	p, o := connect(t, mapping)
	synctest.Expect(t, o.Deliver(ctx, []sync.Change{synctest.Change(0, consent.Everything, consent.Withdrawn)}), "taken")
	if len(p.held) != 25 || p.most > 10 {
		t.Errorf("%d purposes, %d in one receipt", len(p.held), p.most)
	}
}

func TestOneReceiptFailsByItself(t *testing.T) {
	p, o := connect(t, map[string]string{synctest.Texts.String(): purpose(1)})
	p.bad, p.without = synctest.Number(1), synctest.Number(3)
	var changes []sync.Change
	for i := range 4 {
		changes = append(changes, synctest.Change(i, synctest.Texts, consent.Granted))
	}
	synctest.Expect(t, o.Deliver(ctx, changes), "taken", "refused", "taken", "later")
}

func TestAFailingOneTrustIsTriedAgain(t *testing.T) {
	p, o := connect(t, map[string]string{synctest.Texts.String(): purpose(1)})
	change := []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}
	for _, p.status = range []int{401, 403, 429, 500} {
		synctest.Expect(t, o.Deliver(ctx, change), "down")
	}
	p.status, p.short = 0, true
	synctest.Expect(t, o.Deliver(ctx, change), "down")
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	mapping := map[string]string{synctest.Texts.String(): purpose(1)}
	d := destination(mapping)
	d.Secrets["collection_point"] = "token"
	synctest.Invalid(t, onetrust.Kind, "collection_point", d)
	for field, value := range map[string]string{"base_url": "portal", "test": "yes"} {
		d = destination(mapping)
		d.Settings[field] = value
		synctest.Invalid(t, onetrust.Kind, field, d)
	}
	synctest.Invalid(t, onetrust.Kind, "mapping", destination(map[string]string{synctest.Texts.String(): "Marketing"}))
}
