package portal_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/preference"
)

func TestThePageSaysWhatIsHeldInWhichWordsAndHoldsNoNumber(t *testing.T) {
	f := start(t)
	r := yes(alice)
	r.Text, r.Language = "I want your offers.", "en"
	f.record(r)
	path := f.link(alice)
	if strings.Contains(path, "2025550123") || strings.Contains(path, "5550123") {
		t.Errorf("the address %s holds the number", path)
	}
	f.Get(path).Status(200).Says("Default brand", "Marketing", "SMS", "I want your offers.", "since "+f.now().UTC().Format(time.DateOnly)).Lacks("555-0123", "5550123")
}

func TestSwitchingOffAndOnIsRecordedInTheWordsThatWereShown(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	path := f.link(alice)
	shown := f.Get(path)
	f.Post(path, "was", shown.Field("was")).Status(200).Says("Saved")
	if got := f.status(alice); got != consent.StatusWithdrawn {
		t.Fatalf("after switching off the record is %s", got)
	}
	if e := f.last(alice); e.Body.Source != consent.PreferenceCentre || e.Body.Act != consent.Withdrawn {
		t.Errorf("the entry is %+v", e.Body)
	}
	shown = f.Get(path).Says("I agree that Default brand contacts me at this number by SMS, for this: Marketing.")
	f.Post(path, "was", shown.Field("was"), "on", "marketing/sms").Status(200).Says("Saved")
	if got := f.status(alice); got != consent.StatusGranted {
		t.Fatalf("after switching on the record is %s", got)
	}
	a, _ := new(f.last(alice)).Act()
	w, err := f.Catalog.Wording(a.Disclosure)
	if err != nil || !strings.HasPrefix(w.Text, "I agree that Default brand contacts me") || w.Language != "en" {
		t.Errorf("the words are %+v, %v", w, err)
	}
	head := f.head()
	f.Post(path, "was", f.Get(path).Field("was"), "on", "marketing/sms").Status(200).Says("Nothing was changed")
	if f.head() != head {
		t.Error("a page that changed nothing left an entry")
	}
}

func TestNobodyAgreesToOtherWordsThanTheySaw(t *testing.T) {
	f := start(t)
	r := yes(alice)
	r.Act = consent.Refused
	f.record(r)
	f.newsletter()
	path := f.link(alice)
	shown := f.Get(path).Says("I agree to texts from the default brand. Reply STOP to end.")
	if _, err := f.Catalog.AddVersion(t.Context(), "local", "news-en", catalog.Wording{Language: "en-US", Text: "Anything goes."}, f.now()); err != nil {
		t.Fatal(err)
	}
	f.Post(path, "was", shown.Field("was"), "on", "marketing/sms").Status(http.StatusConflict).Says("have changed meanwhile", "Anything goes.")
	if got := f.status(alice); got != consent.StatusRefused {
		t.Errorf("the record is %s", got)
	}
	f.Post(path, "was", "marketing/sms off forged", "on", "marketing/sms").Status(http.StatusConflict)
	f.Post(path, "on", "marketing/sms", "on", "transactional/sms").Status(200).Says("Nothing was changed")
}

func TestAPageLeftOpenInAnotherTabChangesNothingElse(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	path := f.link(alice)
	left := f.Get(path).Field("was")
	f.Post(path, "was", left).Status(200)
	f.Post(path, "was", left, "on", "marketing/sms").Status(200)
	if got := f.status(alice); got != consent.StatusWithdrawn {
		t.Errorf("the tab that was left open made the record %s", got)
	}
}

func TestOneClickStopsEverythingAtOnceAndIsHarmlessTwice(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	path := f.link(alice)
	f.Get(path + "/stop").Status(200).Says("Stop everything")
	if got := f.status(alice); got != consent.StatusGranted {
		t.Fatalf("looking at the link made the record %s", got)
	}
	f.Do(f.Form(path+"/stop", "cross-site", "List-Unsubscribe", "One-Click")).Status(200).Says("Everything is off")
	if got := f.status(alice); got != consent.StatusWithdrawn {
		t.Errorf("the record is %s", got)
	}
	head := f.head()
	f.Post(path + "/stop").Status(200).Says("Everything is off")
	if f.head() != head {
		t.Error("stopping twice left two entries")
	}
	f.Get(path).Status(200).Says("you withdrew", "every channel", "Everything is off for Default brand since "+f.now().UTC().Format(time.DateOnly))
}

