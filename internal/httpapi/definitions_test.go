package httpapi_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/httpapi"
)

func TestDefinitionsAreCreatedReadChangedAndListed(t *testing.T) {
	f := start(t)
	for _, c := range []struct {
		path           string
		create, change map[string]any
		field, changed string
	}{
		{"/v1/brands", map[string]any{"id": "acme", "name": "Acme", "country": "US"}, map[string]any{"id": "acme", "name": "Acme Shoes"}, "name", "Acme Shoes"},
		{"/v1/purposes", map[string]any{"id": "news", "name": "News", "class": "marketing"}, map[string]any{"id": "news", "name": "Newsletter", "class": "marketing"}, "name", "Newsletter"},
		{"/v1/senders", map[string]any{"id": "s1", "brand": "acme", "kind": "short_code", "address": "55512", "channel": "sms"},
			map[string]any{"id": "s1", "brand": "acme", "kind": "short_code", "address": "55513", "channel": "sms"}, "address", "55513"},
		{"/v1/programmes", map[string]any{"id": "club", "keyword": "PIZZA", "sender": "s1", "purpose": "news", "level": "express"},
			map[string]any{"id": "club", "keyword": "PASTA", "sender": "s1", "purpose": "news", "level": "express"}, "keyword", "PASTA"},
		{"/v1/lists", map[string]any{"id": "own", "name": "Own", "kind": "own", "max_age_seconds": 60}, map[string]any{"id": "own", "name": "Ours", "kind": "own"}, "name", "Ours"},
	} {
		one := c.path + "/" + c.create["id"].(string)
		if a := f.post(c.path, c.create).status(201); a.Header.Get("Location") != one {
			t.Errorf("%s: Location is %q", c.path, a.Header.Get("Location"))
		}
		f.post(c.path, c.create).problem(409, "exists", "id")
		var got, listed map[string]any
		f.get(one).status(200).into(&got)
		for name, want := range c.create {
			if fmt.Sprint(got[name]) != fmt.Sprint(want) {
				t.Errorf("%s: %s is %v, want %v", one, name, got[name], want)
			}
		}
		f.do(request{method: "PUT", path: one, body: c.change}).status(200).into(&got)
		if got[c.field] != c.changed {
			t.Errorf("%s: changed to %v, want %s", one, got[c.field], c.changed)
		}
		before := f.head()
		f.do(request{method: "PUT", path: one, body: c.change}).status(200)
		if f.head() != before {
			t.Errorf("%s: a change to what is there already made an entry", one)
		}
		f.get(c.path).status(200).into(&listed)
		if n := len(listed["items"].([]any)); n == 0 {
			t.Errorf("%s: the list is empty", c.path)
		}
		other := map[string]any{}
		for k, v := range c.change {
			other[k] = v
		}
		other["id"] = "other"
		f.do(request{method: "PUT", path: one, body: other}).problem(422, "invalid_field", "id")
		f.do(request{method: "PUT", path: c.path + "/nobody", body: map[string]any{"id": "nobody"}}).problem(404, "not_found", "")
		f.get(c.path+"/nobody").problem(404, "not_found", "")
	}
}

func TestBadDefinitionsAreRefusedPrecisely(t *testing.T) {
	f := start(t)
	before := f.head()
	for _, c := range []struct {
		path, field string
		body        map[string]any
	}{
		{"/v1/brands", "id", map[string]any{"id": "Acme!", "name": "x"}},
		{"/v1/brands", "name", map[string]any{"id": "acme"}},
		{"/v1/brands", "country", map[string]any{"id": "acme", "name": "x", "country": "usa"}},
		{"/v1/purposes", "class", map[string]any{"id": "p", "name": "x"}},
		{"/v1/purposes", "class", map[string]any{"id": "p", "name": "x", "class": "fun"}},
		{"/v1/senders", "kind", map[string]any{"id": "s", "brand": "default", "address": "1", "channel": "sms"}},
		{"/v1/senders", "channel", map[string]any{"id": "s", "brand": "default", "kind": "number", "address": "1", "channel": "*"}},
		{"/v1/senders", "brand", map[string]any{"id": "s", "brand": "nobody", "kind": "number", "address": "1", "channel": "sms"}},
		{"/v1/disclosures", "language", map[string]any{"id": "d", "text": "x"}},
		{"/v1/disclosures", "text", map[string]any{"id": "d", "language": "en"}},
		{"/v1/disclosures", "brand", map[string]any{"id": "d", "language": "en", "text": "x", "brand": "nobody"}},
		{"/v1/lists", "kind", map[string]any{"id": "l", "name": "x", "kind": "nice"}},
		{"/v1/lists", "max_age_seconds", map[string]any{"id": "l", "name": "x", "kind": "own", "max_age_seconds": -1}},
		{"/v1/keys", "role", map[string]any{"name": "x", "role": "king"}},
		{"/v1/keys", "name", map[string]any{"role": "viewer"}},
		{"/v1/keys", "brands", map[string]any{"name": "x", "role": "viewer", "brands": []string{"nobody"}}},
		{"/v1/keys", "expires_at", map[string]any{"name": "x", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}},
	} {
		f.post(c.path, c.body).problem(422, "invalid_field", c.field)
	}
	if got := f.head(); got != before {
		t.Errorf("%d entries were made, want none", got-before)
	}
	f.do(request{method: "PUT", path: "/v1/purposes/marketing", body: map[string]any{"id": "marketing", "name": "x", "class": "transactional"}}).
		problem(422, "invalid_field", "class")
}

