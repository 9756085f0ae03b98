package cli_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/cli"
)

func ask(t *testing.T, h http.HandlerFunc, method string, body io.Reader) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost/path?q=1", body)
	if err != nil {
		t.Fatal(err)
	}
	return (&http.Client{Transport: cli.InProcess(h)}).Do(r)
}

func TestAnInProcessAnswerIsAsTheHandlerMadeIt(t *testing.T) {
	answer, err := ask(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Method+" "+r.URL.RequestURI()+" "+r.RequestURI+" "+r.Host)
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // too late
		_, _ = io.Copy(w, r.Body)
	}, http.MethodPost, strings.NewReader("tea"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || string(body) != "tea" || answer.StatusCode != http.StatusTeapot || answer.Status != "418 I'm a teapot" {
		t.Errorf("got %s %q, %v", answer.Status, body, err)
	}
	if got, want := answer.Header.Get("X-Seen"), "POST /path?q=1 /path?q=1 localhost"; got != want {
		t.Errorf("the handler saw %q, want %q", got, want)
	}
}

func TestAHandlerThatWritesNothingAnswers200(t *testing.T) {
	answer, err := ask(t, func(http.ResponseWriter, *http.Request) {}, http.MethodGet, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK || len(body) != 0 || err != nil {
		t.Errorf("got %d %q, %v", answer.StatusCode, body, err)
	}
}

func TestAnInProcessStreamGoesBothWaysAtOnce(t *testing.T) {
	send, in := io.Pipe()
	answer, err := ask(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := errors.Join(control.EnableFullDuplex(), control.Flush()); err != nil {
			t.Error(err)
		}
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			fmt.Fprintln(w, "heard", lines.Text())
			if err := control.Flush(); err != nil {
				t.Error(err)
			}
		}
	}, http.MethodPost, send)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	out := bufio.NewScanner(answer.Body)
	// pipe hands over nothing before it is read, so each line has come back before the next is sent
	for i := range 3 {
		if _, err := fmt.Fprintf(in, "%d\n", i); err != nil {
			t.Fatal(err)
		}
		if !out.Scan() || out.Text() != fmt.Sprintf("heard %d", i) {
			t.Fatalf("got %q, want heard %d", out.Text(), i)
		}
	}
	if err := in.Close(); err != nil || out.Scan() {
		t.Errorf("the stream did not end: %v, %q", err, out.Text())
	}
}

func TestAnInProcessAnswerHasItsTrailerAfterTheBody(t *testing.T) {
	answer, err := ask(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Count")
		fmt.Fprint(w, "one")
		w.Header().Set("X-Count", "1")
		w.Header().Set("X-Late", "1")
	}, http.MethodGet, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	if got := answer.Trailer.Get("X-Count"); got != "1" || answer.Trailer.Get("X-Late") != "" || answer.Header.Get("X-Count") != "" {
		t.Errorf("got header %v, trailer %v; want X-Count in the trailer alone", answer.Header, answer.Trailer)
	}
}

func TestAHandlerThatAbortsBreaksTheAnswerOff(t *testing.T) {
	answer, err := ask(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half")
		panic(http.ErrAbortHandler)
	}, http.MethodGet, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.ReadAll(answer.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want io.ErrUnexpectedEOF: half an answer passed for a whole one", err)
	}
}

func TestACallerWhoLeavesEndsTheHandler(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	go func() {
		<-begun
		leave()
	}()
	_, err = cli.InProcess(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		ended <- r.Context().Err()
	})).RoundTrip(r)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler ended with %v", err)
	}
}
