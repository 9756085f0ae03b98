// Package cli is the command line: each verb reads its flags, asks the REST interface, and writes the answer for people
// or, with --json, for programs.
//
// Every verb is a client of the interface under /v1, wherever the ledger is: at a server's address, behind the Unix
// socket of the server that owns the data directory, or in a directory that nobody owns, which is then opened in this
// process and asked through memory. So a verb means the same everywhere, and no rule stands here. Exit codes are part
// of the contract: see the constants.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// The exit codes. Those of check are told apart, so that a script can branch on the verdict; for all other verbs 0 is
// success, 1 a failure in whole or in part, and 2 a call that makes no sense.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2

	exitAllow    = 0
	exitDeny     = 1
	exitNoAnswer = 2 // of check, where 1 is taken
	exitDefer    = 3
)

// App is the command line with all that it touches of the outside.
type App struct {
	In       io.Reader
	Out, Err io.Writer
	Now      func() time.Time
	Terminal bool // Err is a terminal, so progress may be drawn on it
}

// New returns the command line over a process's own streams.
func New(in io.Reader, out, err *os.File) *App {
	return &App{
		In: in, Out: out, Err: err, Terminal: term.IsTerminal(int(err.Fd())),
		Now: time.Now, //nolint:forbidigo // the default of a replaceable clock
	}
}

// grammar lists the verbs.
type grammar struct {
	Serve    serveCmd    `cmd:"" help:"Run the server."`
	Keys     keysCmd     `cmd:"" help:"Create, list and revoke API keys."`
	People   peopleCmd   `cmd:"" help:"Let people in to the console, change what they may do, and shut them out."`
	Record   recordCmd   `cmd:"" help:"Record one act of consent."`
	Withdraw withdrawCmd `cmd:"" help:"Record that a person withdrew their consent."`
	Check    checkCmd    `cmd:"" help:"Ask whether a number may be contacted now."`
	Attempt  attemptCmd  `cmd:"" help:"Report contacts that were made, and settle those that were reserved."`
	History  historyCmd  `cmd:"" help:"Show all that is recorded about a number, in order."`
	Import   importCmd   `cmd:"" help:"Record the consents of CSV files, in the dialect of whatever wrote them."`
	Scrub    scrubCmd    `cmd:"" help:"Check every number of a CSV or NDJSON file."`
	Export   exportCmd   `cmd:"" help:"Write out every current record, or a copy of the public log."`
	Classify classifyCmd `cmd:"" help:"Say what inbound texts mean for consent."`
	Lists    listsCmd    `cmd:"" help:"Keep suppression lists."`
	Brands   brandsCmd   `cmd:"" help:"Keep brands, and how their public pages look."`

	Programmes programmesCmd `cmd:"" help:"Keep the keywords by which people opt in themselves."`

	Destinations destinationsCmd `cmd:"" help:"Keep CRMs, marketing tools, providers and webhooks in step."`

	Reconcile reconcileCmd `cmd:"" help:"Hold what another system says of each number against the ledger."`

	Report reportCmd `cmd:"" help:"Report what was done, such as how fast withdrawals reached other systems."`

	Rules    rulesCmd    `cmd:"" help:"Read, check and test the rules of law and contracts."`
	Migrate  migrateCmd  `cmd:"" help:"Bring a database's schema up to date, or tell whether it is."`
	Transfer transferCmd `cmd:"" help:"Move a whole deployment to another database, and verify it entry by entry."`
	Verify   verifyCmd   `cmd:"" help:"Check a copy of the log, a served log, a receipt or a proof."`
	Doctor   doctorCmd   `cmd:"" help:"Look for what is wrong with a data directory and its server."`
	Bench    benchCmd    `cmd:"" help:"Measure this machine."`
	Version  versionCmd  `cmd:"" help:"Say which program this is."`
}

const description = `The consent ledger for phone numbers: who said yes to what, in which words, when; every later change; and the proof.

A verb works on --server URL if one is given, else on the data directory --data: through the server that runs on it, or by itself if none does.`

// exited is how kong leaves after it has printed help.
type exited struct{ code int }

// Run runs one command line and returns its exit code.
func (a *App) Run(ctx context.Context, args []string) (code int) {
	defer func() {
		if e, ok := recover().(exited); ok {
			code = e.code
		}
	}()
	var g grammar
	parser, err := kong.New(&g,
		kong.Name("consentline"), kong.Description(description), kong.Writers(a.Out, a.Err),
		kong.Exit(func(code int) { panic(exited{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 110}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a),
	)
	if err != nil {
		panic(err) // the grammar is part of the program
	}
	command, err := parser.Parse(args)
	if err != nil {
		return a.misused(err)
	}
	return a.exitCode(command.Run())
}

func (a *App) misused(err error) int {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Command() != "" {
		_ = parse.Context.PrintUsage(true) // what cannot be written to standard error can be told nowhere
	}
	a.complain(err)
	return exitUsage
}

// exitCode tells of an error, if there is one, and returns the code that stands for it.
func (a *App) exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	var code *exitError
	if !errors.As(err, &code) {
		a.complain(err)
		return exitFailed
	}
	if code.err != nil {
		a.complain(code.err)
	}
	return code.code
}

func (a *App) complain(err error) { _, _ = fmt.Fprintf(a.Err, "consentline: %v\n", err) }

// exitError is an error with an exit code of its own; without an error inside, all has been said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage returns an error about how a command was called.
func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}
