package httpapi

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/scrub"
)

var scrubParams = map[string]bool{"brand": true, "purpose": true, "channel": true, "at": true, "column": true, "prefix": true, "region": true}

// postScrub answers for every row of a file while it is still being sent. What is wrong with the question or the header
// is a problem; once rows have been written, all that is left is to break the stream off.
func (a *API) postScrub(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
	c, err := newCall(r, caller, scrubParams)
	if err != nil {
		return err
	}
	o, err := a.scrubOptions(c)
	if err != nil {
		return err
	}
	if err := a.Gate.Authorize(r.Context(), caller, access.Scrub, o.Brand); err != nil {
		return err
	}
	zipped := unzips(r)
	kind, err := mediaType(r, typeCSV, typeNDJSON)
	if err != nil {
		return err
	}
	control := http.NewResponseController(w)
	if err := ignoreUnsupported(control.EnableFullDuplex()); err != nil {
		return err
	}
	out := &scrubbed{w: w, kind: kind, control: control, inForce: func() error { return a.Gate.InForce(caller) }}
	o.Flush = out.Flush
	var in io.Reader = r.Body
	if zipped {
		if in, err = gzip.NewReader(r.Body); errors.Is(err, access.ErrUnknownKey) {
			return err
		} else if err != nil {
			return problem(http.StatusBadRequest, "invalid_gzip", "Not gzip", "Content-Encoding", "The body cannot be read as gzip. Send it compressed, or without a Content-Encoding.")
		}
		if acceptsGzip(r) {
			out.zip()
		}
	}
	return a.scrub(r, in, out, o)
}

func (a *API) scrub(r *http.Request, in io.Reader, out *scrubbed, o scrub.Options) error {
	run := scrub.CSV
	if out.kind == typeNDJSON {
		run = scrub.NDJSON
	}
	counts, err := run(r.Context(), a.Index, in, out, o)
	if err == nil {
		err = out.close()
	}
	a.Metrics.Scrubbed("allow", counts.Allow)
	a.Metrics.Scrubbed("deny", counts.Deny)
	a.Metrics.Scrubbed("defer", counts.Defer)
	a.Metrics.Scrubbed("invalid", counts.Invalid)
	var header *scrub.HeaderError
	var taken *scrub.TakenError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &taken):
		return problem(http.StatusUnprocessableEntity, "columns_exist", "Columns exist already", "prefix", "The file has columns already that would be added: "+strings.Join(taken.Columns, ", ")+". Take them out, or name the added ones apart, such as with prefix=consent_.")
	case errors.As(err, &header):
		return problem(http.StatusUnprocessableEntity, "invalid_header", "Header not usable", "column", header.Err.Error())
	case !out.begun:
		return bodyFault(err, "Send it again.")
	case errors.Is(err, access.ErrUnknownKey):
		err = errors.Join(err, out.end())
	}
	a.Log.DebugContext(r.Context(), "a scrub broke off", "error", err)
	breakOff(out.control) // a clean end would say that this was the whole file
	return nil
}

func (a *API) scrubOptions(c call) (o scrub.Options, err error) {
	o.Brand, o.Purpose = consent.BrandID(c.query("brand")), consent.PurposeID(c.query("purpose"))
	o.Column, o.Region = c.query("column"), strings.ToUpper(c.query("region"))
	if o.Prefix = c.query("prefix"); !plainPrefix(o.Prefix) {
		return o, unprocessable(act.CodeInvalidField, "prefix", "want up to 32 letters, digits, _ or -")
	}
	if o.Brand == "" {
		o.Brand = act.DefaultBrand
	}
	if o.Purpose == "" {
		return o, unprocessable(act.CodeMissingField, "purpose", "is missing: say what the contact is for")
	}
	if o.Channel, err = consent.ParseChannel(c.query("channel")); err != nil || o.Channel == consent.AnyChannel {
		return o, unprocessable(act.CodeInvalidField, "channel", "want one of sms, whatsapp, voice_live, voice_auto")
	}
	if brand, err := a.Catalog.Brand(string(o.Brand)); err != nil || brand.Retired {
		return o, unknownWord(act.CodeUnknownBrand, "brand", check.UnknownBrand)
	}
	if purpose, err := a.Catalog.Purpose(string(o.Purpose)); err != nil || purpose.Retired {
		return o, unknownWord(act.CodeUnknownPurpose, "purpose", check.UnknownPurpose)
	}
	var flaw *phone.InvalidError
	if _, err := phone.Parse("0", o.Region); errors.As(err, &flaw) && flaw.Reason == phone.ReasonUnknownRegion {
		return o, unprocessable(act.CodeInvalidField, "region", "want the ISO 3166-1 alpha-2 code of a country, such as FI")
	}
	if text := c.query("at"); text != "" {
		if o.At, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return o, unprocessable(act.CodeInvalidField, "at", "want a time in RFC 3339, such as 2026-03-01T14:03:00Z")
		}
		if o.At.Before(a.Now()) {
			return o, unprocessable(act.CodeInvalidField, "at", "lies in the past: a file is scrubbed for now or for later; ask about the past with POST /v1/checks")
		}
	}
	return o, nil
}

// plainPrefix reports whether a prefix can stand in a name in CSV and JSON alike.
func plainPrefix(text string) bool {
	return len(text) <= 32 && strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// unzips reports whether the body is compressed, and takes the header away, since what is read from then on is not.
func unzips(r *http.Request) bool {
	if !strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		return false
	}
	r.Header.Del("Content-Encoding")
	return true
}

func acceptsGzip(r *http.Request) bool {
	for offer := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(offer, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.TrimSpace(weight) != "q=0"
		}
	}
	return false
}

// scrubbed is the answer to a scrub: nothing is sent before its first byte, so that until then a problem can be.
type scrubbed struct {
	w     http.ResponseWriter
	kind  string
	gzip  *gzip.Writer
	begun bool

	control *http.ResponseController
	inForce func() error // asked before each piece that is told
}

func (s *scrubbed) zip() {
	s.gzip, _ = gzip.NewWriterLevel(s.w, gzip.BestSpeed) // the level is one that there is
}

// Write implements io.Writer.
func (s *scrubbed) Write(p []byte) (int, error) {
	if err := s.inForce(); err != nil {
		return 0, err
	}
	s.begin()
	return s.write(p)
}

func (s *scrubbed) write(p []byte) (int, error) {
	if s.gzip != nil {
		return s.gzip.Write(p)
	}
	return s.w.Write(p)
}

func (s *scrubbed) begin() {
	if s.begun {
		return
	}
	s.begun = true
	h := s.w.Header()
	h.Set("Content-Type", s.kind)
	if s.kind == typeCSV {
		h.Set("Content-Type", typeCSV+"; charset=utf-8; header=present")
	}
	if s.gzip != nil {
		h.Set("Content-Encoding", "gzip")
		h.Set("Vary", "Accept-Encoding")
	}
}

// Flush sends on what was written.
func (s *scrubbed) Flush() error {
	if s.gzip != nil {
		if err := s.gzip.Flush(); err != nil {
			return err
		}
	}
	return ignoreUnsupported(s.control.Flush())
}

// end tells a caller whose key has ended that this is not the whole file. A CSV file has no place for that: it only
// breaks off.
func (s *scrubbed) end() error {
	if s.kind != typeNDJSON {
		return nil
	}
	if _, err := s.write(endedLine(nil)); err != nil {
		return err
	}
	return s.Flush()
}

func (s *scrubbed) close() error {
	s.begin()
	if s.gzip != nil {
		return s.gzip.Close()
	}
	return nil
}
