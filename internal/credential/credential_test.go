package credential

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/vault"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ada  = access.Person{ID: "p1", Login: "ada@example.org", Name: "Ada"}
	self = &access.Caller{ID: "person:p1"}
)

// entries takes entries as the ledger does: what they write is written with them, or neither.
type entries struct {
	db   store.DB
	told []ledger.Item
	fail error
}

func (e *entries) AppendOne(ctx context.Context, item ledger.Item) (ledger.Result, error) {
	if e.fail != nil {
		return ledger.Result{}, e.fail
	}
	e.told = append(e.told, item)
	if item.Effect == nil {
		return ledger.Result{}, nil
	}
	return ledger.Result{}, e.db.InTx(ctx, func(tx store.Tx) error { return item.Effect(ctx, tx, 1) })
}

type fixture struct {
	*Credentials
	log *entries
	now time.Time
}

func open(t *testing.T) *fixture {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := store.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	f := &fixture{log: &entries{db: db}, now: noon}
	f.Credentials = New(db, f.log, vault.Key{1}, func() time.Time { return f.now })
	return f
}

// RFC 6238, appendix B: the SHA-1 secret and times, with the last six of its eight digits.
func TestCodesAreThoseOfTheStandard(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := code(secret, stepAt(time.Unix(at, 0))); got != want {
			t.Errorf("at %d: got %s, want %s", at, got, want)
		}
	}
}

