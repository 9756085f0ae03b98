// Command page writes docs/RELIABILITY.md from what the tests of the promises have noted, or tells which these are.
package main

import (
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
		fmt.Println(strings.Join(folders, " "))
	case len(args) == 1 && args[0] == "pattern":
		fmt.Println(pattern)
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
	default:
		return fmt.Errorf("want folders, pattern, or write DIR FILE")
	}
	return nil
}