func TestARetiredBrandIsUnknownToActsAndChecks(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	f.post("/v1/consents", grant(alice, "brand", "acme")).status(201)
	f.do(request{method: "PUT", path: "/v1/brands/acme", body: map[string]any{"id": "acme", "name": "Acme", "retired": true}}).status(200)
	f.post("/v1/consents", grant(alice, "brand", "acme")).problem(422, "unknown_brand", "brand")
	f.post("/v1/checks", map[string]any{"number": alice, "brand": "acme", "purpose": "marketing", "channel": "sms"}).problem(422, "unknown_brand", "brand")
}

func TestADisclosureVersionNeverChanges(t *testing.T) {
	f := start(t)
	f.post("/v1/disclosures", map[string]any{"id": "words", "language": "en", "text": "One."}).status(201)
	var first, second, again httpapi.Wording
	f.get("/v1/disclosures/words/versions/1").status(200).into(&first)
	f.post("/v1/disclosures/words/versions", map[string]any{"language": "en", "text": "Two."}).status(201).into(&second)
	f.post("/v1/disclosures/words/versions", map[string]any{"language": "en", "text": "Two."}).status(201).into(&again)
	if second.Version != 2 || again != second {
		t.Errorf("got %+v and %+v", second, again)
	}
	var still httpapi.Wording
	f.get("/v1/disclosures/words/versions/1").status(200).into(&still)
	if still != first || still.Text != "One." {
		t.Errorf("version 1 became %+v", still)
	}
	f.post("/v1/consents", grant(alice, "disclosure", "words@2")).status(201)
	f.post("/v1/consents", grant(alice, "disclosure", "words@3")).problem(422, "unknown_disclosure", "disclosure")
	f.get("/v1/disclosures/words/versions/3").problem(404, "not_found", "")
	f.get("/v1/disclosures/words/versions/x").problem(422, "invalid_field", "version")
	var versions struct {
		Items []httpapi.Wording
		Next  string
	}
	f.get("/v1/disclosures/words/versions?limit=1").status(200).into(&versions)
	f.get("/v1/disclosures/words/versions?cursor=" + versions.Next).status(200).into(&versions)
	if len(versions.Items) != 1 || versions.Items[0].Version != 2 {
		t.Errorf("second page: got %+v", versions)
	}
	f.do(request{method: "PUT", path: "/v1/disclosures/words", body: "{}"}).problem(405, "method_not_allowed", "")
}

