package httpapi

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// Page is a part of a list.
type Page[T any] struct {
	Items []T    `json:"items" doc:"The items of this page, in order."`
	Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// limit returns how many items a page may have.
func (c call) limit() (int, error) {
	text := c.query("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, unprocessable("invalid_field", "limit", "want a whole number from 1 to "+strconv.Itoa(maxLimit))
	}
	return n, nil
}

const tagSize = 16

// cursor returns an opaque place in a list, signed, so that a page can be resumed only where one ended.
func (a *API) cursor(list, after string) string {
	tag := a.Ledger.Tag("cursor", list, after)
	return base64.RawURLEncoding.EncodeToString(append(tag[:], after...))
}

// after returns the place at which the page that a call asks for begins; empty for the first.
func (a *API) after(c call, list string) (string, error) {
	text := c.query("cursor")
	if text == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < tagSize || a.Ledger.Tag("cursor", list, string(raw[tagSize:])) != [tagSize]byte(raw[:tagSize]) {
		return "", problem(http.StatusBadRequest, "invalid_cursor", titles["invalid_cursor"], "cursor", "Send the cursor as an answer of this list gave it, or none to begin anew.")
	}
	return string(raw[tagSize:]), nil
}

// pageOf returns the asked part of a list that is sorted by ID.
func pageOf[T any](a *API, c call, list string, items []T, id func(T) string) (reply[Page[T]], error) {
	limit, err := c.limit()
	if err != nil {
		return reply[Page[T]]{}, err
	}
	after, err := a.after(c, list)
	if err != nil {
		return reply[Page[T]]{}, err
	}
	page := Page[T]{Items: []T{}}
	for _, item := range items {
		if after != "" && id(item) <= after {
			continue
		}
		if len(page.Items) == limit {
			page.Next = a.cursor(list, id(page.Items[limit-1]))
			break
		}
		page.Items = append(page.Items, item)
	}
	return reply[Page[T]]{body: page, next: page.Next}, nil
}

func pageParams() []*huma.Param {
	return []*huma.Param{
		queryParam("cursor", "Where to go on: next of the page before. Absent: from the beginning.", &huma.Schema{Type: huma.TypeString}),
		queryParam("limit", "How many items at most.", &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0), Maximum: new(float64(maxLimit)), Default: defaultLimit}),
	}
}

func queryParam(name, description string, s *huma.Schema) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: description, Schema: s}
}

func pathParam(name, description, example string) *huma.Param {
	return &huma.Param{Name: name, In: "path", Required: true, Description: description, Example: example, Schema: &huma.Schema{Type: huma.TypeString}}
}
