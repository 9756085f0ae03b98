package console_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/report"
)

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func TestARequestForErasureIsSettledWithAReason(t *testing.T) {
	f := start(t)
	subject := f.record(yes(alice)).Subject
	f.must(f.Erasures.Ask(t.Context(), "test", subject, "default"))
	f.as(access.Compliance, "other").Get("/console/requests").Lacks("202-555-0123")
	b := f.as(access.Compliance)
	page := b.Get("/console/requests").Status(200).Says("1 202-555-0123", "asked Default brand")
	entry := page.Field("entry")
	b.Post("/console/requests/erasure", "entry", entry, "outcome", "refused", "reason", " ").Status(422).Says("say in a few words")
	b.Post("/console/requests/erasure", "entry", entry, "outcome", "forgotten", "reason", "x").Status(404)
	f.as(access.Viewer).Post("/console/requests/erasure", "entry", entry, "outcome", "refused", "reason", "x").Status(403)
	b.Post("/console/requests/erasure", "entry", entry, "outcome", "refused", "reason", `a debt is open <b>`).Status(200).Says("Settled", "Nobody waits to be erased")
	b.Post("/console/requests/erasure", "entry", entry, "outcome", "erased", "reason", "again").Status(200).Says("it was so already")
	b.Get("/console/audit").Says("request for erasure settled", "a debt is open")
}

func TestRequestsComeInPages(t *testing.T) {
	f := start(t)
	for i := range 45 {
		n := "+120255501" + string(rune('0'+i/10)) + string(rune('0'+i%10))
		f.must(f.Erasures.Ask(t.Context(), "test", f.record(yes(n)).Subject, "default"))
	}
	b := f.as(access.Compliance)
	a, seen, pages := b.Get("/console/requests").Status(200), 0, 1
	for {
		seen += strings.Count(a.Text, "asked Default brand")
		_, rest, more := strings.Cut(a.Text, `rel="next" href="`)
		if !more {
			break
		}
		next, _, _ := strings.Cut(rest, `"`)
		a, pages = b.Get(next).Status(200), pages+1
	}
	if seen != 45 || pages != 3 {
		t.Errorf("saw %d requests on %d pages, want 45 on 3", seen, pages)
	}
}

func TestWhoIsAskedToConfirmIsShown(t *testing.T) {
	f := start(t)
	_, err := f.Conversations.OptIns.Ask(t.Context(), access.Local, optin.Request{
		Number: alice, Purpose: "marketing", Channel: consent.SMS, Text: "Offers.", Language: "en", IdempotencyKey: "k",
	})
	f.must(err)
	silent := yes(bob)
	silent.Act = consent.Requested
	f.record(silent)
	f.as(access.Compliance).Get("/console/requests").Status(200).Says("1 202-555-0123", "default · marketing · SMS", "sent once, last", "1 202-555-0124", "none is open here")
	f.as(access.Viewer).Get("/console/requests").Lacks("202-555-0123")
	f.as(access.Compliance, "other").Get("/console/requests").Says("Nobody is being asked")
}

// write lets the person write a text to a sender of the default brand.
func (f *fixture) write(id, text string) {
	f.t.Helper()
	_, err := f.Conversations.Take(f.t.Context(), "test", []messaging.Event{{
		Kind: messaging.Text, ID: id, Number: alice, Sender: "21610", Channel: consent.SMS, Text: text, At: f.now(),
	}})
	f.must(err)
}

func TestAnAmbiguousReplyIsDecidedWithOneButton(t *testing.T) {
	f := start(t)
	_, err := f.Catalog.CreateSender(t.Context(), "test", catalog.Sender{ID: "sc", Brand: "default", Kind: "short_code", Address: "21610", Channel: consent.SMS})
	f.must(err)
	f.record(yes(alice))
	b := f.as(access.Agent)
	for i, c := range []struct {
		decision string
		want     consent.Status
	}{{"resume", consent.StatusGranted}, {"stop", consent.StatusWithdrawn}} {
		f.pass(time.Hour)
		f.write("e"+c.decision, "maybe later <script>alert(1)</script> 2025550123")
		page := b.Get("/console/conflicts").Status(200).Says("maybe later &lt;script&gt;", "marketing is suspended", `data-key="s"`).Lacks("<script>alert")
		f.as(access.Viewer).Get("/console/conflicts").Lacks("2025550123")
		f.as(access.Agent, "other").Post("/console/reviews", "review", page.Field("review"), "decision", c.decision).Status(404)
		b.Post("/console/reviews", "review", page.Field("review"), "decision", "shrug").Status(422)
		b.Post("/console/reviews", "review", page.Field("review"), "decision", c.decision).Status(200).Says("Decided", "No reply waits")
		if got := f.status(alice); got != c.want {
			t.Errorf("%d: after %s the record is %s, want %s", i, c.decision, got, c.want)
		}
		b.Post("/console/reviews", "review", page.Field("review"), "decision", c.decision).Status(200).Says("it was so already")
	}
	b.Post("/console/reviews", "review", "x", "decision", "stop").Status(404)
}

