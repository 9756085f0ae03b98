package portal_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/form"
)

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	m := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White, color.RGBA{0x9b, 0x1c, 0x31, 0xff}})
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAPageWearsTheBrandsLook(t *testing.T) {
	f := start(t)
	f.newsletter()
	hash, err := f.Forms.KeepImage(t.Context(), picture(t, 200, 60))
	if err != nil {
		t.Fatal(err)
	}
	f.brand(func(b *catalog.Brand) {
		b.Name, b.Colour, b.Logo, b.Privacy, b.Terms, b.Site = "Harbour", "#9b1c31", hash, "https://harbour.example/privacy", "https://harbour.example/terms", "https://harbour.example"
	})
	f.record(yes(alice))
	for _, path := range []string{"/o/news", f.link(alice), f.link(alice) + "/stop", "/b/default"} {
		f.Get(path).Status(200).Says(`href="/o/brand/default.css"`, `src="/o/images/`+hash+`" alt="Harbour"`, `href="https://harbour.example/privacy"`, `href="https://harbour.example/terms"`)
	}
	sheet := f.Get("/o/brand/default.css").Status(200)
	if !strings.Contains(sheet.Text, "--accent: #9b1c31; --accent-ink: #ffffff") || sheet.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("the sheet is %q", sheet.Text)
	}
	logo := f.Get("/o/images/" + hash).Status(200)
	if logo.Header.Get("Content-Type") != "image/png" || logo.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the logo comes with %v", logo.Header)
	}
	page := f.Get("/o/news").Field("page")
	for _, bad := range []string{"/o/images/" + page, "/o/images/x", "/o/brand/none.css", "/o/brand/default"} {
		f.Get(bad).Status(http.StatusNotFound)
	}
}

func TestWhatIsNoPictureIsNotKept(t *testing.T) {
	f := start(t)
	cut := picture(t, 100, 100)
	for name, body := range map[string][]byte{
		"nothing": nil, "a page": []byte("<html><script>alert(1)</script>"), "a drawing": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`),
		"a cut picture": cut[:20], "too many bytes": append(cut, make([]byte, form.MaxImage)...), "too wide": picture(t, form.MaxSide+1, 1),
	} {
		if _, err := f.Forms.KeepImage(t.Context(), body); err == nil {
			t.Errorf("%s was kept", name)
		}
	}
}
