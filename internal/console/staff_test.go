package console_test

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // as RFC 6238 has it
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/people"
)

const (
	words      = "several words in a row"
	otherWords = "quite other words here"
)

// member lets a person in who has a password, and returns their ID.
func (f *fixture) member(login string, r access.Role, brands ...consent.BrandID) string {
	f.t.Helper()
	who, link, err := f.People.Invite(f.t.Context(), access.Local, access.Person{Login: login, Role: r, Brands: brands})
	if err != nil {
		f.t.Fatal(err)
	}
	b := f.visitor()
	b.post("/console/enter/" + link).status(200).says("You have no way to sign in again yet")
	b.post("/console/account/password", "password", words).status(200).says("Your password is set")
	return who.ID
}

// in returns a browser in which a person has signed in with their password.
func (f *fixture) in(login string) *visitor {
	f.t.Helper()
	b := f.visitor()
	b.post("/console/sign-in", "login", login, "password", words).status(200).lacks("Sign in to Consentline")
	return b
}

// codeOf is what a code generator with a secret shows, made as RFC 6238 says.
func codeOf(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(secret, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

// found returns what an expression finds in a page.
func (a answer) found(expression string) string {
	a.t.Helper()
	m := regexp.MustCompile(expression).FindStringSubmatch(a.body)
	if m == nil {
		a.t.Fatalf("%s has no %s: %s", a.Request.URL.Path, expression, a.words())
	}
	return m[1]
}

func TestTheFirstLinkMakesAnAdminOnceAndNotByBeingLookedAt(t *testing.T) {
	f := startBare(t)
	link, err := f.People.FirstLink(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b := f.visitor()
	b.get("/console/enter/" + link).status(200)
	b.get("/console/enter/" + link).status(200).says("makes you an admin")
	b.get("/console/").status(http.StatusUnauthorized)
	b.post("/console/enter/"+link, "login", "ada@example.org", "password", "short").status(422).says("at least 12 characters", "ada@example.org")
	b.post("/console/enter/"+link, "login", "", "password", words).status(422).says("login")
	b.post("/console/enter/"+link, "login", "Ada@Example.org ", "name", "Ada", "password", words).status(200).says("Overview", "Ada")
	f.visitor().post("/console/enter/"+link, "login", "eve@example.org", "password", words).status(http.StatusGone)
	f.visitor().post("/console/enter/made-up").status(http.StatusGone)
	f.in("ada@example.org").get("/console/staff").status(200).says("ada@example.org", "active")

	late, err := f.People.FirstLink(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	f.pass(2 * time.Hour)
	f.visitor().post("/console/enter/"+late, "login", "eve@example.org", "password", words).status(http.StatusGone)
}

func TestAnInvitedPersonChoosesAPasswordAndComesBackWithIt(t *testing.T) {
	f := startBare(t)
	f.member("ada@example.org", access.Admin)
	b := f.in("ada@example.org")
	made := b.post("/console/staff", "login", "Bo@example.org", "name", "Bo <b>", "role", "agent", "brands", "default").status(200)
	made.says("shown only now", "Bo &lt;b&gt;", "invited")
	b.get("/console/staff").lacks("/console/enter/")
	link := made.found(`value="[^"]*(/console/enter/[^"]+)"`)
	b.post("/console/staff", "login", "bo@example.org", "role", "viewer").status(422).says("already")

	c := f.visitor()
	c.get(link).status(200).says("Welcome, Bo")
	c.post(link).status(200).says("You have no way to sign in again yet")
	f.visitor().post(link).status(http.StatusGone)
	c.post("/console/account/password", "password", "bo@example.org1").status(422).says("holds your login")
	c.post("/console/account/password", "password", "password123456").status(422).says("tried first")
	c.post("/console/account/password", "password", words).status(200)
	c.get("/console/number").status(200)
	c.get("/console/staff").status(http.StatusForbidden).says("people with role agent may not manage people")
	f.visitor().post("/console/sign-in", "login", " BO@example.org", "password", words).status(200)
	f.visitor().post("/console/sign-in", "login", "bo@example.org", "password", otherWords).status(422).says("do not belong together").lacks(otherWords)
	f.as(access.Admin).get("/console/audit").says("password set", "person ", "Bo &lt;b&gt; (bo@example.org)")
}

func TestRoleAndBrandsOfAPersonHoldAtOnce(t *testing.T) {
	f := startBare(t)
	f.as(access.Admin).post("/console/brands", "id", "ours", "name", "Ours").status(200)
	id := f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	b.get("/console/number").status(200)
	admin := f.as(access.Admin)
	admin.post("/console/staff/"+id, "do", "save", "name", "Bo", "role", "viewer", "brands", "ours").status(200).says("Saved")
	path, _ := b.person(alice)
	b.post(path+"/record", "act", "withdrawn").status(http.StatusForbidden)
	b.get("/console/").status(200).says("viewer", "· ours")
	admin.post("/console/staff/"+id, "do", "save", "role", "sender").status(422)
	admin.post("/console/staff/"+id, "do", "save", "role", "emperor").status(422)

	limited := f.as(access.Admin, "ours")
	limited.post("/console/staff", "login", "wide@example.org", "role", "admin").status(http.StatusForbidden)
	limited.post("/console/staff", "login", "narrow@example.org", "role", "admin", "brands", "ours").status(200)
	other := f.member("di@example.org", access.Agent)
	limited.get("/console/staff").status(200).lacks("di@example.org").says("bo@example.org", "narrow@example.org")
	limited.get("/console/staff/" + other).status(http.StatusForbidden)
	limited.post("/console/staff/"+other, "do", "link").status(http.StatusForbidden)
	limited.post("/console/staff/"+id, "do", "save", "role", "admin").status(http.StatusForbidden)
}

func TestADisabledPersonIsOutAtOnceAndForGood(t *testing.T) {
	f := startBare(t)
	id := f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	admin := f.as(access.Admin)
	link := admin.post("/console/staff/"+id, "do", "link").status(200).found(`value="[^"]*(/console/enter/[^"]+)"`)
	admin.get("/console/audit").says("link that lets a person in").lacks(strings.TrimPrefix(link, "/console/enter/"))
	admin.post("/console/staff/"+id, "do", "disable").status(200).says("Disabled")
	b.get("/console/").status(http.StatusUnauthorized)
	f.visitor().post(link).status(http.StatusGone)
	f.visitor().post("/console/sign-in", "login", "bo@example.org", "password", words).status(422).says("do not belong together")
	admin.post("/console/staff/"+id, "do", "link").status(422).says("enable them first")
	admin.post("/console/staff/"+id, "do", "enable").status(200).says("Enabled")
	b.get("/console/").status(http.StatusUnauthorized)
	f.visitor().post(link).status(http.StatusGone)
	f.in("bo@example.org").get("/console/").status(200)
}

func TestTheLastAdminCannotEndOrLowerThemselves(t *testing.T) {
	f := startBare(t)
	id := f.member("ada@example.org", access.Admin)
	b := f.in("ada@example.org")
	b.post("/console/staff", "login", "never@example.org", "role", "admin").status(200) // invited is not there yet
	b.post("/console/staff/"+id, "do", "disable").status(http.StatusConflict).says("Somebody must stay")
	b.post("/console/staff/"+id, "do", "save", "role", "viewer").status(http.StatusConflict)
	b.post("/console/staff/"+id, "do", "save", "role", "admin", "brands", "default").status(http.StatusConflict)
	b.get("/console/staff").status(200)
	f.member("bo@example.org", access.Admin)
	b.post("/console/staff/"+id, "do", "save", "role", "viewer").status(http.StatusForbidden) // done, and so may no longer look
	b.get("/console/staff").status(http.StatusForbidden)
}

func TestACodeGeneratorIsAskedForAndEachCodeIsGoodOnce(t *testing.T) {
	f := startBare(t)
	f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	page := b.post("/console/account/generator").status(200).says("<svg class=\"qr\"")
	secret, token := page.found(`class="secret">([A-Z2-7 ]+)<`), page.field("token")
	wrong := "000000"
	if codeOf(t, secret, f.now()) == wrong {
		wrong = "000001"
	}
	b.post("/console/account/generator", "token", token, "code", wrong).status(422).says("is not right", secret)
	f.visitor().post("/console/sign-in", "login", "bo@example.org", "password", words).status(200).lacks("One more step")
	on := b.post("/console/account/generator", "token", token, "code", codeOf(t, secret, f.now())).status(200).says("Your recovery codes", "It is on")
	recovery := on.found(`<li><code>([^<]+)`)
	b.get("/console/account").lacks(recovery)

	c := f.visitor()
	half := c.post("/console/sign-in", "login", "bo@example.org", "password", words).status(200).says("One more step")
	c.get("/console/").status(http.StatusUnauthorized)
	used := codeOf(t, secret, f.now()) // by setting it up
	c.post("/console/sign-in/code", "halfway", half.field("halfway"), "code", used).status(422).says("used before")
	f.pass(30 * time.Second)
	code := codeOf(t, secret, f.now())
	c.post("/console/sign-in/code", "halfway", half.field("halfway"), "code", code[:3]+" "+code[3:]).status(200).says("Overview")
	c.get("/console/account").says("password and code")
	c.post("/console/sign-in/code", "halfway", half.field("halfway"), "code", code).status(422).says("took too long")

	d := f.visitor()
	half = d.post("/console/sign-in", "login", "bo@example.org", "password", words)
	d.post("/console/sign-in/code", "halfway", half.field("halfway"), "code", strings.ToUpper(recovery)).status(200).says("Overview")
	e := f.visitor()
	half = e.post("/console/sign-in", "login", "bo@example.org", "password", words)
	e.post("/console/sign-in/code", "halfway", half.field("halfway"), "code", recovery).status(422)
	b.post("/console/account/generator/remove").status(200).says("It is off")
	f.in("bo@example.org")
}

func TestFailuresLockAnAccountWhetherItIsThereOrNot(t *testing.T) {
	f := startBare(t)
	f.member("bo@example.org", access.Agent)
	var answers []string
	for i, login := range []string{"bo@example.org", "nobody@example.org"} {
		for n := range 6 {
			b := f.visitor()
			r := b.form("/console/sign-in", "same-origin", "login", login, "password", otherWords)
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.7, 203.0.113.%d", 10*i+n)) // each from an address of its own
			a := b.do(r)
			if want := map[bool]int{true: 429, false: 422}[n == 5]; a.StatusCode != want {
				t.Errorf("try %d of %s: got %d, want %d", n+1, login, a.StatusCode, want)
			}
			if n == 5 {
				answers = append(answers, strings.ReplaceAll(a.words(), login, ""))
			}
		}
	}
	if challenge := regexp.MustCompile(`[A-Za-z0-9_-]{40,}`); challenge.ReplaceAllString(answers[0], "") != challenge.ReplaceAllString(answers[1], "") {
		t.Errorf("a lock tells who is there:\n%s\n%s", answers[0], answers[1])
	}
	f.visitor().post("/console/sign-in", "login", "bo@example.org", "password", words).status(429)
	f.as(access.Admin).get("/console/audit").says("account locked after failures to sign in")
	f.pass(61 * time.Second)
	f.in("bo@example.org")
	f.visitor().post("/console/sign-in", "login", "bo@example.org", "password", otherWords).status(422) // forgotten
}

func TestGuessesOfCodesLockTheAccount(t *testing.T) {
	f := startBare(t)
	f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	page := b.post("/console/account/generator")
	secret := page.found(`class="secret">([A-Z2-7 ]+)<`)
	b.post("/console/account/generator", "token", page.field("token"), "code", codeOf(t, secret, f.now())).status(200)
	c := f.visitor()
	half := c.post("/console/sign-in", "login", "bo@example.org", "password", words).status(200).field("halfway")
	for range 5 {
		c.post("/console/sign-in/code", "halfway", half, "code", "not it").status(422)
	}
	f.pass(30 * time.Second)
	c.post("/console/sign-in/code", "halfway", half, "code", codeOf(t, secret, f.now())).status(429)
	c.post("/console/sign-in", "login", "bo@example.org", "password", words).status(429)
	f.pass(61 * time.Second)
	half = c.post("/console/sign-in", "login", "bo@example.org", "password", words).status(200).field("halfway")
	c.post("/console/sign-in/code", "halfway", half, "code", codeOf(t, secret, f.now())).status(200).says("Overview")
}

func TestHowSomebodySignsInIsChangedOnlyByWhoLatelyProvedThemselves(t *testing.T) {
	f := startBare(t)
	f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	f.pass(31 * time.Minute)
	b.get("/console/account").status(200).says("sign in again").lacks("Change the password")
	asked := b.post("/console/account/password", "password", otherWords).status(401).says("Sign in again to change how you sign in.").lacks(otherWords)
	b.post("/console/account/codes").status(401)
	b.post("/console/sign-in", "login", "bo@example.org", "password", words, "to", asked.field("to")).status(200)
	other := f.in("bo@example.org")
	b.post("/console/account/password", "password", otherWords).status(200).says("signed out everywhere else")
	other.get("/console/").status(401)
	b.get("/console/").status(200)
	f.visitor().post("/console/sign-in", "login", "bo@example.org", "password", words).status(422)
}

func TestSessionsAreEndedByTheirOwnerAndByAnAdmin(t *testing.T) {
	f := startBare(t)
	id := f.member("bo@example.org", access.Agent)
	b, c, d := f.in("bo@example.org"), f.in("bo@example.org"), f.in("bo@example.org")
	list := b.get("/console/account").status(200)
	if n := strings.Count(list.body, "/console/account/sessions/"); n != 4 { // one of setting up, two others, and the button for all
		t.Errorf("the page offers to end %d sessions, want 4", n)
	}
	b.post(list.found(`action="(/console/account/sessions/[0-9a-f]+/end)"`)).status(200).says("Signed out")
	d.get("/console/").status(401) // the latest stands first
	c.get("/console/").status(200)
	b.post("/console/account/sessions/end").status(200)
	c.get("/console/").status(401)
	b.get("/console/").status(200)
	f.as(access.Admin).post("/console/staff/"+id, "do", "end").status(200).says("Signed out")
	b.get("/console/").status(401)
	f.as(access.Admin).get("/console/account").status(404) // a key has no account
}

func TestALinkAfterSeventyTwoHoursLetsNobodyIn(t *testing.T) {
	f := startBare(t)
	_, link, err := f.People.Invite(t.Context(), access.Local, access.Person{Login: "bo@example.org", Role: access.Agent})
	if err != nil {
		t.Fatal(err)
	}
	f.pass(people.LinkLasts)
	f.visitor().post("/console/enter/" + link).status(http.StatusGone)
}

func TestWhoLooksAtManyPeopleIsAskedWhy(t *testing.T) {
	f := startBare(t)
	paths := make([]string, 42)
	b := f.as(access.Agent)
	for i := range paths {
		number := fmt.Sprintf("+1202555%04d", 100+i)
		f.record(yes(number))
		s, err := f.Ledger.ByNumber(t.Context(), mustNumber(t, number))
		if err != nil {
			t.Fatal(err)
		}
		paths[i] = fmt.Sprintf("/console/people/%x", s.ID)
	}
	for _, path := range paths[:40] {
		b.get(path).status(200).says("1 202-555-01").lacks("Why you need this number")
	}
	b.get(paths[0]).status(200).lacks("Why you need this number") // looking again is one look
	b.get(paths[40]).status(200).says("Why you need this number").lacks("202-555-0140")
	b.get(paths[40] + "/record").status(200).lacks("202-555-0140")
	b.post(paths[40]+"/reason", "reason", "call 202 555 0140").status(422).says("may be a number").lacks("202-555-0140")
	b.post(paths[40]+"/reason", "reason", "complaint of the caller").status(200).says("202-555-0140")
	b.get(paths[40]).status(200).says("202-555-0140")
	b.get(paths[41]).status(200).lacks("202-555-0141")
	f.as(access.Agent).get(paths[41]).status(200).says("202-555-0141") // another caller
	f.as(access.Admin).get("/console/audit").says("an unusual look at a number", "complaint of the caller")
	f.as(access.Viewer).post(paths[41]+"/reason", "reason", "out of curiosity").status(404)
	f.pass(time.Hour)
	b.get(paths[41]).status(200).says("202-555-0141")
}
