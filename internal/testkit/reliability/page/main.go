// Command page writes docs/RELIABILITY.md from what the tests of the promises have noted, or tells which these are.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/testkit/reliability"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	folders, pattern := reliability.Selection()
	switch {
	case len(args) == 1 && args[0] == "folders":
		_, err := fmt.Fprintln(os.Stdout, strings.Join(folders, " "))
		return err
	case len(args) == 1 && args[0] == "pattern":
		_, err := fmt.Fprintln(os.Stdout, pattern)
		return err
	case len(args) == 3 && args[0] == "write":
		figures, err := reliability.Read(args[1])
		if err != nil {
			return err
		}
		page, err := reliability.Page(figures, time.Now().UTC())
		if err != nil {
			return err
		}
		return os.WriteFile(args[2], []byte(page), 0o644)
	}
	return errors.New("want folders, pattern, or write DIR FILE")
}
