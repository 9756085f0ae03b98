package portal_test

import (
	"regexp"
	"testing"

	"github.com/consentline/consentline/internal/catalog"
)

var loaded = regexp.MustCompile(`(?:<link[^>]*href|<img[^>]*src|<script[^>]*src)="([^"]+)"`)

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
		page := f.get(path).status(200)
		size, requests := len(page.body), 1
		for _, m := range loaded.FindAllStringSubmatch(page.body, -1) {
			size += len(f.get(m[1]).status(200).body)
			requests++
		}
		page.lacks("<script>", "<style")
		for _, script := range regexp.MustCompile(`<script[^>]*>`).FindAllString(page.body, -1) {
			if !regexp.MustCompile(` (defer|async)>`).MatchString(script) {
				t.Errorf("%s waits for %s", path, script)
			}
		}
		if size > 150_000 || requests > 6 {
			t.Errorf("%s costs %d bytes in %d requests, want at most 150,000 in 6", path, size, requests)
		}
	}
}
