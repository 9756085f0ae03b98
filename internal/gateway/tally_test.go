package gateway_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/gateway"
	"github.com/consentline/consentline/internal/messaging/smpp"
	"github.com/consentline/consentline/internal/phone"
)

// capped are rules under which nobody is contacted more often than so many times.
type capped struct {
	most int

	mu    sync.Mutex
	made  map[phone.Number]int
	fails error
	calls int
}

func (c *capped) Judge(q check.Case) (j check.Judgement) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made[q.Number] >= c.most {
		j.Fail(check.Failure{Code: check.CapReached})
	}
	return j
}

func (c *capped) report(_ context.Context, list ...attempt.Attempt) ([]attempt.ID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls++; c.fails != nil {
		err := c.fails
		c.fails = nil
		return nil, err
	}
	for _, a := range list {
		c.made[a.Number]++
	}
	return make([]attempt.ID, len(list)), nil
}

// counted returns how often Alice was contacted.
func (c *capped) counted() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made[alice]
}

// tallied runs a tally over the rules until the test ends.
func tallied(t *testing.T, c *capped) *gateway.Tally {
	t.Helper()
	c.made = map[phone.Number]int{}
	tally := gateway.NewTally(c.report, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); tally.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return tally
}

// toward returns a gateway for Twilio whose contacts are counted.
func toward(t *testing.T, c *capped) *fixture {
	t.Helper()
	tally := tallied(t, c)
	return open(t, c, func(g *gateway.Gate, _ *gateway.TwilioConfig) { g.Tally = tally })
}

func TestMessagesThatAreSentAtOnceDoNotPassACapTogether(t *testing.T) {
	c := &capped{most: 2}
	f := toward(t, c)
	var mu sync.Mutex
	f.answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"sid":"SM1"}`)) }
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r, err := http.NewRequest(http.MethodPost, f.server.URL+messages, strings.NewReader(to(alice).Encode()))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("AC1", "secret")
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = res.Body.Close() }()
			mu.Lock()
			defer mu.Unlock()
			statuses[res.StatusCode]++
		})
	}
	all.Wait()
	if statuses[200] != 2 || statuses[400] != 6 || c.counted() != 2 {
		t.Errorf("got %v, counted %d, want two sent and six refused", statuses, c.counted())
	}
}

func TestOnlyWhatTheProviderRefusedDoesNotCount(t *testing.T) {
	for status, want := range map[int]int{http.StatusCreated: 1, http.StatusBadRequest: 0, http.StatusInternalServerError: 1} {
		c := &capped{most: 9}
		f := toward(t, c)
		f.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		f.post(t, messages, to(alice))
		f.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }
		f.post(t, messages, to(alice)) // begins once the first is counted
		if got := c.counted(); got != want {
			t.Errorf("answered %d: counted %d, want %d", status, got, want)
		}
	}
}

func TestWhatCannotBeCountedNowIsCountedLater(t *testing.T) {
	c := &capped{most: 9, fails: errors.New("the database is away")}
	f := toward(t, c)
	f.post(t, messages, to(alice))
	f.post(t, messages, to(alice)) // begins once the first is counted
	if got := c.counted(); got < 1 || c.calls < 2 {
		t.Errorf("counted %d in %d calls", got, c.calls)
	}
}

func TestThePartsOfALongMessageAreOneContact(t *testing.T) {
	c := &capped{most: 1}
	x := newExchangeUnder(t, c)
	x.gate.Tally = tallied(t, c)
	esme, _ := x.bind(t, "secret")
	send := func(reference byte) (statuses []smpp.Status) {
		for _, s := range smpp.Split(strings.Repeat("Hello ", 60), reference) {
			s.Source, s.Destination = smpp.Address{TON: 3, NPI: 1, Number: "21610"}, smpp.International("12025550123")
			p, err := esme.Request(t.Context(), smpp.SubmitSM, s.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			statuses = append(statuses, p.Status)
		}
		return statuses
	}
	if got := send(1); len(got) != 3 || got[0] != smpp.OK || got[2] != smpp.OK {
		t.Errorf("got %#x, want three parts taken", got)
	}
	if got := send(2); got[0] != smpp.SubmitFailed || got[2] != smpp.SubmitFailed || c.counted() != 1 {
		t.Errorf("got %#x, counted %d, want the second message refused whole", got, c.counted())
	}
}
