package dynamics

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/sync"
)

const (
	api         = "/api/data/v9.2/"
	entities    = "msdynmkt_contactpointconsent4s"
	boundary    = "batch_consentline"
	maxRequests = 1000 // of a batch
)

// request is one request of a batch. What finds a number stands in the batch's body, so that no address holds one.
type request struct {
	method, path string
	content      json.RawMessage
}

// response is the answer to it.
type response struct{ sync.Answer }

// batch sends requests as OData's multipart batch, and returns their answers in order.
func (d *connector) batch(ctx context.Context, requests []request) ([]response, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	token, err := d.tokens.Get(ctx)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	for _, r := range requests {
		fmt.Fprintf(&body, "--%s\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n%s %s%s HTTP/1.1\r\nAccept: application/json\r\n",
			boundary, r.method, api, r.path)
		if r.content != nil {
			fmt.Fprintf(&body, "Content-Type: application/json\r\n\r\n%s", r.content)
		} else {
			body.WriteString("\r\n")
		}
		body.WriteString("\r\n")
	}
	fmt.Fprintf(&body, "--%s--\r\n", boundary)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+api+"$batch", &body)
	if err != nil {
		return nil, &sync.LaterError{Code: "address", Reason: "base_url is not a URL", All: true}
	}
	req.Header.Set("Authorization", "Bearer "+token.Access)
	req.Header.Set("Content-Type", "multipart/mixed; boundary="+boundary)
	req.Header.Set("Prefer", "odata.continue-on-error")
	req.Header.Set("OData-Version", "4.0")
	answer, err := d.clients.Call(req)
	if err != nil {
		return nil, err
	}
	if answer.Status == http.StatusUnauthorized {
		d.tokens.Drop(token)
	}
	if err := answer.Judge(d.now()); err != nil {
		return nil, whole(err)
	}
	return parts(&answer, len(requests))
}

// whole judges a batch that failed altogether, which says nothing of a single number.
func whole(judged error) error {
	if refused, ok := judged.(*sync.RefusedError); ok { //nolint:errorlint // as Judge returns it
		return &sync.LaterError{Code: refused.Code, Reason: "it does not take batches: look at base_url", After: 5 * time.Minute, All: true}
	}
	return judged
}

// parts reads the answers of a batch. Answers that are missing were not given.
func parts(answer *sync.Answer, n int) ([]response, error) {
	broken := &sync.LaterError{Code: "answer", Reason: "the answer is not the batch that was expected", All: true}
	_, params, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, broken
	}
	out := make([]response, 0, n)
	for r := multipart.NewReader(bytes.NewReader(answer.Body), params["boundary"]); ; {
		part, err := r.NextPart()
		if err == io.EOF { //nolint:errorlint // as multipart returns it
			break
		}
		if err != nil {
			return nil, broken
		}
		one, err := http.ReadResponse(bufio.NewReader(part), nil)
		if err != nil {
			return nil, broken
		}
		raw, err := io.ReadAll(one.Body)
		_ = one.Body.Close() // it is in memory
		if err != nil {
			return nil, broken
		}
		out = append(out, response{sync.Answer{Status: one.StatusCode, Header: one.Header, Body: raw}})
	}
	if len(out) != n {
		return nil, broken
	}
	return out, nil
}

// ids are those of the rows that were found.
func (r *response) ids(now time.Time) ([]string, error) {
	if err := r.verdict(now); err != nil {
		return nil, err
	}
	var told struct {
		Value []struct {
			ID string `json:"msdynmkt_contactpointconsent4id"`
		} `json:"value"`
	}
	if err := r.Decode(&told); err != nil {
		return nil, err
	}
	out := make([]string, 0, len(told.Value))
	for _, v := range told.Value {
		out = append(out, v.ID)
	}
	return out, nil
}

// verdict says what became of one request: limits and failures concern that request alone, since others of its batch may
// have been done. The code of an error is kept, its message is not, since it may repeat a number.
func (r *response) verdict(now time.Time) error {
	switch err := r.Judge(now).(type) { //nolint:errorlint // as Judge returns it
	case *sync.LaterError:
		return &sync.LaterError{Code: err.Code, Reason: err.Reason, After: err.After}
	case *sync.RefusedError:
		var told struct {
			Error struct {
				Code string `json:"code"`
			} `json:"error"`
		}
		if json.Unmarshal(r.Body, &told) == nil && told.Error.Code != "" {
			err.Code = told.Error.Code
		}
		if r.Status == http.StatusConflict || r.Status == http.StatusPreconditionFailed {
			return &sync.LaterError{Code: err.Code, Reason: "the row is being written by others"}
		}
		return err
	}
	return nil
}
