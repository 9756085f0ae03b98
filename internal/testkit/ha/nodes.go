//go:build linux

package ha

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/testkit/history"
)

// Node is the product's own program, serving on the cluster.
type Node struct {
	Base string // its address, http://…
	key  string
	http *http.Client
}

// passwords of the roles that deploy/postgres/role.sql makes; in this cluster only.
const password = "of-the-test"

// Prepare makes the database and its roles as an administrator would: with psql, through HAProxy.
func (c *Cluster) Prepare(ctx context.Context, roles string) error {
	host, port, _ := strings.Cut(c.Proxy(), ":")
	psql := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "psql", append([]string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port, "-U", "postgres"}, args...)...)
		cmd.Env = append(os.Environ(), "PGPASSWORD=change-me-superuser")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("psql: %w\n%s", err, out)
		}
		return nil
	}
	if err := psql("-d", "postgres", "-c", "CREATE DATABASE consentline"); err != nil {
		return err
	}
	return errors.Join(
		psql("-d", "consentline", "-f", roles),
		psql("-d", "consentline", "-c", "ALTER ROLE consentline_owner PASSWORD '"+password+"'", "-c", "ALTER ROLE consentline_node PASSWORD '"+password+"'"),
	)
}

// StartNode runs a copy of the product's program as a role of the database, and returns when it answers. The first node
// of all must run as the owner, who makes the schema, and tells the key that all callers use.
func (c *Cluster) StartNode(t testing.TB, name, program, role string) *Node {
	t.Helper()
	home, shared := filepath.Join(c.dir, name), filepath.Join(c.dir, "shared")
	if err := errors.Join(os.MkdirAll(shared, 0o700), c.own(shared)); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(shared, name) // where the cluster's user may run it
	if b, err := os.ReadFile(program); err != nil {
		t.Fatal(err)
	} else if err := errors.Join(os.WriteFile(mine, b, 0o700), c.own(mine)); err != nil {
		t.Fatal(err)
	}
	database := fmt.Sprintf("postgres://%s@%s/consentline?sslmode=disable&passfile=%s", role, c.Proxy(), filepath.Join(home, "pgpass"))
	err := c.run(home, "pgpass", fmt.Sprintf("*:*:consentline:%s:%s\n", role, password), mine, "serve", "--json",
		"--data", filepath.Join(home, "data"), "--database", database, "--master-key", filepath.Join(shared, "master.key"),
		"--listen", "127.0.0.1:0", "--rules", "none")
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Address, Key string }
	for deadline := time.Now().Add(patience); told.Address == ""; {
		for line := range strings.Lines(tail(filepath.Join(home, "log"), 50)) {
			if strings.HasPrefix(line, "{") {
				_ = json.Unmarshal([]byte(line), &told) // a line that is not whole yet is read again
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("node %s does not answer:\n%s", name, tail(filepath.Join(home, "log"), 50))
		}
		<-time.After(50 * time.Millisecond)
	}
	return &Node{Base: told.Address, key: told.Key, http: &http.Client{Timeout: 10 * time.Second}}
}

// With returns the node as called with another node's key.
func (n *Node) With(other *Node) *Node { return &Node{n.Base, other.key, n.http} }

// Call posts JSON and returns the status and the answer.
func (n *Node) Call(ctx context.Context, path, idempotencyKey string, body map[string]any, answer any) (status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.Base+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+n.key)
	if idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", idempotencyKey)
	}
	res, err := n.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	b, err := io.ReadAll(res.Body)
	if err == nil && answer != nil {
		err = json.Unmarshal(b, answer)
	}
	return res.StatusCode, err
}

// Act records an act once, under its key. An act is acknowledged if seq is not zero: it was told to be in force on all nodes.
func (n *Node) Act(ctx context.Context, what, key string, number phone.Number) (seq uint64, again bool) {
	kind := map[string]string{history.Grant: "granted", history.Withdraw: "withdrawn"}[what]
	var told struct {
		Status, Effective string
		Seq               uint64
	}
	status, err := n.Call(ctx, "/v1/consents", key, map[string]any{
		"number": number.String(), "purpose": "marketing", "channel": "sms", "act": kind, "source": "web_form",
	}, &told)
	if err != nil || status/100 != 2 || told.Effective != "all" {
		return 0, false
	}
	return told.Seq, told.Status == "duplicate"
}

// Ask checks, and returns allow, deny or stale; empty if there was no answer.
func (n *Node) Ask(ctx context.Context, number phone.Number) string {
	var v struct {
		Verdict string
		Reasons []struct{ Code string }
	}
	status, err := n.Call(ctx, "/v1/checks", "", map[string]any{"number": number.String(), "purpose": "marketing", "channel": "sms"}, &v)
	switch {
	case err != nil || status != http.StatusOK:
		return ""
	case len(v.Reasons) > 0 && v.Reasons[0].Code == "stale":
		return "stale"
	}
	return v.Verdict
}
