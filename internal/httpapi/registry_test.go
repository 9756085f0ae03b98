package httpapi_test

import (
	"slices"
	"testing"
)

func TestAListThatIsTheCopyOfARegistryAnswersItsRule(t *testing.T) {
	f := startWith(t, "")
	const rule = "us.registry_calls"
	codes := func(number string) []string {
		t.Helper()
		v := f.ask(map[string]any{"number": number, "purpose": "marketing", "channel": "voice_live"})
		return v.codes()
	}
	if got := codes("+12025550123"); !slices.Contains(got, "registry_stale "+rule) {
		t.Errorf("before anything was asked: %q", got)
	}
	f.post("/v1/lists", map[string]any{"id": "x", "name": "X", "kind": "other", "registry": "us.nowhere"}).status(422)
	f.post("/v1/lists", map[string]any{"id": "x", "name": "X", "kind": "other", "covers": []string{"1202"}}).status(422)
	f.post("/v1/lists", map[string]any{"id": "dnc", "name": "NDNC", "kind": "national_registry", "registry": "us.ndnc", "covers": []string{"1202"}}).status(201)
	if got := codes("+12025550123"); !slices.Contains(got, "registry_stale "+rule) {
		t.Errorf("before the copy was loaded: %q", got)
	}
	f.post("/v1/lists/dnc/members", map[string]any{"add": []string{"+12025550111"}}).status(200)
	if got := codes("+12025550123"); slices.Contains(got, "registry_stale "+rule) || slices.Contains(got, "registry_listed "+rule) {
		t.Errorf("not listed: %q", got)
	}
	if got := codes("+12025550111"); !slices.Contains(got, "registry_listed "+rule) {
		t.Errorf("listed: %q", got)
	}
	if got := codes("+13035550111"); !slices.Contains(got, "registry_stale "+rule) {
		t.Errorf("of an area that was not asked about: %q", got)
	}
	var list struct {
		Registry string
		Covers   []string
	}
	f.get("/v1/lists/dnc").status(200).into(&list)
	if list.Registry != "us.ndnc" || !slices.Equal(list.Covers, []string{"1202"}) {
		t.Errorf("the list says %+v", list)
	}
}
