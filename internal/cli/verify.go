package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/consentline/consentline/verify"
)

type verifyCmd struct {
	What   string `arg:"" optional:"" name:"what" help:"A directory with a copy of the log, the URL of a served log, a receipt (JSON), a .tlog-proof, or - for one of these two on standard input; left out: the log of --data."`
	LogKey string `name:"key" env:"CONSENTLINE_LOG_KEY" placeholder:"KEY" help:"The log's verifier key, as its operator publishes it: NAME+ID+BASE64."`
	Origin string `placeholder:"NAME" help:"The log's name; left out: the name in the key."`
	Leaf   string `type:"existingfile" placeholder:"FILE" help:"For a .tlog-proof: the entry that it proves, as history --json and receipts tell it."`
	Data   string `default:"./consentline-data" env:"CONSENTLINE_DATA" placeholder:"DIR" help:"The data directory whose log to verify, when nothing else is named."`
	jsonFlag
}

// Help implements kong.HelpProvider.
func (verifyCmd) Help() string {
	return `Needs nothing of the server that made the log: only a copy and the log's verifier key. Take the key from its operator, not from whoever gave you the copy. Without --key, the key that came with the copy is used, which shows that the copy agrees with itself and not whose it is.

If something does not fit, the first entry at fault is named and the exit code is 1.

Examples:
  consentline verify --data ./consentline-data
  consentline export --log ./copy && consentline verify ./copy --key "$LOG_KEY"
  consentline verify https://consent.example/v1/log/ --key "$LOG_KEY"
  consentline verify receipt.json --key "$LOG_KEY"
  consentline verify entry.tlog-proof --leaf entry.json --key "$LOG_KEY"`
}

// verified is what verify found good.
type verified struct {
	OK         bool   `json:"ok"`
	What       string `json:"what"` // log, receipt or proof
	Origin     string `json:"origin,omitempty"`
	Size       int64  `json:"size,omitempty"` // entries in the log, or in the proof's checkpoint
	Root       string `json:"root,omitempty"`
	Warnings   int64  `json:"warnings,omitempty"`
	Entry      uint64 `json:"entry,omitempty"`
	Verdict    string `json:"verdict,omitempty"`
	TrustedKey bool   `json:"trusted_key"` // the key was given, not taken from what was verified

	Problem    string `json:"problem,omitempty"`
	FirstEntry uint64 `json:"first_entry,omitempty"` // the first that does not fit
	LastEntry  uint64 `json:"last_entry,omitempty"`
}

// Run verifies what is named.
func (c *verifyCmd) Run(ctx context.Context, a *App) error {
	if c.What == "" {
		return c.ownLog(ctx, a)
	}
	if u, err := url.Parse(c.What); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		if !strings.HasSuffix(u.Path, "/") {
			u.Path += "/"
		}
		return c.log(ctx, a, verify.Web{Prefix: u, Client: http.DefaultClient})
	}
	info, err := os.Stat(c.What)
	switch {
	case c.What == "-":
		return c.document(a, a.In)
	case err != nil:
		return &exitError{exitUsage, err}
	case info.IsDir():
		return c.log(ctx, a, verify.Files{FS: os.DirFS(c.What)})
	}
	f, err := os.Open(c.What)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.document(a, f)
}

// ownLog verifies the log of the data directory, with the key that its server signs with.
func (c *verifyCmd) ownLog(ctx context.Context, a *App) (err error) {
	t := target{Data: c.Data}
	conn, err := t.connect(ctx, a, mustExist)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	if err := conn.settle(ctx); err != nil {
		return err
	}
	prefix, err := url.Parse(conn.base + logPath)
	if err != nil {
		return err
	}
	return c.log(ctx, a, verify.Web{Prefix: prefix, Client: conn.http})
}

// policy says whom to trust: the key that was given, else the one that came along.
func (c *verifyCmd) policy(came func() ([]byte, error)) (p *verify.Policy, trusted bool, err error) {
	key := c.LogKey
	if trusted = key != ""; !trusted {
		text, err := came()
		if err == nil {
			_, key, err = readKey(text)
		}
		if err != nil {
			return nil, false, usage("give the log's verifier key with --key: %w", err)
		}
	}
	if p, err = policyOf(c.Origin, key); err != nil {
		err = &exitError{exitUsage, err}
	}
	return p, trusted, err
}

