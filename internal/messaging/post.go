package messaging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Endpoint is where a provider takes messages. Its client follows no redirect, since credentials travel with requests.
type Endpoint struct {
	Provider string
	URL      string // up to the path, such as https://api.example.com
	Client   *http.Client
}

// sendTime bounds one attempt to hand over a message.
const sendTime = 15 * time.Second

// maxAnswer bounds how much of a provider's answer is read.
const maxAnswer = 1 << 20

// NewEndpoint returns an endpoint at a base URL, or at the provider's own when base is empty.
func NewEndpoint(provider, base, own string) Endpoint {
	if base == "" {
		base = own
	}
	return Endpoint{
		Provider: provider, URL: strings.TrimRight(base, "/"),
		Client: &http.Client{
			Timeout:       sendTime,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Result is a provider's answer.
type Result struct {
	Status int
	Header http.Header
	Body   []byte
}

// Decode reads the answer's JSON; an answer that is no JSON leaves v as it was.
func (r *Result) Decode(v any) { _ = json.Unmarshal(r.Body, v) } // what is missing is judged by the status

// PostJSON sends a JSON body; prepare sets headers and may be nil.
func (e Endpoint) PostJSON(ctx context.Context, path string, body any, prepare func(*http.Request)) (Result, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return Result{}, e.fail(Refused, fmt.Errorf("encode the message: %w", err))
	}
	return e.Post(ctx, path, "application/json", raw, prepare)
}

// PostForm sends a form; prepare sets headers and may be nil.
func (e Endpoint) PostForm(ctx context.Context, path string, form url.Values, prepare func(*http.Request)) (Result, error) {
	return e.Post(ctx, path, "application/x-www-form-urlencoded", []byte(form.Encode()), prepare)
}

// Post sends a body as it is and returns whatever the provider answers; only a missing answer is an error.
func (e Endpoint) Post(ctx context.Context, path, mediaType string, body []byte, prepare func(*http.Request)) (Result, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL+path, bytes.NewReader(body))
	if err != nil {
		return Result{}, e.fail(Refused, errors.New("the provider's address is not a URL"))
	}
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("Accept", "application/json")
	if prepare != nil {
		prepare(req)
	}
	res, err := e.Client.Do(req)
	if err != nil {
		return Result{}, e.unreached(err)
	}
	defer func() { _ = res.Body.Close() }() // nothing was written to it
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Result{}, e.fail(Unclear, errors.New("the answer broke off"))
	}
	return Result{Status: res.StatusCode, Header: res.Header, Body: answer}, nil
}

// unreached tells a connection that was never made from one that broke after the message may have been read.
func (e Endpoint) unreached(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return e.fail(Temporary, errors.New("no connection"))
	}
	return e.fail(Unclear, errors.New("no answer"))
}

func (e Endpoint) fail(r Reason, err error) error {
	return &SendError{Provider: e.Provider, Reason: r, Err: err}
}

// Judge turns an answer into an error, nil for a 2xx. Reasons says what the provider's own codes mean; codes that it
// does not know are judged by the status.
func (e Endpoint) Judge(r Result, code string, reasons map[string]Reason) error {
	reason, known := reasons[code]
	switch {
	case known:
	case r.Status >= 200 && r.Status < 300:
		return nil
	case r.Status == http.StatusTooManyRequests:
		reason = RateLimited
	case r.Status == http.StatusRequestTimeout, r.Status == http.StatusServiceUnavailable:
		reason = Temporary
	case r.Status >= 500:
		reason = Unclear // the provider failed after it may have taken the message
	default:
		reason = Refused
	}
	if code == "" {
		code = strconv.Itoa(r.Status)
	}
	return &SendError{Provider: e.Provider, Reason: reason, Code: code, RetryAfter: retryAfter(r.Header)}
}

// retryAfter reads the header of RFC 9110, section 10.2.3, in seconds; the form with a date is not used by providers.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 86400)) * time.Second
}
