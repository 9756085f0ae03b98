package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/consentline/consentline/verify"
)

// logPath is where a server publishes its log.
const logPath = "/v1/log/"

// keyName is the resource of a served log, and the file in a copy of one, that holds the log's origin and, in a line
// of its own, its verifier key.
const keyName = "key"

// readKey takes the origin and verifier key from what stands under keyName.
func readKey(text []byte) (origin, key string, err error) {
	origin, key, ok := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if !ok || strings.Contains(key, "\n") {
		return "", "", fmt.Errorf("%s: want two lines, the log's origin and its verifier key", keyName)
	}
	return origin, key, nil
}

// policyOf trusts a log by its key; without an origin, by the name that is in the key.
func policyOf(origin, key string) (*verify.Policy, error) {
	if origin == "" {
		origin, _, _ = strings.Cut(key, "+")
	}
	return verify.NewPolicy(origin, key)
}

// readiness is the answer to GET /readyz.
type readiness struct {
	Ready   bool     `json:"ready"`
	Why     []string `json:"why"`
	Head    uint64   `json:"head"`
	LogSize uint64   `json:"log_size"`
}

// readiness asks how the server is; being not ready is an answer.
func (c *client) readiness(ctx context.Context) (out readiness, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/readyz", nil)
	if err != nil {
		return out, err
	}
	answer, err := c.http.Do(q)
	if err != nil {
		return out, fmt.Errorf("ask %s: %w", c.where, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusServiceUnavailable {
		return out, c.refusal(answer)
	}
	err = json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&out)
	return out, err
}

// settleTime is how long the log may stand still before it is taken to have stopped.
const settleTime = 15 * time.Second

var errLogStill = errors.New("the log does not take in the newest entries")

// settle waits until the log covers all that is recorded now.
func (c *client) settle(ctx context.Context) error {
	first, err := c.readiness(ctx)
	if err != nil {
		return err
	}
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	size, still := first.LogSize, time.NewTimer(settleTime)
	defer still.Stop()
	for size < first.Head {
		select {
		case <-again.C:
		case <-still.C:
			return fmt.Errorf("%w: it covers %d of %d", errLogStill, size, first.Head)
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := c.readiness(ctx)
		if err != nil {
			return err
		}
		if now.LogSize > size {
			size = now.LogSize
			still.Reset(settleTime)
		}
	}
	return nil
}

// verifierKey asks the server for the key of its own log.
func (c *client) verifierKey(ctx context.Context) (string, error) {
	text, err := c.fetch(ctx, logPath+keyName)
	if err != nil {
		return "", err
	}
	_, key, err := readKey(text)
	return key, err
}