func (c *verifyCmd) log(ctx context.Context, a *App, src verify.Source) error {
	policy, trusted, err := c.policy(func() ([]byte, error) { return src.Fetch(ctx, keyName) })
	if err != nil {
		return err
	}
	bar := a.newProgress("verify", -1, "entries")
	report, err := verify.Audit{
		Source: src, Policy: policy,
		Progress: func(done, total int64) {
			if bar.bar != nil && bar.bar.GetMax64() != total {
				bar.bar.ChangeMax64(total)
			}
			bar.at(done, done)
		},
	}.Run(ctx)
	bar.finish()
	if err != nil && !refuted(err) {
		return err
	}
	return c.tell(a, verified{
		What: "log", Origin: policy.Origin(), Size: report.Checkpoint.Size, Root: report.Checkpoint.Root.String(),
		Warnings: report.Warnings, TrustedKey: trusted,
	}, err)
}

// refuted tells a log that does not fit from one that could not be read.
func refuted(err error) bool {
	var fault *verify.Fault
	var inconsistent *verify.InconsistentError
	return errors.As(err, &fault) || errors.As(err, &inconsistent) || errors.Is(err, verify.ErrCheckpoint)
}

// proofHeader begins every .tlog-proof (C2SP tlog-proof).
const proofHeader = "c2sp.org/tlog-proof@v1\n"

func (c *verifyCmd) document(a *App, in io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(in, 16<<20))
	if err != nil {
		return err
	}
	policy, trusted, err := c.policy(func() ([]byte, error) { return nil, errors.New("a receipt or proof does not bring one") })
	if err != nil {
		return err
	}
	if bytes.HasPrefix(text, []byte(proofHeader)) {
		return c.proof(a, policy, text)
	}
	out := verified{What: "receipt", Origin: policy.Origin(), TrustedKey: trusted}
	receipt, err := readReceipt(text)
	if err == nil {
		err = verify.VerifyReceipt(receipt, policy)
		out.Verdict = receipt.Statement.Verdict
		if e := receipt.Statement.Entry; e != nil {
			out.Entry = e.Seq
		}
	}
	return c.tell(a, out, err)
}

// readReceipt takes a receipt as it is, or in the answer to the check that asked for it.
func readReceipt(text []byte) (verify.Receipt, error) {
	var answer struct{ Receipt json.RawMessage }
	if err := json.Unmarshal(text, &answer); err == nil && len(answer.Receipt) > 0 {
		text = answer.Receipt
	}
	return verify.ParseReceipt(text)
}

func (c *verifyCmd) proof(a *App, policy *verify.Policy, text []byte) error {
	if c.Leaf == "" {
		return usage("a .tlog-proof shows that an entry is in the log: give the entry with --leaf FILE")
	}
	leafText, err := os.ReadFile(c.Leaf)
	if err != nil {
		return err
	}
	out := verified{What: "proof", Origin: policy.Origin(), TrustedKey: true}
	leaf, err := readLeaf(leafText)
	if err != nil {
		return c.tell(a, out, err)
	}
	out.Entry = leaf.Seq
	proof, err := verify.ParseProof(text)
	if err == nil {
		var checkpoint verify.Checkpoint
		checkpoint, err = policy.VerifyProof(proof, leaf)
		out.Size, out.Root = checkpoint.Size, checkpoint.Root.String()
	}
	return c.tell(a, out, err)
}

// tell writes what was found. What does not fit is exit code 1.
func (c *verifyCmd) tell(a *App, v verified, found error) error {
	var fault *verify.Fault
	if errors.As(found, &fault) {
		v.FirstEntry, v.LastEntry = fault.First, fault.Last
	}
	v.OK = found == nil
	if found != nil {
		v.Problem = found.Error()
	}
	if c.JSON {
		if err := json.NewEncoder(a.Out).Encode(v); err != nil {
			return err
		}
	} else if err := v.print(a); err != nil {
		return err
	}
	if found != nil {
		return &exitError{code: exitFailed}
	}
	return nil
}

func (v verified) print(a *App) error {
	t := newTable(a.Out)
	if v.OK {
		t.row("verified", v.What)
	} else {
		t.row("DOES NOT FIT", v.What)
		t.pair("problem", v.Problem)
	}
	t.pair("origin", v.Origin)
	if v.OK && v.Size > 0 {
		t.pair("entries", count(v.Size))
		t.pair("root", v.Root)
	}
	if v.Entry > 0 {
		t.pair("entry", v.Entry)
	}
	t.pair("verdict", v.Verdict)
	if v.Warnings > 0 {
		t.pair("warnings", fmt.Sprintf("%s: entries whose clock ran back", count(v.Warnings)))
	}
	if !v.TrustedKey {
		t.pair("note", "the key came with the log: this shows that it agrees with itself, not whose it is; give --key to be sure")
	}
	return t.flush()
}
