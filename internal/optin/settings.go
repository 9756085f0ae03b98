package optin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// Settings are what an operator says of requests for confirmation, as JSON. What is left out has its default.
type Settings struct {
	// Countries are those that may be sent to (ISO 3166-1 alpha-2). Without any, each brand's own are.
	Countries []string `json:"countries,omitempty"`

	ExpiresAfter Span `json:"expires_after,omitempty"` // how long a person may take to confirm; 720h

	Number  *Budget `json:"number,omitempty"`  // 3 in 24h
	Address *Budget `json:"address,omitempty"` // 10 in 1h
	Prefix  *Budget `json:"prefix,omitempty"`  // 20 in 1h
	Country *Budget `json:"country,omitempty"` // 500 in 1h
	Total   *Budget `json:"total,omitempty"`   // 2000 in 1h

	Resends     int  `json:"resends,omitempty"`      // how often a question goes out at most; 3
	ResendApart Span `json:"resend_apart,omitempty"` // 1m

	BreakerAsked int     `json:"breaker_asked,omitempty"` // 50
	BreakerShare float64 `json:"breaker_share,omitempty"` // 0.1

	Challenge *ChallengeSettings `json:"challenge,omitempty"`
}

// Budget is a Limit as operators write it.
type Budget struct {
	Max int  `json:"max"`
	Per Span `json:"per"`
}

// ChallengeSettings say what every request must prove. One of the two members is given.
type ChallengeSettings struct {
	// WorkBits is how many leading zero bits a proof of work must have; each one more doubles the work.
	WorkBits int `json:"work_bits,omitempty"`

	// VerifyURL is a captcha service's address of verification, and Secret what it is asked with.
	VerifyURL string `json:"verify_url,omitempty"`
	Secret    string `json:"secret,omitempty"`
}

// Span is a duration that is written as text, such as 90s or 24h.
type Span time.Duration

// UnmarshalJSON reads a text; it must be longer than nothing.
func (s *Span) UnmarshalJSON(raw []byte) error {
	var text string
	err := json.Unmarshal(raw, &text)
	d, parseErr := time.ParseDuration(text)
	if err != nil || parseErr != nil || d <= 0 {
		return fmt.Errorf("want a duration such as \"90s\" or \"24h\", not %s", raw)
	}
	*s = Span(d)
	return nil
}

// MarshalJSON writes the text that is read.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).String()) }

var country = regexp.MustCompile(`^[A-Z]{2}$`)

// Validate names the member that cannot be, and what would be right.
func (s *Settings) Validate() error {
	for _, c := range s.Countries {
		if !country.MatchString(c) {
			return fmt.Errorf("optin: countries: %q: want countries as in ISO 3166-1, such as US", c)
		}
	}
	for name, b := range map[string]*Budget{"number": s.Number, "address": s.Address, "prefix": s.Prefix, "country": s.Country, "total": s.Total} {
		if b != nil && (b.Max < 1 || b.Per <= 0) {
			return fmt.Errorf("optin: %s: want max of 1 or more, and per", name)
		}
	}
	switch {
	case s.Resends < 0:
		return fmt.Errorf("optin: resends: %d: want 1 or more", s.Resends)
	case s.BreakerAsked < 0:
		return fmt.Errorf("optin: breaker_asked: %d: want 1 or more", s.BreakerAsked)
	case s.BreakerShare < 0 || s.BreakerShare > 1:
		return fmt.Errorf("optin: breaker_share: %g: want a share from 0 to 1", s.BreakerShare)
	}
	return s.Challenge.validate()
}

// maxWorkBits is about a minute of a laptop's work.
const maxWorkBits = 26

func (c *ChallengeSettings) validate() error {
	if c == nil {
		return nil
	}
	u, err := url.Parse(c.VerifyURL)
	switch {
	case (c.WorkBits == 0) == (c.VerifyURL == ""):
		return fmt.Errorf("optin: challenge: give either work_bits, or verify_url with secret")
	case c.WorkBits < 0 || c.WorkBits > maxWorkBits:
		return fmt.Errorf("optin: challenge: work_bits: %d: want 1 to %d", c.WorkBits, maxWorkBits)
	case c.VerifyURL != "" && (err != nil || u.Host == "" || !slices.Contains([]string{"https", "http"}, u.Scheme)):
		return fmt.Errorf("optin: challenge: verify_url: want a URL such as https://challenges.cloudflare.com/turnstile/v0/siteverify")
	case c.VerifyURL != "" && c.Secret == "":
		return fmt.Errorf("optin: challenge: secret is missing")
	}
	return nil
}

// Limits returns the limits that the settings give; what they leave out is zero, which stands for its default.
func (s *Settings) Limits() Limits {
	l := Limits{
		Countries: s.Countries, Resends: s.Resends, ResendApart: time.Duration(s.ResendApart), BreakerAsked: s.BreakerAsked, BreakerShare: s.BreakerShare,
	}
	for _, b := range []struct {
		budget *Budget
		limit  *Limit
	}{{s.Number, &l.Number}, {s.Address, &l.Address}, {s.Prefix, &l.Prefix}, {s.Country, &l.Country}, {s.Total, &l.Total}} {
		if b.budget != nil {
			*b.limit = Limit{b.budget.Max, time.Duration(b.budget.Per)}
		}
	}
	return l
}

// Challenger returns what holds a request against the challenge, or nil if there is none.
func (s *Settings) Challenger(now func() time.Time) Challenge {
	switch c := s.Challenge; {
	case c == nil:
		return nil
	case c.WorkBits > 0:
		return Work(c.WorkBits, now)
	default:
		return Captcha(c.VerifyURL, c.Secret, &http.Client{Timeout: captchaTime})
	}
}
