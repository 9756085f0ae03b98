package optin_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/phone"
)

// number returns one of the numbers reserved for fiction in an area.
func number(area, n int) string { return fmt.Sprintf("+1%03d55501%02d", area, n) }

func TestEachBudgetBindsAndFreesItselfWithTime(t *testing.T) {
	for name, c := range map[string]struct {
		limits optin.Limits
		second func(*optin.Request)
	}{
		"address": {optin.Limits{Address: optin.Limit{Max: 1, Per: time.Hour}}, func(q *optin.Request) { q.Number = number(213, 1) }},
		"prefix":  {optin.Limits{Prefix: optin.Limit{Max: 1, Per: time.Hour}}, func(q *optin.Request) { q.Number, q.Address = number(202, 24), "" }},
		"country": {optin.Limits{Country: optin.Limit{Max: 1, Per: time.Hour}}, func(q *optin.Request) { q.Number, q.Address = number(213, 1), "" }},
		"total":   {optin.Limits{Total: optin.Limit{Max: 1, Per: time.Hour}}, func(q *optin.Request) { q.Number, q.Address = "+447700900123", "" }},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, func(c0 *optin.Config) {
				c0.Limits = c.limits
				c0.Limits.Countries = []string{"US", "GB"}
			})
			f.ask(t, request())
			f.now = f.now.Add(20 * time.Minute)
			q := request()
			c.second(&q)
			if e := f.refused(t, q, optin.CodeBudget); e.RetryAfter != 40*time.Minute {
				t.Errorf("retry after %s, want 40 minutes", e.RetryAfter)
			}
			f.now = f.now.Add(40 * time.Minute)
			f.ask(t, q)
		})
	}
}

func TestANumbersBudgetOutlivesItsRequests(t *testing.T) {
	f := open(t, func(c *optin.Config) { c.Lifetime = time.Hour })
	for range 3 {
		f.ask(t, request())
		f.now = f.now.Add(2 * time.Hour)
		must[int](t)(f.RunOnce(ctx))
	}
	_ = f.refused(t, request(), optin.CodeBudget)
}

func TestTheBreakerOpensWhereTooFewConfirm(t *testing.T) {
	f := open(t, func(c *optin.Config) { c.Limits.BreakerAsked = 10 })
	// Ten people of ten areas are asked, so that no prefix is blamed; one of them confirms, which is a tenth.
	areas := []int{212, 213, 214, 215, 216, 217, 218, 219, 301, 302}
	for i, area := range areas {
		q := request()
		q.Number, q.Address = number(area, 1), fmt.Sprint(area)
		a := f.ask(t, q)
		if i == 0 {
			must[ledger.Result](t)(f.Confirm(ctx, a.Standing, optin.Confirmation{By: "test", Source: consent.SMSReply}))
		}
	}
	next := func(area int) optin.Request {
		q := request()
		q.Number, q.Address = number(area, 1), fmt.Sprint(area)
		return q
	}
	f.ask(t, next(303)) // nobody has had the time to answer
	f.now = f.now.Add(11 * time.Minute)
	_ = f.refused(t, next(304), optin.CodeBreaker)
	f.now = f.now.Add(24 * time.Hour)
	f.ask(t, next(304))
}

func TestNothingGoesOutWhereItMayNot(t *testing.T) {
	f := open(t, func(c *optin.Config) {
		c.Limits.Countries = []string{"GB", "US"}
		c.Listed = func(n phone.Number, b consent.BrandID) bool { return n == 447700900199 && b == "acme" }
		c.Challenge = func(_ context.Context, q optin.Request) error {
			if q.Proof != "human" {
				return errors.New("not a human")
			}
			return nil
		}
	})
	for text, code := range map[string]string{
		"+46701740605":  optin.CodeCountry,
		"+449098790123": optin.CodeLine, // premium
		"+442079460123": optin.CodeLine, // fixed
		"+448081570123": optin.CodeLine, // toll-free
		"+447700900199": optin.CodeListed,
		"+447700900123": optin.CodeChallenge,
	} {
		q := request()
		q.Number = text
		_ = f.refused(t, q, code)
	}
	f.send(t, 0)
	q := request()
	q.Proof = "human"
	f.ask(t, q)
	f.send(t, 1)
}

func TestABudgetThatCannotBeReadIsSpent(t *testing.T) {
	f := open(t, nil)
	broken, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := f.Ask(broken, access.Local, request()); err == nil {
		t.Error("a question was queued though no budget could be read")
	}
	f.send(t, 0)
}
