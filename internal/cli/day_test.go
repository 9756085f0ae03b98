package cli_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestANoOfTheSameDayEndsAYes dates what restricts to a whole day, on which consent was given as well.
func TestANoOfTheSameDayEndsAYes(t *testing.T) {
	for name, no := range map[string]func(file, day string) []string{
		"on the command line": func(_, day string) []string { return []string{"withdraw", "+12025550123", "--at", day} },
		"in a file": func(file, day string) []string {
			write(t, file, "phone,state,day\n+12025550123,stop,"+day+"\n")
			return []string{"import", file, "--map", "number=phone,status=state,effective_at=day", "--channel", "sms", "--brand", "default", "--purpose", "transactional"}
		},
		"given for a file": func(file, day string) []string {
			write(t, file, "phone,state\n+12025550123,stop\n")
			return []string{"import", file, "--map", "number=phone,status=state", "--dated", day, "--channel", "sms", "--brand", "default", "--purpose", "transactional"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			data := func(args ...string) []string { return append(args, "--data", filepath.Join(dir, "data")) }
			question := data("check", "+12025550123", "--purpose", "transactional", "--channel", "sms")
			run(t, 0, data("record", "+12025550123", "--purpose", "transactional", "--channel", "sms", "--at", time.Now().UTC().Add(-time.Second).Format(time.RFC3339Nano))...)
			run(t, 0, question...)
			run(t, 0, data(no(filepath.Join(dir, "stops.csv"), time.Now().UTC().Format(time.DateOnly))...)...)
			run(t, 1, question...)
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
