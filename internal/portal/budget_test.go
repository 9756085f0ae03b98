package portal_test

import (
	"regexp"
	"testing"

	"github.com/consentline/consentline/internal/catalog"
)

// What a first visit costs: at most 150 kB in at most six requests, of which no script keeps the page from being shown.
func TestAFirstVisitStaysWithinItsBudget(t *testing.T) {
	f := start(t)
	f.newsletter()
	hash, err := f.Forms.KeepImage(t.Context(), picture(t, 600, 200))
	if err != nil {
		t.Fatal(err)
	}
	f.brand(func(b *catalog.Brand) { b.Logo, b.Colour = hash, "#0f5c4a" })
	f.record(yes(alice))
	for _, path := range []string{"/o/news", f.link(alice), f.link(alice) + "/stop", "/b/default"} {
		page := f.Get(path).Status(200)
		size, requests := len(page.Text), 1
		for _, path := range page.Loads() {
			size += len(f.Get(path).Status(200).Text)
			requests++
		}
		page.Lacks("<script>", "<style")
		for _, script := range regexp.MustCompile(`<script[^>]*>`).FindAllString(page.Text, -1) {
			if !regexp.MustCompile(` (defer|async)>`).MatchString(script) {
				t.Errorf("%s waits for %s", path, script)
			}
		}
		if size > 150_000 || requests > 6 {
			t.Errorf("%s costs %d bytes in %d requests, want at most 150,000 in 6", path, size, requests)
		}
	}
}
