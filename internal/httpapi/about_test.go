package httpapi_test

import (
	"slices"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/rulebook"
)

// told is a question about a marketing text to Washington, with what is known of the contact.
func told(about map[string]any, more ...any) map[string]any {
	return ask(alice, append([]any{"about", about}, more...)...)
}

func TestWhatIsKnownOfAContactReachesTheRules(t *testing.T) {
	f := startWith(t, "")
	f.consentOfYesterday(alice, "marketing", "sms", "express_written")
	morning := f.nightBefore().Add(6 * time.Hour).UTC().Format(time.RFC3339)
	if v := f.ask(ask(alice, "at", morning)); v.Verdict != "allow" {
		t.Fatalf("nothing known: got %s %q", v.Verdict, v.codes())
	}
	for name, about := range map[string]map[string]any{
		"a zone":        {"time_zone": "Pacific/Honolulu"},
		"an address":    {"country": "US", "region": "HI"},
		"a postal code": {"country": "US", "postal_code": "96813"},
	} {
		if v := f.ask(told(about, "at", morning)); v.Verdict != "defer" || !slices.Contains(v.codes(), "outside_window us.hours_marketing") {
			t.Errorf("%s where it is night: got %s %q", name, v.Verdict, v.codes())
		}
	}
	var many struct {
		Items []ruledVerdict
	}
	f.post("/v1/checks/batch", map[string]any{"items": []any{told(map[string]any{"time_zone": "Pacific/Honolulu"}, "at", morning), ask(alice, "at", morning)}}).status(200).into(&many)
	if many.Items[0].Verdict != "defer" || many.Items[1].Verdict != "allow" {
		t.Errorf("in a batch: got %+v", many.Items)
	}
}

func TestWhatIsKnownInWordsThatNobodyKnowsIsAProblem(t *testing.T) {
	f := startWith(t, "")
	for field, about := range map[string]any{
		"about.sector": map[string]any{"sector": "alchemy"}, "about.facts": map[string]any{"facts": []string{"friend"}},
		"about.country": map[string]any{"country": "ZZ"}, "about.registries": map[string]any{"registries": []any{map[string]any{"registry": "us.nowhere", "listed": false, "asked_at": "2026-01-01T00:00:00Z"}}},
		"about.purchased_at": map[string]any{"purchased_at": "last week"}, "about": []int{1},
	} {
		f.post("/v1/checks", ask(alice, "about", about)).problem(422, "invalid_field", field)
	}
	f.post("/v1/checks", told(map[string]any{"phase_of_moon": "full"})).problem(422, "unknown_field", "about.phase_of_moon")
	start(t).post("/v1/checks", told(map[string]any{"sector": "energy"})).problem(409, "no_rules", "")
}

// Without the contract's number, the United States count debt calls on every matter together: seven in seven days.
func TestReservationsOnOneMatterLeaveRoomForAnother(t *testing.T) {
	f := startWith(t, "")
	f.pass(f.nightBefore().AddDate(0, 0, 2).Add(9 * time.Hour).Sub(f.now()))
	f.post("/v1/purposes", map[string]any{"id": "debts", "name": "Debts", "class": "debt_collection"}).status(201)
	f.consentOfYesterday(alice, "debts", "voice_live", "express")
	on := func(matter string) ruledVerdict {
		return f.ask(map[string]any{"number": alice, "purpose": "debts", "channel": "voice_live", "reserve": true, "about": map[string]any{"matter": matter}})
	}
	for range 7 {
		if v := on("loan 1"); v.Verdict != "allow" {
			t.Fatalf("got %s %q", v.Verdict, v.codes())
		}
	}
	if v := on("loan 1"); v.Verdict != "defer" {
		t.Errorf("the eighth call on a loan: got %s %q", v.Verdict, v.codes())
	}
	if v := on("loan 2"); v.Verdict != "allow" {
		t.Errorf("the first call on another: got %s %q", v.Verdict, v.codes())
	}
}

// The rules of toll-free senders speak about those alone.
func TestADefinedSenderTellsItsKind(t *testing.T) {
	f := startWith(t, "")
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	f.post("/v1/senders", map[string]any{"id": "free", "brand": "default", "kind": "number", "address": "+18005550123", "channel": "sms"}).status(201)
	f.post("/v1/senders", map[string]any{"id": "code", "brand": "default", "kind": "short_code", "address": "55512", "channel": "sms"}).status(201)
	asked := func(about map[string]any) bool {
		_, gates := f.explained(told(about))
		return slices.ContainsFunc(gates, func(g rulebook.Gate) bool { return g.Pack == "us-tollfree" })
	}
	if !asked(map[string]any{"sender_kind": "toll_free"}) || !asked(map[string]any{"sender": "free"}) {
		t.Error("the rules of toll-free senders do not speak")
	}
	if asked(map[string]any{"sender": "code"}) {
		t.Error("they speak about a short code")
	}
	f.post("/v1/checks", told(map[string]any{"sender": "nobody"})).problem(422, "invalid_field", "about.sender")
	f.post("/v1/checks", told(map[string]any{"sender": "free"}, "brand", "acme")).problem(422, "invalid_field", "about.sender")
	f.post("/v1/checks", told(map[string]any{"sender": "free", "sender_kind": "short_code"})).problem(422, "invalid_field", "about.sender_kind")
}