func TestADefinitionUnderAKeyIsAnsweredAlikeAndMadeOnce(t *testing.T) {
	f := start(t)
	for i, c := range []struct {
		method, path string
		body         map[string]any
	}{
		{"POST", "/v1/brands", map[string]any{"id": "acme", "name": "Acme"}},
		{"PUT", "/v1/brands/acme", map[string]any{"id": "acme", "name": "Acme Shoes"}},
		{"POST", "/v1/disclosures", map[string]any{"id": "words", "language": "en", "text": "One."}},
		{"POST", "/v1/disclosures/words/versions", map[string]any{"language": "en", "text": "Two."}},
		{"POST", "/v1/lists", map[string]any{"id": "own", "name": "Own", "kind": "own"}},
		{"POST", "/v1/lists/own/members", map[string]any{"add": []string{alice, bob}}},
	} {
		q := request{method: c.method, path: c.path, body: c.body, header: map[string]string{"Idempotency-Key": fmt.Sprintf("d-%d", i)}}
		first := f.do(q)
		if first.StatusCode >= 300 {
			t.Fatalf("%s %s: got %d %s", c.method, c.path, first.StatusCode, first.body)
		}
		before := f.head()
		again := f.do(q).status(first.StatusCode)
		if string(again.body) != string(first.body) || f.head() != before {
			t.Errorf("%s %s: got %s and then %s, with %d entries more", c.method, c.path, first.body, again.body, f.head()-before)
		}
		q.path, q.body, q.method = "/v1/brands", map[string]any{"id": "zeta", "name": "Zeta"}, "POST"
		f.do(q).problem(422, "idempotency_key_reused", "Idempotency-Key")
	}
}

func TestASecretIsShownOnce(t *testing.T) {
	f := start(t)
	q := request{method: "POST", path: "/v1/keys", body: map[string]any{"name": "Tool", "role": "sender", "brands": []string{"default"}}, header: map[string]string{"Idempotency-Key": "k"}}
	var made, again httpapi.NewKey
	f.do(q).status(201).into(&made)
	f.do(q).status(201).into(&again)
	if !strings.HasPrefix(made.Secret, "cl_") || again.Secret != "" || !reflect.DeepEqual(again.Key, made.Key) {
		t.Errorf("got %+v and then %+v", made.Key, again)
	}
	check := request{method: "POST", path: "/v1/checks", as: made.Secret, body: map[string]any{"number": alice, "purpose": "marketing", "channel": "sms"}}
	f.do(check).status(200)
	for _, path := range []string{"/v1/keys", "/v1/keys/" + made.ID} {
		if a := f.get(path).status(200); strings.Contains(string(a.body), made.Secret) || strings.Contains(string(a.body), "hash") {
			t.Errorf("%s shows what only its holder may know: %s", path, a.body)
		}
	}
	var revoked httpapi.Key
	f.do(request{method: "DELETE", path: "/v1/keys/" + made.ID}).status(200).into(&revoked)
	if revoked.RevokedAt == nil {
		t.Errorf("got %+v, want a revoked key", revoked)
	}
	f.do(check).problem(401, "unauthenticated", "Authorization")
	before := f.head()
	f.do(request{method: "DELETE", path: "/v1/keys/" + made.ID}).status(200)
	if f.head() != before {
		t.Error("revoking a revoked key made an entry")
	}
	f.do(request{method: "DELETE", path: "/v1/keys/nobody"}).problem(404, "not_found", "")
}

func TestAKeyStopsWhenItExpires(t *testing.T) {
	f := start(t)
	var made httpapi.NewKey
	f.post("/v1/keys", map[string]any{"name": "Short", "role": "viewer", "expires_at": f.now().Add(time.Hour).UTC().Format(time.RFC3339)}).status(201).into(&made)
	f.do(request{method: "GET", path: "/v1/brands", as: made.Secret}).status(200)
	f.pass(2 * time.Hour)
	f.do(request{method: "GET", path: "/v1/brands", as: made.Secret}).problem(401, "unauthenticated", "Authorization")
}

func TestAKeyForSomeBrandsMakesKeysForThoseOnly(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	limited := f.key(access.Admin, "acme")
	as := func(method, path string, body any) answer {
		return f.do(request{method: method, path: path, body: body, as: limited})
	}
	as("POST", "/v1/keys", map[string]any{"name": "x", "role": "viewer"}).problem(403, "forbidden", "")
	as("POST", "/v1/keys", map[string]any{"name": "x", "role": "viewer", "brands": []string{"default"}}).problem(403, "forbidden", "")
	as("POST", "/v1/keys", map[string]any{"name": "x", "role": "viewer", "brands": []string{"acme"}}).status(201)
	var keys struct{ Items []httpapi.Key }
	as("GET", "/v1/keys", nil).status(200).into(&keys)
	if len(keys.Items) != 2 {
		t.Errorf("got %d keys, want those for acme alone", len(keys.Items))
	}
	as("PUT", "/v1/purposes/marketing", map[string]any{"id": "marketing", "name": "Mine", "class": "marketing"}).problem(403, "forbidden", "")
}
