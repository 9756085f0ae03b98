package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// client asks the REST interface.
type client struct {
	http  *http.Client
	base  string
	key   string
	where string // what it talks to, for error texts
}

// problemError is a refusal of the interface (RFC 9457).
type problemError struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Field  string `json:"field"`

	Raw json.RawMessage `json:"-"`
}

func (e *problemError) Error() string {
	text := e.Title
	if e.Field != "" {
		text += ": " + e.Field
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return fmt.Sprintf("%s (%s)", text, e.Code)
}

// request is one call.
type request struct {
	method, path string
	contentType  string // of the body; empty: JSON
	accept       string
	header       map[string]string
	body         io.Reader
}

// do sends a request and returns the answer, whose body the caller closes. Every status but 2xx is an error.
func (c *client) do(ctx context.Context, r request) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, r.body)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		if r.contentType == "" {
			r.contentType = "application/json"
		}
		q.Header.Set("Content-Type", r.contentType)
	}
	if r.accept != "" {
		q.Header.Set("Accept", r.accept)
	}
	if c.key != "" {
		q.Header.Set("Authorization", "Bearer "+c.key)
	}
	q.Header.Set("User-Agent", "consentline/"+buildVersion().Version)
	for name, value := range r.header {
		q.Header.Set(name, value)
	}
	answer, err := c.http.Do(q)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.where, err)
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, c.refusal(answer)
}

func (c *client) refusal(answer *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.where, err)
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	p := &problemError{Status: answer.StatusCode, Raw: body}
	if !strings.HasSuffix(kind, "json") || json.Unmarshal(body, p) != nil || p.Code == "" {
		return fmt.Errorf("%s answered %s: is this a consentline server?", c.where, answer.Status)
	}
	return p
}

// call sends a JSON body, unless it is nil, and returns the answer's JSON, which is also decoded into out unless nil.
func (c *client) call(ctx context.Context, method, path string, body, out any, header ...string) (json.RawMessage, error) {
	r := request{method: method, path: path, header: map[string]string{}}
	for i := 0; i+1 < len(header); i += 2 {
		r.header[header[i]] = header[i+1]
	}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r.body = bytes.NewReader(text)
	}
	answer, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", c.where, err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return nil, fmt.Errorf("read the answer of %s: %w", c.where, err)
		}
	}
	return raw, nil
}