func TestACodeIsGoodOnceWhoeverSendsItAtTheSameTime(t *testing.T) {
	f := open(t)
	e := f.NewEnrolment(ada)
	secret, err := f.openEnrolment(ada, e.Token)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Enrol(t.Context(), self, ada, e.Token, code(secret, stepAt(f.now))); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(step)
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch err := f.CheckCode(t.Context(), ada.ID, code(secret, stepAt(f.now))); {
			case err == nil:
				taken.Add(1)
			case !errors.Is(err, ErrWrong):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 {
		t.Errorf("the code was taken %d times, want once", taken.Load())
	}
	for _, offset := range []int64{-2, -1, 0, 2} { // used, before what was used, or too far
		if err := f.CheckCode(t.Context(), ada.ID, code(secret, stepAt(f.now)+offset)); !errors.Is(err, ErrWrong) {
			t.Errorf("the code of step %+d: got %v", offset, err)
		}
	}
	if err := f.CheckCode(t.Context(), ada.ID, code(secret, stepAt(f.now)+1)); err != nil {
		t.Errorf("the code of a clock that is ahead: %v", err)
	}
}

func TestAnEnrolmentIsItsPersonsAndEnds(t *testing.T) {
	f := open(t)
	e := f.NewEnrolment(ada)
	if _, err := f.OpenEnrolment(access.Person{ID: "p2"}, e.Token); !errors.Is(err, ErrWrong) {
		t.Errorf("another's: got %v", err)
	}
	again, err := f.OpenEnrolment(ada, e.Token)
	if err != nil || again != e || !strings.HasPrefix(e.URL, "otpauth://totp/Consentline:ada@example.org?secret=") {
		t.Errorf("got %+v, %v, want %+v", again, err, e)
	}
	f.now = f.now.Add(enrolmentFor)
	if _, err := f.OpenEnrolment(ada, e.Token); !errors.Is(err, ErrWrong) {
		t.Errorf("too late: got %v", err)
	}
}

func TestAPasswordIsKeptAsAHashUnderAKey(t *testing.T) {
	f := open(t)
	const text = "several words in a row"
	if err := f.CheckPassword(t.Context(), ada.ID, text); !errors.Is(err, ErrWrong) {
		t.Errorf("before it is set: got %v", err)
	}
	if err := f.SetPassword(t.Context(), self, ada, text); err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]error{text: nil, text + " ": ErrWrong, "": ErrWrong, strings.Repeat("x", 5000): ErrWrong} {
		if err := f.CheckPassword(t.Context(), ada.ID, given); !errors.Is(err, want) {
			t.Errorf("%.30q: got %v, want %v", given, err, want)
		}
	}
	err := f.db.Read(t.Context(), func(tx store.Tx) error {
		return store.Each(tx.Query(t.Context(), "SELECT secret FROM credentials"), func(r store.Row) error {
			if kept := string(r.Bytes(0)); strings.Contains(kept, "argon2") || strings.Contains(kept, text) {
				t.Error("the database holds the hash or the password in clear")
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
	if len(f.log.told) != 1 || f.log.told[0].Detail != any(changed{"p1", "password", "set"}) {
		t.Errorf("got the entries %+v", f.log.told)
	}
}

func TestNoCredentialIsSetWithoutAnEntry(t *testing.T) {
	f := open(t)
	f.log.fail = errors.New("disk full")
	if err := f.SetPassword(t.Context(), self, ada, "several words in a row"); !errors.Is(err, f.log.fail) {
		t.Errorf("got %v", err)
	}
	if _, err := f.NewRecoveryCodes(t.Context(), self, ada.ID); !errors.Is(err, f.log.fail) {
		t.Errorf("got %v", err)
	}
	if held, err := f.Held(t.Context(), ada.ID); err != nil || held.Any() || held.Codes != 0 {
		t.Errorf("got %+v, %v", held, err)
	}
}

func TestPasswordsThatAreTriedFirstAreRefused(t *testing.T) {
	for _, bad := range []string{"", "short", "elevenchars", "password1234", "PassWord1234", "aaaaaaaaaaaaaa", "ababababababab", "xx ada@example.org xx", "Consentline is mine", strings.Repeat("long ", 300)} {
		var invalid *InvalidError
		if err := ValidPassword(bad, "ada@example.org"); !errors.As(err, &invalid) || invalid.Field != "password" {
			t.Errorf("%.30q: got %v", bad, err)
		}
	}
	for _, good := range []string{"twelve chars", "größer als gedacht", "ada likes tea a lot"} {
		if err := ValidPassword(good, "ada@example.org"); err != nil {
			t.Errorf("%q: got %v", good, err)
		}
	}
}

func TestARecoveryCodeIsGoodOnceForItsPerson(t *testing.T) {
	f := open(t)
	first, err := f.NewRecoveryCodes(t.Context(), self, ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := f.NewRecoveryCodes(t.Context(), self, ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	use := func(person, code string, want error) {
		t.Helper()
		if err := f.UseRecoveryCode(t.Context(), person, code); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	use(ada.ID, first[0], ErrWrong) // replaced
	use("p2", codes[0], ErrWrong)
	use(ada.ID, strings.ToUpper(strings.ReplaceAll(codes[0], "-", " ")), nil)
	use(ada.ID, codes[0], ErrWrong)
	if held, err := f.Held(t.Context(), ada.ID); err != nil || held.Codes != recoveryCodes-1 {
		t.Errorf("got %d codes left, %v", held.Codes, err)
	}
}

func TestFailuresLockForLongerAndLonger(t *testing.T) {
	for n, want := range map[int64]time.Duration{1: 0, 4: 0, 5: time.Minute, 6: 2 * time.Minute, 8: 8 * time.Minute, 9: 15 * time.Minute, 1000: 15 * time.Minute} {
		if got := lockAfter(n); got != want {
			t.Errorf("after %d failures: got %s, want %s", n, got, want)
		}
	}
}

// Many tries at once are counted as they begin, so that they are no way around the lock.
func TestTriesAtTheSameTimeAreAllCounted(t *testing.T) {
	f := open(t)
	var open atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := f.Try(t.Context(), " ADA@example.org")
			var locked *LockedError
			switch {
			case err == nil:
				open.Add(1)
			case !errors.As(err, &locked) || !locked.Until.Equal(noon.Add(time.Minute)):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if open.Load() != toleratedFailures {
		t.Errorf("%d tries went through, want %d", open.Load(), toleratedFailures)
	}
	f.now = noon.Add(time.Minute)
	try, err := f.Try(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Succeeded(t.Context(), try); err != nil {
		t.Fatal(err)
	}
	for range toleratedFailures {
		if _, err := f.Try(t.Context(), "ada@example.org"); err != nil {
			t.Errorf("after a success: %v", err)
		}
	}
}

func TestAnAnswerThatIsNoneOfOursProvesNothing(t *testing.T) {
	f := open(t)
	site := Site{Origin: "https://consent.example", Host: "consent.example"}
	for _, answer := range []string{"", "{}", "null", `{"id":"x","type":"public-key"}`, strings.Repeat("[", 10_000)} {
		if _, err := f.CheckPasskey(t.Context(), site, answer, nil); !errors.Is(err, ErrWrong) {
			t.Errorf("%.30q: got %v", answer, err)
		}
		if err := f.AddPasskey(t.Context(), site, ada, "x", answer); !errors.Is(err, ErrWrong) {
			t.Errorf("%.30q: got %v", answer, err)
		}
	}
	for site, want := range map[Site]bool{
		{"https://consent.example", "consent.example"}: true, {"http://localhost:8080", "localhost"}: true,
		{"http://consent.example", "consent.example"}: false, {"https://10.0.0.5", "10.0.0.5"}: false, {"https://[::1]", "[::1]"}: false,
	} {
		if got := site.TakesPasskeys(); got != want {
			t.Errorf("%+v: got %t", site, got)
		}
	}
}
