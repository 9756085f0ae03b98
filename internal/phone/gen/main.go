// Command gen compiles the phone library's metadata into the digit automaton that package phone embeds.
//
// Run it by `go generate ./internal/phone` after each update of the library; a test fails until that is done.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen FILE")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(path string) error {
	file, err := compile()
	if err != nil {
		return err
	}
	return os.WriteFile(path, file, 0o644)
}
