package cli_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func TestABrandIsDefinedChangedAndGivenALogo(t *testing.T) {
	dir := t.TempDir()
	var logo bytes.Buffer
	if err := png.Encode(&logo, image.NewPaletted(image.Rect(0, 0, 30, 20), color.Palette{color.White})); err != nil {
		t.Fatal(err)
	}
	file, drawing := filepath.Join(dir, "logo.png"), filepath.Join(dir, "logo.svg")
	for path, body := range map[string][]byte{file: logo.Bytes(), drawing: []byte("<svg/>")} {
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := []string{"--data", filepath.Join(dir, "data")}
	define := append([]string{"brands", "define", "acme"}, data...)
	_, errs := run(t, 1, define...)
	in(t, errs, "name")
	out, _ := run(t, 0, append(define, "--name", "Acme Shoes", "--country", "US", "--colour", "#7a3e1d", "--privacy", "https://acme.example/privacy")...)
	in(t, out, "acme", "Acme Shoes", "#7a3e1d", "in use")
	out, _ = run(t, 0, append(define, "--logo", file, "--terms", "https://acme.example/terms")...)
	in(t, out, "Acme Shoes", "sha256:", "https://acme.example/privacy", "https://acme.example/terms")
	_, errs = run(t, 1, append(define, "--logo", drawing)...)
	in(t, errs, "PNG or JPEG")
	_, errs = run(t, 1, append(define, "--colour", "red")...)
	in(t, errs, "colour")
	run(t, 0, append(define, "--retired")...)
	out, _ = run(t, 0, append([]string{"brands", "list"}, data...)...)
	in(t, out, "Acme Shoes", "retired")
	out, _ = run(t, 0, append([]string{"brands", "show", "acme", "--json"}, data...)...)
	in(t, out, `"logo":"sha256:`, `"retired":true`)
	_, errs = run(t, 1, append([]string{"brands", "show", "nobody"}, data...)...)
	in(t, errs, "not defined")
}
