// Package visit visits pages in tests as a browser without scripts does, and reads what comes back.
package visit

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Visitor is one browser on one site. It keeps cookies.
type Visitor struct {
	T      testing.TB
	Base   string // the site's address, without a slash at its end
	Client *http.Client
	Host   string // that the browser asks for; empty: the site's address
}

// New returns a browser that has been nowhere yet.
func New(t testing.TB, base string) *Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Visitor{T: t, Base: base, Client: &http.Client{Jar: jar}}
}

// Answer is a page that came back, with its source.
type Answer struct {
	*http.Response
	Text string
	t    testing.TB
}

// Do sends a request and reads the answer to its end.
func (v *Visitor) Do(r *http.Request) Answer {
	v.T.Helper()
	if v.Host != "" {
		r.Host = v.Host
	}
	res, err := v.Client.Do(r)
	if err != nil {
		v.T.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.T.Fatal(err)
	}
	return Answer{res, string(body), v.T}
}

// Request makes a request of this visitor's.
func (v *Visitor) Request(method, path string, body io.Reader) *http.Request {
	v.T.Helper()
	r, err := http.NewRequestWithContext(v.T.Context(), method, v.Base+path, body)
	if err != nil {
		v.T.Fatal(err)
	}
	return r
}

// Get visits a path; headers are names and values in turn.
func (v *Visitor) Get(path string, headers ...string) Answer {
	v.T.Helper()
	r := v.Request(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return v.Do(r)
}

// Post sends a form, given as names and values in turn, from a page of the same site.
func (v *Visitor) Post(path string, pairs ...string) Answer {
	v.T.Helper()
	return v.Do(v.Form(path, "same-origin", pairs...))
}

// Form is a form as a browser sends it from a page of a site: same-origin, same-site or cross-site.
func (v *Visitor) Form(path, site string, pairs ...string) *http.Request {
	v.T.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	r := v.Request(http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	return r
}

// Status ends the test unless the answer has a status.
func (a Answer) Status(want int) Answer {
	a.t.Helper()
	if a.StatusCode != want {
		a.t.Fatalf("%s %s: got %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, want, a.Words())
	}
	return a
}

// Says checks that the page holds each text, in its source or as it is read.
func (a Answer) Says(texts ...string) Answer {
	a.t.Helper()
	read := html.UnescapeString(a.Text)
	for _, text := range texts {
		if !strings.Contains(a.Text, text) && !strings.Contains(read, text) {
			a.t.Errorf("%s %s does not say %q: %s", a.Request.Method, a.Request.URL.Path, text, a.Words())
		}
	}
	return a
}

// Lacks checks that the page's source holds none of the texts.
func (a Answer) Lacks(texts ...string) Answer {
	a.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.Text, text) {
			a.t.Errorf("%s %s says %q", a.Request.Method, a.Request.URL.Path, text)
		}
	}
	return a
}

// Field returns the value of the first field with a name.
func (a Answer) Field(name string) string {
	a.t.Helper()
	return html.UnescapeString(a.Found(`name="` + regexp.QuoteMeta(name) + `" value="([^"]*)"`))
}

// Found returns what the group of an expression matches in the page's source, and ends the test if it matches nothing.
func (a Answer) Found(expression string) string {
	a.t.Helper()
	m := regexp.MustCompile(expression).FindStringSubmatch(a.Text)
	if m == nil {
		a.t.Fatalf("%s has no %s: %s", a.Request.URL.Path, expression, a.Words())
	}
	return m[1]
}

var loaded = regexp.MustCompile(`(?:<link[^>]*href|<img[^>]*src|<script[^>]*src)="([^"]+)"`)

// Loads returns the addresses of what a browser loads with the page.
func (a Answer) Loads() (paths []string) {
	for _, m := range loaded.FindAllStringSubmatch(a.Text, -1) {
		paths = append(paths, html.UnescapeString(m[1]))
	}
	return paths
}

var tags = regexp.MustCompile(`(?s)<[^>]*>|\s+`)

// Words is the beginning of what the page says, without its tags.
func (a Answer) Words() string {
	text := tags.ReplaceAllString(a.Text, " ")
	return text[:min(len(text), 1500)]
}
