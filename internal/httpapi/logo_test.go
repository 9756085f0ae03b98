package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/consentline/consentline/internal/httpapi"
)

func TestALogoIsKeptShownAndTakenAway(t *testing.T) {
	f := start(t)
	var logo bytes.Buffer
	if err := png.Encode(&logo, image.NewPaletted(image.Rect(0, 0, 30, 20), color.Palette{color.White})); err != nil {
		t.Fatal(err)
	}
	send := func(body []byte) answer {
		t.Helper()
		return f.do(request{method: "PUT", path: "/v1/brands/default/logo", body: map[string]any{"image": base64.StdEncoding.EncodeToString(body)}})
	}
	var b httpapi.Brand
	send(logo.Bytes()).status(200).into(&b)
	if kept, err := f.Forms.Page(t.Context(), b.Logo); err != nil || !bytes.Equal(kept, logo.Bytes()) {
		t.Errorf("kept under %q: %d bytes, %v", b.Logo, len(kept), err)
	}
	for _, body := range [][]byte{[]byte("<svg/>"), append(logo.Bytes(), make([]byte, 60_000)...), logo.Bytes()[:12]} {
		send(body).problem(422, "invalid_field", "logo")
	}
	b = httpapi.Brand{}
	if send(nil).status(200).into(&b); b.Logo != "" {
		t.Errorf("taken away, it is %q", b.Logo)
	}
	f.do(request{method: "PUT", path: "/v1/brands/nobody/logo", body: `{"image":""}`}).status(404)
	f.do(request{method: "PUT", path: "/v1/brands/default/logo", as: "agent", body: `{"image":""}`}).status(403)
}
