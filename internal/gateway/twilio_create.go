package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// create forwards what was allowed. What Twilio refuses was not made; what it did not answer may have been.
func (t *Twilio) create(w http.ResponseWriter, r *http.Request, body []byte, c Contact, ruling Ruling) {
	answer := &answered{ResponseWriter: w}
	defer func() { // however forwarding ends: a caller who goes away ends it by a panic
		if !answer.refused() {
			t.gate.Made(ruling)
			return
		}
		t.gate.Unmade(ruling)
		t.unsent(r, answer, c, ruling)
	}()
	t.forward(answer, r, body)
}

// unsentWait is how long the caller waits at most until what Twilio said of the person is recorded.
const unsentWait = 5 * time.Second

// unsent tells why Twilio refused. The caller may have gone by then: what Twilio said holds all the same.
func (t *Twilio) unsent(r *http.Request, a *answered, c Contact, ruling Ruling) {
	code := a.code()
	if t.config.Unsent == nil || code == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), unsentWait)
	defer cancel()
	err := t.config.Unsent(ctx, Unsent{To: ruling.Number, Service: c.Senders[0], From: c.Senders[1], Channel: c.Channel, Code: code})
	if err != nil {
		t.gate.Log.ErrorContext(ctx, "why Twilio refused a message was not recorded", "twilio_code", code, "error", err)
	}
}

// maxKept is how much of a refusal is kept: Twilio's are a few hundred bytes.
const maxKept = 16 << 10

// answered remembers the status of an answer, and what a refusal said.
type answered struct {
	http.ResponseWriter
	status int
	said   bytes.Buffer
}

func (a *answered) refused() bool { return a.status >= 400 && a.status < 500 }

// WriteHeader implements http.ResponseWriter.
func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answered) Write(b []byte) (int, error) {
	if a.refused() {
		a.said.Write(b[:min(len(b), maxKept-a.said.Len())])
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets the proxy flush what it passes on.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// code is the code of Twilio's error dictionary in the refusal, or empty if it names none.
func (a *answered) code() string {
	var body io.Reader = &a.said
	if a.Header().Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(body)
		if err != nil {
			return ""
		}
		body = plain
	}
	text, err := io.ReadAll(io.LimitReader(body, maxKept))
	if err != nil {
		return ""
	}
	if strings.Contains(a.Header().Get("Content-Type"), "xml") {
		var said struct {
			Code string `xml:"RestException>Code"`
		}
		_ = xml.Unmarshal(text, &said) // an answer of another form names no code
		return said.Code
	}
	var said refusal
	if json.Unmarshal(text, &said) != nil || said.Code == 0 {
		return ""
	}
	return strconv.Itoa(said.Code)
}
