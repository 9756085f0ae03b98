package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/reconcile"
	"github.com/consentline/consentline/internal/sync"
)

var texts = consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.SMS}

func number(t testing.TB, last string) phone.Number {
	t.Helper()
	n, err := phone.Parse("+1202555"+last, "")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// index holds: 0100 and 0104 yes, 0101 withdrawn, 0102 covered by a wide no, 0103 a yes that is newer than what was told.
func index(t testing.TB) *check.Index {
	t.Helper()
	yes := check.State{Status: consent.StatusGranted, Level: consent.Express, GrantedAt: 1_700_000_000, Seq: 5}
	no := check.State{Status: consent.StatusWithdrawn, RestrictedAt: 1_700_000_000, Seq: 6}
	late := yes
	late.Seq = 50
	wide := consent.Scope{Brand: "acme", Purpose: consent.Any, Channel: consent.AnyChannel}
	x := check.New(check.Config{})
	err := x.Apply(check.Batch{Seq: 50, Records: []check.RecordChange{
		{Number: number(t, "0100"), Scope: texts, State: yes}, {Number: number(t, "0101"), Scope: texts, State: no},
		{Number: number(t, "0102"), Scope: wide, State: no}, {Number: number(t, "0103"), Scope: texts, State: late},
		{Number: number(t, "0104"), Scope: texts, State: yes}, {Number: number(t, "0107"), Scope: texts, State: yes},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func compare(t *testing.T, d sync.Destination, csv string) *reconcile.Report {
	t.Helper()
	r, err := reconcile.Run(t.Context(), index(t), file().Read(strings.NewReader(csv)), reconcile.Options{
		Destination: d, Scopes: []consent.Scope{texts}, Told: 10, AsOf: time.Unix(1_800_000_000, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const held = `phone,sms_consent
+12025550100,subscribed
+12025550101,subscribed
(202) 555-0102,subscribed
+12025550102,subscribed
+12025550103,unsubscribed
+12025550104,unsubscribed
+12025550105,subscribed
+12025550106,unsubscribed
+12025550100,who knows
nobody,subscribed
`

func TestEveryRowIsCountedOnceByHowItStands(t *testing.T) {
	r := compare(t, sync.Destination{ID: "crm"}, held)
	want := map[reconcile.Kind]int64{
		reconcile.Agreed: 1, reconcile.YesThere: 2, reconcile.TooNew: 1, reconcile.YesHere: 1, reconcile.UnknownYes: 1,
		reconcile.UnknownNo: 1, reconcile.Malformed: 3, reconcile.MissingYes: 1,
	}
	for _, k := range reconcile.Kinds() {
		if r.Counts[k] != want[k] {
			t.Errorf("%s: got %d, want %d", k, r.Counts[k], want[k])
		}
	}
	if r.Rows != 10 || r.InStep() {
		t.Errorf("%d rows, in step %t", r.Rows, r.InStep())
	}
	var order []string
	if err := r.Each(func(d reconcile.Difference) error {
		order = append(order, d.Kind.String()+" "+d.Number.String()[8:])
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(order, ", ")
	if want := "yes_there_no_here 0101, yes_there_no_here 0102, yes_there_unknown_here 0105, no_there_yes_here 0104, missing_there 0107, no_there_unknown_here 0106"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s := r.Samples(reconcile.YesThere, 1); len(s) != 1 || s[0].Number != number(t, "0101") || s[0].Scope != texts {
		t.Errorf("samples %+v", s)
	}
	if f := r.Flaws(); len(f) != 3 || f[0].Place != 4 || f[0].Code != "invalid_number" {
		t.Errorf("flaws %+v", f)
	}
}

func TestWhatTheDestinationIsNotToldOfIsNoDifference(t *testing.T) {
	r := compare(t, sync.Destination{ID: "crm", Filter: sync.Filter{Regions: []string{"GB"}}}, held)
	if r.Counts[reconcile.Unconcerned] != 7 || !r.InStep() {
		t.Errorf("counts %v", r.Counts)
	}
}

func TestAFileThatCannotBeReadIsRefusedAsAWhole(t *testing.T) {
	for _, csv := range []string{"", "a,b\n1,2\n"} {
		_, err := reconcile.Run(t.Context(), index(t), file().Read(strings.NewReader(csv)), reconcile.Options{})
		var bad *reconcile.FileError
		if !errors.As(err, &bad) {
			t.Errorf("%q: got %v", csv, err)
		}
	}
}

func TestAComparisonEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err := reconcile.Run(ctx, index(t), file().Read(strings.NewReader(held)), reconcile.Options{Scopes: []consent.Scope{texts}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