func TestAnExpiredLinkCanStillStopAndNothingElse(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	path := f.link(alice)
	was := f.Get(path).Field("was")
	f.pass(preference.Lasts + time.Minute)
	f.Get(path).Status(http.StatusGone).Says("This link has ended").Lacks("Marketing")
	f.Get(path + "/data.json").Status(http.StatusGone)
	f.Post(path, "was", was).Status(http.StatusGone)
	if got := f.status(alice); got != consent.StatusGranted {
		t.Fatalf("the record is %s", got)
	}
	f.Post(path + "/stop").Status(200)
	if got := f.status(alice); got != consent.StatusWithdrawn {
		t.Errorf("the record is %s", got)
	}
}

func TestAForgedOrForeignLinkOpensNothing(t *testing.T) {
	f, other := start(t), start(t)
	f.record(yes(alice))
	f.record(yes(bob))
	other.record(yes(alice))
	path := f.link(alice)
	token := strings.TrimPrefix(path, "/p/")
	for i := range token {
		flipped := byte('A')
		if token[i] == 'A' {
			flipped = 'B'
		}
		changed := token[:i] + string(flipped) + token[i+1:]
		if _, err := f.Links.Open(changed); err == nil {
			t.Fatalf("the link opens with character %d changed", i)
		}
	}
	for _, bad := range []string{other.link(alice), "/p/x", "/p/" + token[:20], "/p/" + token + "AAAA"} {
		f.Get(bad).Status(http.StatusNotFound).Says("This link does not work")
		f.Post(bad + "/stop").Status(http.StatusNotFound)
	}
	if got := f.status(bob); got != consent.StatusGranted {
		t.Errorf("another person's record is %s", got)
	}
}

func TestAFormFromAnotherSiteCannotSwitchAnything(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	path := f.link(alice)
	f.Do(f.Form(path, "cross-site", "was", f.Get(path).Field("was"))).Status(http.StatusForbidden)
	if got := f.status(alice); got != consent.StatusGranted {
		t.Errorf("the record is %s", got)
	}
}

func TestTheDownloadHoldsEveryActAboutTheBrand(t *testing.T) {
	f := start(t)
	r := yes(alice)
	r.Evidence = "form 7"
	f.record(r)
	f.Post(f.link(alice) + "/stop").Status(200)
	a := f.Get(f.link(alice) + "/data.json").Status(200).Lacks("5550123")
	var got struct {
		Choices []struct{ Purpose, Status string }
		History []struct{ Act, Source, Evidence string }
	}
	if err := json.Unmarshal([]byte(a.Text), &got); err != nil {
		t.Fatal(err, a.Text)
	}
	if len(got.History) != 2 || got.History[0].Evidence != "form 7" || got.History[1].Source != "preference_centre" || len(got.Choices) != 1 || got.Choices[0].Status != "withdrawn" {
		t.Errorf("got %+v", got)
	}
}

func TestALongHistoryShowsItsLatestPartAndDownloadsWhole(t *testing.T) {
	f := start(t)
	reports := make([]act.Report, 0, 10_000)
	for i := range cap(reports) {
		r := yes(alice)
		if r.EffectiveAt = f.now().Add(time.Duration(i-cap(reports)) * time.Hour); i%2 == 1 {
			r.Act, r.Source = consent.Withdrawn, consent.SMSReply
		}
		reports = append(reports, r)
	}
	results, err := f.Recorder.Record(t.Context(), access.Local, reports)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	path := f.link(alice)
	best := time.Hour
	var page answer
	for range 3 {
		began := time.Now()
		page = f.Get(path).Status(200)
		best = min(best, time.Since(began))
	}
	if best > 50*time.Millisecond*slower || len(page.Text) > 150_000 {
		t.Errorf("the page took %s and has %d bytes, want at most 50 ms and 150 kB", best, len(page.Text))
	}
	page.Says(reports[9_999].EffectiveAt.UTC().Format(time.DateOnly)).Lacks(reports[0].EffectiveAt.UTC().Format(time.DateOnly))
	if got := strings.Count(f.Get(path+"/data.json").Status(200).Text, `"entry"`); got != 10_000 {
		t.Errorf("the download has %d acts, want 10,000", got)
	}
}
