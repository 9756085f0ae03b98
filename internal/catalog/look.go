package catalog

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
)

// Look is how a brand's public pages look: its colour as "#rrggbb", and the ink that can be read on that colour.
type Look struct{ Colour, Ink string }

var (
	colourPattern = regexp.MustCompile(`^#[0-9a-f]{6}$`)
	logoPattern   = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

const maxURL = 500

// validLook holds the fields of the public pages against what may stand there: a colour in lower-case hex, the hash of
// an image that was kept, and https addresses.
func (b Brand) validLook() error {
	if b.Colour != "" && !colourPattern.MatchString(b.Colour) {
		return &InvalidError{"colour", "want # and six lower-case hexadecimal digits, such as #0f5c4a"}
	}
	if b.Logo != "" && !logoPattern.MatchString(b.Logo) {
		return &InvalidError{"logo", "want sha256: and the hash of an image that was sent before"}
	}
	for _, link := range []struct{ field, text string }{{"site", b.Site}, {"privacy", b.Privacy}, {"terms", b.Terms}} {
		if link.text == "" {
			continue
		}
		u, err := url.Parse(link.text)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(link.text) > maxURL {
			return &InvalidError{link.field, fmt.Sprintf("want an address that begins with https://, of at most %d bytes", maxURL)}
		}
	}
	return nil
}

// Look returns the brand's colours; ok is false for a brand that has none of its own.
func (b Brand) Look() (l Look, ok bool) {
	if !colourPattern.MatchString(b.Colour) {
		return l, false
	}
	rgb, err := strconv.ParseUint(b.Colour[1:], 16, 32)
	if err != nil {
		return l, false
	}
	// Relative luminance above 0.179 is where black is read better than white (WCAG 2.2, contrast ratio).
	l = Look{Colour: b.Colour, Ink: "#ffffff"}
	if luminance(rgb) > 0.179 {
		l.Ink = "#000000"
	}
	return l, true
}

// luminance is the relative luminance of a colour, from 0 for black to 1 for white (WCAG 2.2).
func luminance(rgb uint64) float64 {
	return 0.2126*linear(rgb>>16&255) + 0.7152*linear(rgb>>8&255) + 0.0722*linear(rgb&255)
}

func linear(channel uint64) float64 {
	c := float64(channel) / 255
	if c <= 0.04045 {
		return c / 12.92
	}
	return math.Pow((c+0.055)/1.055, 2.4)
}
