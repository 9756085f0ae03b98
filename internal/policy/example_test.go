package policy_test

import (
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/policy"
)

func Example() {
	packs, err := policy.Load(policy.BuiltIn())
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, err := policy.Compile(packs)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Half past seven in the evening in Pensacola, whose area code spans two time zones: it may be half past eight.
	asked := time.Date(2026, time.November, 19, 1, 30, 0, 0, time.UTC)
	question := policy.Question{
		Number: 18505550123, Channel: consent.SMS, Class: consent.Marketing, At: asked,
		Status: consent.StatusGranted, Level: consent.ExpressWritten, GrantedAt: asked.AddDate(0, -1, 0),
	}
	var judgement policy.Judgement
	rules.Judge(&question, &judgement)
	fmt.Println(judgement.Outcome, time.Unix(judgement.NextAllowedAt, 0).UTC().Format(time.RFC3339))
	for _, failed := range judgement.Failed() {
		rule := rules.Rule(failed.Rule)
		fmt.Printf("%s by %s (%s, verified: %v)\n", failed.Code, rule.ID, rule.Citation, rule.Verified)
	}
	fmt.Println(rules.Whereabouts(&question).Zones)
	// Output:
	// defer 2026-11-19T14:00:00Z
	// outside_window by us-fl.hours (Fla. Stat. 501.059, 501.616(6)(a), verified: true)
	// [America/Chicago America/New_York]
}
