package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/consentline/consentline/internal/reply"
)

// classifyCmd says what inbound texts mean. It needs no ledger: the classifier is a pure function.
type classifyCmd struct {
	Text    []string `arg:"" optional:"" help:"Texts; without any, lines of JSON {\"text\",\"region\",\"pending\"} are read from standard input."`
	Region  string   `help:"ISO 3166-1 country of the numbers that the texts came from." placeholder:"CC"`
	Pending bool     `help:"A request for confirmation waits for its answer."`
	Words   string   `help:"File with words and phrases of your own." type:"existingfile" placeholder:"FILE"`
	JSON    bool     `help:"Accepted as everywhere; the answers are JSON, one a line, in any case."`
}

// maxText bounds one line: the longest texts are 64 KiB, and JSON can make six bytes of one.
const maxText = 1 << 20

// classifyInput is one line of standard input. What a line does not say, the flags do.
type classifyInput struct {
	Text    *string `json:"text"`
	Region  *string `json:"region"`
	Pending *bool   `json:"pending"`
}

// Run classifies the arguments, or the lines of standard input.
func (c *classifyCmd) Run(a *App) error {
	words, err := c.words()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	out := bufio.NewWriter(a.Out)
	failed := 0
	if len(c.Text) > 0 {
		for _, text := range c.Text {
			if err := answerText(out, reply.Input{Text: text, Region: strings.ToUpper(c.Region), Pending: c.Pending, Keywords: words}); err != nil {
				return err
			}
		}
	} else if failed, err = c.lines(a.In, out, words); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return &exitError{exitFailed, fmt.Errorf("%d lines could not be read: their answers say why", failed)}
	}
	return nil
}

func (c *classifyCmd) words() (*reply.Set, error) {
	if c.Words == "" {
		return reply.Default(), nil
	}
	file, err := os.Open(c.Words)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	set, err := reply.ParseSet(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Words, err)
	}
	return set, nil
}

// lines answers each line with a line. One that cannot be read is answered with its error, and counted.
func (c *classifyCmd) lines(in io.Reader, out *bufio.Writer, words *reply.Set) (failed int, err error) {
	r := bufio.NewReaderSize(in, maxText)
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return failed, fmt.Errorf("line %d is longer than %s bytes", n, count(maxText))
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return failed, fmt.Errorf("read standard input: %w", err)
		}
		end := err != nil
		if line = bytes.TrimSpace(line); len(line) > 0 {
			bad, err := c.line(line, n, out, words)
			if err != nil {
				return failed, err
			}
			if bad {
				failed++
			}
		}
		if end {
			return failed, nil
		}
		if r.Buffered() == 0 { // whoever writes line by line reads the answer before the next
			if err := out.Flush(); err != nil {
				return failed, err
			}
		}
	}
}

func (c *classifyCmd) line(line []byte, n int, out io.Writer, words *reply.Set) (bad bool, err error) {
	var v classifyInput
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err = d.Decode(&v)
	switch {
	case err == nil && v.Text == nil:
		err = errors.New(`"text" is missing`)
	case err == nil && d.More():
		err = errors.New("there is more than one value on the line")
	}
	if err != nil {
		return true, writeLine(out, map[string]any{"line": n, "error": `want {"text":…,"region":…,"pending":…}: ` + err.Error()})
	}
	input := reply.Input{Text: *v.Text, Region: strings.ToUpper(c.Region), Pending: c.Pending, Keywords: words}
	if v.Region != nil {
		input.Region = strings.ToUpper(*v.Region)
	}
	if v.Pending != nil {
		input.Pending = *v.Pending
	}
	return false, answerText(out, input)
}

// classified is an answer in which every field always stands.
type classified struct {
	Label    reply.Label `json:"label"`
	Scope    reply.Scope `json:"scope"`
	Language string      `json:"language"`
	Rule     string      `json:"rule"`
	Version  string      `json:"version"`
}

func answerText(out io.Writer, in reply.Input) error {
	r := reply.Classify(in)
	return writeLine(out, classified{r.Label, r.Scope, r.Language, r.Rule, r.Version})
}

func writeLine(out io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = out.Write(append(raw, '\n'))
	return err
}
