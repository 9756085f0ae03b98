//go:build linux

package ha

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lists are the settings that name all members; everything else in a file that names db1 means the member itself.
var lists = []string{"hosts:", "initial-cluster:", "server db"}

// configuration is a file of deploy/ha as it stands, for another machine than the one it was written for.
func (c *Cluster) configuration(file string, member int) (string, error) {
	b, err := os.ReadFile(filepath.Join(c.config, file))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		if !names(line) {
			line = strings.ReplaceAll(line, "10.0.0.11", fmt.Sprintf("10.0.0.1%d", member+1))
			line = strings.Replace(line, "name: db1", fmt.Sprintf("name: db%d", member+1), 1)
		}
		out.WriteString(line)
	}
	return c.moved(out.String(), member)
}

func names(line string) bool {
	for _, l := range lists {
		if strings.HasPrefix(strings.TrimSpace(line), l) {
			return true
		}
	}
	return false
}

// moved replaces the addresses and folders of a production machine by those of the test.
func (c *Cluster) moved(text string, member int) (string, error) {
	programs, err := programs()
	if err != nil {
		return "", err
	}
	home := c.home("db", member)
	return strings.NewReplacer(
		"10.0.0.0/24", "127.0.0.0/8", // whence connections on a loopback address come
		"10.0.0.", fmt.Sprintf("127.77.%d.", c.host),
		"127.0.0.1:5433", c.Proxy(),
		"/usr/lib/postgresql/15/bin", programs,
		"/var/lib/postgresql/15", home,
		"/var/run/postgresql", home,
		"/var/lib/etcd", c.home("etcd", member),
		"mode: automatic", "mode: off", // containers have no watchdog
	).Replace(text), nil
}
