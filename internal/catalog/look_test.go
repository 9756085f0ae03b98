package catalog

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTheInkCanBeReadOnAnyColour(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rgb := rapid.Uint64Range(0, 0xffffff).Draw(t, "rgb")
		look, ok := Brand{Colour: fmt.Sprintf("#%06x", rgb)}.Look()
		if !ok {
			t.Fatal("no look")
		}
		on, ink := luminance(rgb), 0.0
		if look.Ink == "#ffffff" {
			ink = 1
		}
		if contrast := (max(on, ink) + 0.05) / (min(on, ink) + 0.05); contrast < 4.5 {
			t.Fatalf("%s on %s has contrast %.2f, want 4.5", look.Ink, look.Colour, contrast)
		}
	})
}

func TestALookIsHeldAgainstWhatAPageMayHold(t *testing.T) {
	hash := "sha256:" + strings.Repeat("a", 64)
	good := Brand{ID: "b", Name: "B", Colour: "#0f5c4a", Logo: hash, Site: "https://b.example", Privacy: "https://b.example/privacy?a=b", Terms: "https://b.example/terms"}
	if err := good.validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Brand{
		{Colour: "red"}, {Colour: "#0F5C4A"}, {Colour: "#fff"}, {Colour: "#0f5c4a;}body{display:none"},
		{Logo: "https://evil.example/x.png"}, {Logo: hash + "\""},
		{Site: "http://b.example"}, {Privacy: "javascript:alert(1)"}, {Terms: "https://user@b.example"}, {Site: "//b.example"},
		{Site: "https://b.example/" + strings.Repeat("x", 500)},
	} {
		bad.ID, bad.Name = "b", "B"
		if err := bad.validate(); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