func TestTheOverviewTellsWhatChecksAnswered(t *testing.T) {
	f := start(t)
	counts := []report.Checks{{Verdict: "allow", Code: "granted", N: 30}, {Verdict: "deny", Code: "withdrawn", N: 10}}
	f.must(f.Reports.AddChecks(t.Context(), f.now(), counts))
	f.as(access.Viewer).Get("/console/").Status(200).Says("40 questions in these 90 days", "The person withdrew consent.", "75 %", "25 %")
	f.as(access.Viewer, "default").Get("/console/").Status(200).Lacks("What checks answered")
}

// upload sends a file as the logo of the default brand.
func (b *visitor) upload(body []byte, fields ...string) answer {
	b.f.t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	part, err := w.CreateFormFile("logo", "../../<logo>.png")
	b.f.must(err)
	_, err = part.Write(body)
	b.f.must(err)
	for i := 0; i+1 < len(fields); i += 2 {
		b.f.must(w.WriteField(fields[i], fields[i+1]))
	}
	b.f.must(w.Close())
	r, err := http.NewRequestWithContext(b.f.t.Context(), http.MethodPost, b.f.http.URL+"/console/brands/default/logo", &buf)
	b.f.must(err)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(r)
}

func TestABrandsLookIsChangedInTheConsole(t *testing.T) {
	f := start(t)
	b := f.as(access.Admin)
	fields := []string{"name", "Harbour", "country", "us", "contact", "help@harbour.example", "privacy", "https://harbour.example/p"}
	b.Post("/console/brands/default", append(fields, "colour", "red")...).Status(422).Says("want # and six", "help@harbour.example")
	b.Post("/console/brands/default", append(fields, "site", "javascript:alert(1)")...).Status(422)
	b.Post("/console/brands/default", append(fields, "colour", "#9B1C31")...).Status(200).Says("Saved")
	b.Post("/console/brands/default", append(fields, "colour", "#9b1c31")...).Status(200).Says("it was so already")
	var logo bytes.Buffer
	f.must(png.Encode(&logo, image.NewPaletted(image.Rect(0, 0, 30, 20), color.Palette{color.White})))
	b.upload([]byte("<svg/>")).Status(422).Says("want a PNG or JPEG image")
	b.upload(append(logo.Bytes(), make([]byte, form.MaxImage)...)).Status(422).Says("is too large: at most")
	b.upload(make([]byte, 2<<20)).Status(http.StatusRequestEntityTooLarge)
	b.Post("/console/brands/default/logo").Status(422).Says("choose a PNG or JPEG")
	b.upload(logo.Bytes()).Status(200).Says("Saved", "/o/images/sha256:")
	b.upload(nil, "remove", "1").Status(200).Says("Saved").Lacks("/o/images/")
	brand, err := f.Catalog.Brand("default")
	if err != nil || brand.Name != "Harbour" || brand.Country != "US" || brand.Colour != "#9b1c31" || brand.Privacy != "https://harbour.example/p" {
		t.Errorf("the brand is %+v, %v", brand, err)
	}
	f.as(access.Admin, "other").Get("/console/brands/default").Status(404)
	f.as(access.Agent).Post("/console/brands/default", fields...).Status(403)
}

func TestAWordingTellsWhereItIsShown(t *testing.T) {
	f := start(t)
	b := f.as(access.Admin)
	b.Post("/console/wordings", "id", "w", "brand", "default", "language", "en", "text", "I agree.").Status(200).Says("In no form and by no keyword")
	b.Post("/console/forms", "id", "news", "brand", "default", "purpose", "marketing", "channel", "sms", "wordings", "w", "confirm_by", "reply", "confirm", "1").Status(200).Says("by answering a message")
	b.Get("/console/wordings/w").Says(`<a href="/o/news">form news</a>`)
}

func TestAWordingIsHeldAgainstTheRulesOfTheBrandsCountry(t *testing.T) {
	f := start(t)
	b := f.as(access.Admin)
	b.Post("/console/brands/default", "name", "Harbour", "country", "US").Status(200)
	b.Post("/console/wordings", "id", "w", "brand", "default", "purpose", "marketing", "language", "en", "text", "Harbour may text me offers. Reply STOP to end.").Status(200).
		Says("What the rules of US want it to say", "not found</span></h2>", "us.disclosure_consent", "47 CFR 64.1200(f)(9)", "our forms do that")
	b.Post("/console/brands/default", "name", "Harbour", "country", "").Status(200)
	b.Get("/console/wordings/w").Lacks("What the rules of")
}

func TestTheQueuesScriptIsSmallAndOurs(t *testing.T) {
	body, err := os.ReadFile("assets/queue.js")
	if err != nil || len(body) > 2000 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	f := start(t)
	b := f.as(access.Agent)
	for path, want := range map[string]bool{"/console/conflicts": true, "/console/": false} {
		csp := b.Get(path).Header.Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src 'self'") != want {
			t.Errorf("the policy of %s is %q", path, csp)
		}
	}
}
