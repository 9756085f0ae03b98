package optin

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/phone"
)

// Challenge must agree to every request that would send something. Its errors are told to nobody.
type Challenge func(context.Context, Request) error

// ErrProof says that a proof is missing, or does not hold.
var ErrProof = errors.New("the proof does not hold")

// workTime is how old a proof of work may be, and how far its clock may be ahead.
const workTime = 10 * time.Minute

// Work is a proof of work: Proof is "seconds:nonce" with the time in seconds since 1970, such that the SHA-256 of
// "number:seconds:nonce", with the number in E.164, begins with so many zero bits. A proof holds for one number, whose
// own budget bounds how often it can be used.
func Work(zeroBits int, now func() time.Time) Challenge {
	return func(_ context.Context, q Request) error {
		seconds, nonce, ok := strings.Cut(q.Proof, ":")
		at, err := strconv.ParseInt(seconds, 10, 64)
		if !ok || err != nil || nonce == "" {
			return ErrProof
		}
		if age := now().Sub(time.Unix(at, 0)); age > workTime || age < -workTime {
			return ErrProof
		}
		number, err := phone.Parse(q.Number, q.Region)
		if err != nil {
			return ErrProof
		}
		if leadingZeros(sha256.Sum256([]byte(number.String()+":"+q.Proof))) < zeroBits {
			return ErrProof
		}
		return nil
	}
}

func leadingZeros(sum [sha256.Size]byte) (n int) {
	for _, b := range sum {
		if b != 0 {
			return n + bits.LeadingZeros8(b)
		}
		n += 8
	}
	return n
}

// captchaTime bounds how long the service of a captcha is waited for.
const captchaTime = 5 * time.Second

// Captcha asks a service whether Proof is of a human, as Turnstile, hCaptcha and reCAPTCHA are asked: a form with
// secret, response and remoteip, answered with {"success": true}. A service that does not answer has not agreed.
func Captcha(verifyURL, secret string, client *http.Client) Challenge {
	return func(ctx context.Context, q Request) error {
		if q.Proof == "" {
			return ErrProof
		}
		form := url.Values{"secret": {secret}, "response": {q.Proof}}
		if q.Address != "" {
			form.Set("remoteip", q.Address)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, verifyURL, strings.NewReader(form.Encode()))
		if err != nil {
			return fmt.Errorf("ask the captcha's service: %w", err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := client.Do(req)
		if err != nil {
			return fmt.Errorf("ask the captcha's service: %w", err)
		}
		defer func() { _ = res.Body.Close() }() // it was only read
		var answer struct {
			Success bool `json:"success"`
		}
		if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&answer); err != nil || res.StatusCode != http.StatusOK || !answer.Success {
			return ErrProof
		}
		return nil
	}
}
