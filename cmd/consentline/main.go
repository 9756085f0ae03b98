// Command consentline is the consent ledger for phone numbers: its server and its command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/consentline/consentline/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks to stop in good order; a second one finds the default again, and ends the process.
	defer context.AfterFunc(ctx, stop)()
	return cli.New(os.Stdin, os.Stdout, os.Stderr).Run(ctx, os.Args[1:])
}
