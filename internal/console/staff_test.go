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
	"github.com/consentline/consentline/internal/people"
)

const (
	words      = "several words in a row"
	otherWords = "quite other words here"
)

// member lets a person in who has a password, and returns their ID.
func (f *fixture) member(login string, r access.Role) string {
	f.t.Helper()
	who, link, err := f.People.Invite(f.t.Context(), access.Local, access.Person{Login: login, Role: r})
	if err != nil {
		f.t.Fatal(err)
	}
	b := f.visitor()
	b.Post("/console/enter/" + link).Status(200).Says("You have no way to sign in again yet")
	b.Post("/console/account/password", "password", words).Status(200).Says("Your password is set")
	return who.ID
}

// in returns a browser in which a person has signed in with their password.
func (f *fixture) in(login string) *visitor {
	f.t.Helper()
	b := f.visitor()
	b.Post("/console/sign-in", "login", login, "password", words).Status(200).Lacks("Sign in to Consentline")
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

func TestTheFirstLinkMakesAnAdminOnceAndNotByBeingLookedAt(t *testing.T) {
	f := startBare(t)
	link, err := f.People.FirstLink(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b := f.visitor()
	b.Get("/console/enter/" + link).Status(200)
	b.Get("/console/enter/" + link).Status(200).Says("makes you an admin")
	b.Get("/console/").Status(http.StatusUnauthorized)
	b.Post("/console/enter/"+link, "login", "ada@example.org", "password", "short").Status(422).Says("at least 12 characters", "ada@example.org")
	b.Post("/console/enter/"+link, "login", "", "password", words).Status(422).Says("login")
	b.Post("/console/enter/"+link, "login", "Ada@Example.org ", "name", "Ada", "password", words).Status(200).Says("Overview", "Ada")
	f.visitor().Post("/console/enter/"+link, "login", "eve@example.org", "password", words).Status(http.StatusGone)
	f.visitor().Post("/console/enter/made-up").Status(http.StatusGone)
	f.in("ada@example.org").Get("/console/staff").Status(200).Says("ada@example.org", "active")

	late, err := f.People.FirstLink(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	f.pass(2 * time.Hour)
	f.visitor().Post("/console/enter/"+late, "login", "eve@example.org", "password", words).Status(http.StatusGone)
}

func TestAnInvitedPersonChoosesAPasswordAndComesBackWithIt(t *testing.T) {
	f := startBare(t)
	f.member("ada@example.org", access.Admin)
	b := f.in("ada@example.org")
	made := b.Post("/console/staff", "login", "Bo@example.org", "name", "Bo <b>", "role", "agent", "brands", "default").Status(200)
	made.Says("shown only now", "Bo &lt;b&gt;", "invited")
	b.Get("/console/staff").Lacks("/console/enter/")
	link := made.Found(`value="[^"]*(/console/enter/[^"]+)"`)
	b.Post("/console/staff", "login", "bo@example.org", "role", "viewer").Status(422).Says("already")

	c := f.visitor()
	c.Get(link).Status(200).Says("Welcome, Bo")
	c.Post(link).Status(200).Says("You have no way to sign in again yet")
	f.visitor().Post(link).Status(http.StatusGone)
	c.Post("/console/account/password", "password", "bo@example.org1").Status(422).Says("holds your login")
	c.Post("/console/account/password", "password", "password123456").Status(422).Says("tried first")
	c.Post("/console/account/password", "password", words).Status(200)
	c.Get("/console/number").Status(200)
	c.Get("/console/staff").Status(http.StatusForbidden).Says("people with role agent may not manage people")
	f.visitor().Post("/console/sign-in", "login", " BO@example.org", "password", words).Status(200)
	f.visitor().Post("/console/sign-in", "login", "bo@example.org", "password", otherWords).Status(422).Says("do not belong together").Lacks(otherWords)
	f.as(access.Admin).Get("/console/audit").Says("password set", "person ", "Bo &lt;b&gt; (bo@example.org)")
}

func TestRoleAndBrandsOfAPersonHoldAtOnce(t *testing.T) {
	f := startBare(t)
	f.as(access.Admin).Post("/console/brands", "id", "ours", "name", "Ours").Status(200)
	id := f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	b.Get("/console/number").Status(200)
	admin := f.as(access.Admin)
	admin.Post("/console/staff/"+id, "do", "save", "name", "Bo", "role", "viewer", "brands", "ours").Status(200).Says("Saved")
	path, _ := b.person(alice)
	b.Post(path+"/record", "act", "withdrawn").Status(http.StatusForbidden)
	b.Get("/console/").Status(200).Says("viewer", "· ours")
	admin.Post("/console/staff/"+id, "do", "save", "role", "sender").Status(422)
	admin.Post("/console/staff/"+id, "do", "save", "role", "emperor").Status(422)

	limited := f.as(access.Admin, "ours")
	limited.Post("/console/staff", "login", "wide@example.org", "role", "admin").Status(http.StatusForbidden)
	limited.Post("/console/staff", "login", "narrow@example.org", "role", "admin", "brands", "ours").Status(200)
	other := f.member("di@example.org", access.Agent)
	limited.Get("/console/staff").Status(200).Lacks("di@example.org").Says("bo@example.org", "narrow@example.org")
	limited.Get("/console/staff/" + other).Status(http.StatusForbidden)
	limited.Post("/console/staff/"+other, "do", "link").Status(http.StatusForbidden)
	limited.Post("/console/staff/"+id, "do", "save", "role", "admin").Status(http.StatusForbidden)
}

func TestADisabledPersonIsOutAtOnceAndForGood(t *testing.T) {
	f := startBare(t)
	id := f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	admin := f.as(access.Admin)
	link := admin.Post("/console/staff/"+id, "do", "link").Status(200).Found(`value="[^"]*(/console/enter/[^"]+)"`)
	admin.Get("/console/audit").Says("link that lets a person in").Lacks(strings.TrimPrefix(link, "/console/enter/"))
	admin.Post("/console/staff/"+id, "do", "disable").Status(200).Says("Disabled")
	b.Get("/console/").Status(http.StatusUnauthorized)
	f.visitor().Post(link).Status(http.StatusGone)
	f.visitor().Post("/console/sign-in", "login", "bo@example.org", "password", words).Status(422).Says("do not belong together")
	admin.Post("/console/staff/"+id, "do", "link").Status(422).Says("enable them first")
	admin.Post("/console/staff/"+id, "do", "enable").Status(200).Says("Enabled")
	b.Get("/console/").Status(http.StatusUnauthorized)
	f.visitor().Post(link).Status(http.StatusGone)
	f.in("bo@example.org").Get("/console/").Status(200)
}

func TestTheLastAdminCannotEndOrLowerThemselves(t *testing.T) {
	f := startBare(t)
	id := f.member("ada@example.org", access.Admin)
	b := f.in("ada@example.org")
	b.Post("/console/staff", "login", "never@example.org", "role", "admin").Status(200) // invited is not there yet
	b.Post("/console/staff/"+id, "do", "disable").Status(http.StatusConflict).Says("Somebody must stay")
	b.Post("/console/staff/"+id, "do", "save", "role", "viewer").Status(http.StatusConflict)
	b.Post("/console/staff/"+id, "do", "save", "role", "admin", "brands", "default").Status(http.StatusConflict)
	b.Get("/console/staff").Status(200)
	f.member("bo@example.org", access.Admin)
	b.Post("/console/staff/"+id, "do", "save", "role", "viewer").Status(http.StatusForbidden) // done, and so may no longer look
	b.Get("/console/staff").Status(http.StatusForbidden)
}

func TestACodeGeneratorIsAskedForAndEachCodeIsGoodOnce(t *testing.T) {
	f := startBare(t)
	f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	page := b.Post("/console/account/generator").Status(200).Says("<svg class=\"qr\"")
	secret, token := page.Found(`class="secret">([A-Z2-7 ]+)<`), page.Field("token")
	wrong := "000000"
	if codeOf(t, secret, f.now()) == wrong {
		wrong = "000001"
	}
	b.Post("/console/account/generator", "token", token, "code", wrong).Status(422).Says("is not right", secret)
	f.visitor().Post("/console/sign-in", "login", "bo@example.org", "password", words).Status(200).Lacks("One more step")
	on := b.Post("/console/account/generator", "token", token, "code", codeOf(t, secret, f.now())).Status(200).Says("Your recovery codes", "It is on")
	recovery := on.Found(`<li><code>([^<]+)`)
	b.Get("/console/account").Lacks(recovery)

	c := f.visitor()
	half := c.Post("/console/sign-in", "login", "bo@example.org", "password", words).Status(200).Says("One more step")
	c.Get("/console/").Status(http.StatusUnauthorized)
	used := codeOf(t, secret, f.now()) // by setting it up
	c.Post("/console/sign-in/code", "halfway", half.Field("halfway"), "code", used).Status(422).Says("used before")
	f.pass(30 * time.Second)
	code := codeOf(t, secret, f.now())
	c.Post("/console/sign-in/code", "halfway", half.Field("halfway"), "code", code[:3]+" "+code[3:]).Status(200).Says("Overview")
	c.Get("/console/account").Says("password and code")
	c.Post("/console/sign-in/code", "halfway", half.Field("halfway"), "code", code).Status(422).Says("took too long")

	d := f.visitor()
	half = d.Post("/console/sign-in", "login", "bo@example.org", "password", words)
	d.Post("/console/sign-in/code", "halfway", half.Field("halfway"), "code", strings.ToUpper(recovery)).Status(200).Says("Overview")
	e := f.visitor()
	half = e.Post("/console/sign-in", "login", "bo@example.org", "password", words)
	e.Post("/console/sign-in/code", "halfway", half.Field("halfway"), "code", recovery).Status(422)
	b.Post("/console/account/generator/remove").Status(200).Says("It is off")
	f.in("bo@example.org")
}

func TestFailuresLockAnAccountWhetherItIsThereOrNot(t *testing.T) {
	f := startBare(t)
	f.member("bo@example.org", access.Agent)
	var answers []string
	for i, login := range []string{"bo@example.org", "nobody@example.org"} {
		for n := range 6 {
			b := f.visitor()
			r := b.Form("/console/sign-in", "same-origin", "login", login, "password", otherWords)
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.7, 203.0.113.%d", 10*i+n)) // each from an address of its own
			a := b.Do(r)
			if want := map[bool]int{true: 429, false: 422}[n == 5]; a.StatusCode != want {
				t.Errorf("try %d of %s: got %d, want %d", n+1, login, a.StatusCode, want)
			}
			if n == 5 {
				answers = append(answers, strings.ReplaceAll(a.Words(), login, ""))
			}
		}
	}
	if challenge := regexp.MustCompile(`[A-Za-z0-9_-]{40,}`); challenge.ReplaceAllString(answers[0], "") != challenge.ReplaceAllString(answers[1], "") {
		t.Errorf("a lock tells who is there:\n%s\n%s", answers[0], answers[1])
	}
	f.visitor().Post("/console/sign-in", "login", "bo@example.org", "password", words).Status(429)
	f.as(access.Admin).Get("/console/audit").Says("account locked after failures to sign in")
	f.pass(61 * time.Second)
	f.in("bo@example.org")
	f.visitor().Post("/console/sign-in", "login", "bo@example.org", "password", otherWords).Status(422) // forgotten
}

func TestGuessesOfCodesLockTheAccount(t *testing.T) {
	f := startBare(t)
	f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	page := b.Post("/console/account/generator")
	secret := page.Found(`class="secret">([A-Z2-7 ]+)<`)
	b.Post("/console/account/generator", "token", page.Field("token"), "code", codeOf(t, secret, f.now())).Status(200)
	c := f.visitor()
	half := c.Post("/console/sign-in", "login", "bo@example.org", "password", words).Status(200).Field("halfway")
	for range 5 {
		c.Post("/console/sign-in/code", "halfway", half, "code", "not it").Status(422)
	}
	f.pass(30 * time.Second)
	c.Post("/console/sign-in/code", "halfway", half, "code", codeOf(t, secret, f.now())).Status(429)
	c.Post("/console/sign-in", "login", "bo@example.org", "password", words).Status(429)
	f.pass(61 * time.Second)
	half = c.Post("/console/sign-in", "login", "bo@example.org", "password", words).Status(200).Field("halfway")
	c.Post("/console/sign-in/code", "halfway", half, "code", codeOf(t, secret, f.now())).Status(200).Says("Overview")
}

func TestHowSomebodySignsInIsChangedOnlyByWhoLatelyProvedThemselves(t *testing.T) {
	f := startBare(t)
	f.member("bo@example.org", access.Agent)
	b := f.in("bo@example.org")
	f.pass(31 * time.Minute)
	b.Get("/console/account").Status(200).Says("sign in again").Lacks("Change the password")
	asked := b.Post("/console/account/password", "password", otherWords).Status(401).Says("Sign in again to change how you sign in.").Lacks(otherWords)
	b.Post("/console/account/codes").Status(401)
	b.Post("/console/sign-in", "login", "bo@example.org", "password", words, "to", asked.Field("to")).Status(200)
	other := f.in("bo@example.org")
	b.Post("/console/account/password", "password", otherWords).Status(200).Says("signed out everywhere else")
	other.Get("/console/").Status(401)
	b.Get("/console/").Status(200)
	f.visitor().Post("/console/sign-in", "login", "bo@example.org", "password", words).Status(422)
}

func TestSessionsAreEndedByTheirOwnerAndByAnAdmin(t *testing.T) {
	f := startBare(t)
	id := f.member("bo@example.org", access.Agent)
	b, c, d := f.in("bo@example.org"), f.in("bo@example.org"), f.in("bo@example.org")
	list := b.Get("/console/account").Status(200)
	if n := strings.Count(list.Text, "/console/account/sessions/"); n != 4 { // one of setting up, two others, and the button for all
		t.Errorf("the page offers to end %d sessions, want 4", n)
	}
	b.Post(list.Found(`action="(/console/account/sessions/[0-9a-f]+/end)"`)).Status(200).Says("Signed out")
	d.Get("/console/").Status(401) // the latest stands first
	c.Get("/console/").Status(200)
	b.Post("/console/account/sessions/end").Status(200)
	c.Get("/console/").Status(401)
	b.Get("/console/").Status(200)
	f.as(access.Admin).Post("/console/staff/"+id, "do", "end").Status(200).Says("Signed out")
	b.Get("/console/").Status(401)
	f.as(access.Admin).Get("/console/account").Status(404) // a key has no account
}

func TestALinkAfterSeventyTwoHoursLetsNobodyIn(t *testing.T) {
	f := startBare(t)
	_, link, err := f.People.Invite(t.Context(), access.Local, access.Person{Login: "bo@example.org", Role: access.Agent})
	if err != nil {
		t.Fatal(err)
	}
	f.pass(people.LinkLasts)
	f.visitor().Post("/console/enter/" + link).Status(http.StatusGone)
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
		b.Get(path).Status(200).Says("1 202-555-01").Lacks("Why you need this number")
	}
	b.Get(paths[0]).Status(200).Lacks("Why you need this number") // looking again is one look
	b.Get(paths[40]).Status(200).Says("Why you need this number").Lacks("202-555-0140")
	b.Get(paths[40] + "/record").Status(200).Lacks("202-555-0140")
	b.Post(paths[40]+"/reason", "reason", "call 202 555 0140").Status(422).Says("may be a number").Lacks("202-555-0140")
	b.Post(paths[40]+"/reason", "reason", "complaint of the caller").Status(200).Says("202-555-0140")
	b.Get(paths[40]).Status(200).Says("202-555-0140")
	b.Get(paths[41]).Status(200).Lacks("202-555-0141")
	f.as(access.Agent).Get(paths[41]).Status(200).Says("202-555-0141") // another caller
	f.as(access.Admin).Get("/console/audit").Says("an unusual look at a number", "complaint of the caller")
	f.as(access.Viewer).Post(paths[41]+"/reason", "reason", "out of curiosity").Status(404)
	f.pass(time.Hour)
	b.Get(paths[41]).Status(200).Says("202-555-0141")
}
