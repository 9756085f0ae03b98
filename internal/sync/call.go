package sync

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Answer is what a system answered to a call.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// maxAnswer bounds how much of an answer is read.
const maxAnswer = 8 << 20

// Call sends a request. Only a missing answer is an error: a *LaterError of all, which holds neither address nor body.
func (c Clients) Call(req *http.Request) (Answer, error) {
	res, err := c.HTTP.Do(req)
	if err != nil {
		return Answer{}, &LaterError{Code: "unreachable", Reason: reason(err), All: true}
	}
	defer func() { _ = res.Body.Close() }() // nothing was written to it
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Answer{}, &LaterError{Code: "unreachable", Reason: "the answer broke off", All: true}
	}
	return Answer{res.StatusCode, res.Header, body}, nil
}

// reason is an error without the URL that net/http puts before it, whose query may hold a secret.
func reason(err error) string {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // as net/http returns it
		err = u.Err
	}
	return err.Error()
}

// JSON makes a request with a JSON body; of a nil body there is none.
func JSON(ctx context.Context, method, address string, body any) (*http.Request, error) {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(raw))
	if err != nil {
		return nil, &RefusedError{Code: "address", Reason: "the system's address is not a URL"}
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// Decode reads the answer's JSON.
func (a *Answer) Decode(v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return &LaterError{Code: strconv.Itoa(a.Status), Reason: "the answer is not the JSON that was expected", All: true}
	}
	return nil
}

// Judge turns a status into an error, nil for a 2xx: what may pass is a *LaterError of all, among it credentials that
// are not accepted, which an operator can mend; any other 4xx is a *RefusedError of what was sent. The system's words
// are left out, since they may repeat a number.
func (a *Answer) Judge(now time.Time) error {
	code := strconv.Itoa(a.Status)
	switch s := a.Status; {
	case s >= 200 && s < 300:
		return nil
	case s == http.StatusTooManyRequests:
		return &LaterError{Code: code, Reason: "it limits the rate", After: retryAfter(a.Header, now), All: true}
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return &LaterError{Code: code, Reason: "it does not accept the credentials", After: 5 * time.Minute, All: true}
	case s == http.StatusRequestTimeout, s >= 500, s >= 300 && s < 400:
		return &LaterError{Code: code, Reason: "it answered with status " + code, After: retryAfter(a.Header, now), All: true}
	}
	return &RefusedError{Code: code, Reason: "it answered with status " + code}
}

// retryAfter reads the header of RFC 9110, section 10.2.3, in either form, up to an hour.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), time.Hour)
}
