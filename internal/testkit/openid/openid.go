// Package openid runs a real OpenID provider beside a test: oidc-provider, under Node.js, from the bundle that stands
// here.
package openid

import (
	"bufio"
	"context"
	_ "embed" // for the provider
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

//go:embed provider.mjs
var provider []byte

//go:embed serve.mjs
var serve []byte

// Setup is whom the provider knows. People are told by what they type as their login, with their groups; any password
// will do. InToken says that claims stand in the ID token, and not only where userinfo is asked.
type Setup struct {
	Client   string              `json:"client"`
	Secret   string              `json:"secret"`
	Redirect string              `json:"redirect"`
	People   map[string][]string `json:"people"`
	InToken  bool                `json:"inToken"`
}

// Start starts the provider, which needs Node.js, and returns its issuer. It ends with the test.
func Start(t testing.TB, s Setup) (issuer string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("there is no Node.js: install it (apt-get install nodejs)")
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"provider.mjs": provider, "serve.mjs": serve} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	given, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	run := exec.CommandContext(ctx, node, filepath.Join(dir, "serve.mjs"), string(given))
	in, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	complaints := &strings.Builder{}
	run.Stderr = complaints
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = run.Wait() // it has nothing to tell by how it ends
		cancel()
	})
	issuer, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = in.Close()
		_ = run.Wait()
		t.Fatalf("the provider did not start: %v: %s", err, complaints)
	}
	return strings.TrimSpace(issuer)
}
