package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/vault"
)

func keyFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // past the umask
		t.Fatal(err)
	}
	return path
}

func TestANewKeyIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	key, created, err := vault.ReadOrCreateKeyFile(path)
	if err != nil || !created || len(key) != vault.KeySize || bytes.Equal(key, make([]byte, vault.KeySize)) {
		t.Fatalf("got a key of %d bytes, created %t, %v", len(key), created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v; want 0600", info.Mode(), err)
	}
	again, created, err := vault.ReadOrCreateKeyFile(path)
	if err != nil || created || !bytes.Equal(again, key) {
		t.Errorf("read again: got the same key %t, created %t, %v", bytes.Equal(again, key), created, err)
	}
	if _, err := vault.CreateKeyFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over it: got %v, want ErrExist", err)
	}
	if after, err := vault.ReadKeyFile(path); err != nil || !bytes.Equal(after, key) {
		t.Errorf("after that: the key changed or %v", err)
	}
	elsewhere, err := vault.CreateKeyFile(filepath.Join(t.TempDir(), "master.key"))
	if err != nil || bytes.Equal(elsewhere, key) {
		t.Errorf("another file: got the same key %t, %v", bytes.Equal(elsewhere, key), err)
	}
}

const header = "consentline master key 1\n"

func TestAKeyThatOthersMayReadIsRefused(t *testing.T) {
	text := header + base64.StdEncoding.EncodeToString(master) + "\n"
	for mode := os.FileMode(0o400); mode <= 0o777; mode++ {
		if mode&0o400 == 0 {
			continue
		}
		_, err := vault.ReadKeyFile(keyFile(t, text, mode))
		if closed := mode&0o077 == 0; (err == nil) != closed {
			t.Errorf("mode %04o: got %v", mode, err)
		}
	}
}

// TestAnUnreadableKeyIsNeverReplaced holds that only a file that is missing is made: any other fault may be mended.
func TestAnUnreadableKeyIsNeverReplaced(t *testing.T) {
	for what, text := range map[string]string{
		"empty":         "",
		"another file":  "-----BEGIN KEY-----\n",
		"no key":        header,
		"short":         header + base64.StdEncoding.EncodeToString(master[:31]),
		"long":          header + base64.StdEncoding.EncodeToString(append(bytes.Clone(master), 1)),
		"not base64":    header + "!!!",
		"later version": "consentline master key 2\n" + base64.StdEncoding.EncodeToString(master),
	} {
		path := keyFile(t, text, 0o600)
		if _, created, err := vault.ReadOrCreateKeyFile(path); err == nil || created || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got created %t, %v; want an error that names the file", what, created, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != text {
			t.Errorf("%s: the file was changed to %q, %v", what, after, err)
		}
	}
	if _, err := vault.CreateKeyFile(filepath.Join(t.TempDir(), "missing", "master.key")); err == nil {
		t.Error("a key file was made in a directory that is not there")
	}
}

func TestAMasterKeyHasItsSize(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33, 64} {
		if _, err := vault.Open(make([]byte, size)); err == nil {
			t.Errorf("a master key of %d bytes was taken", size)
		}
	}
}

// TestErrorsShowNoSecret looks for the key, the number and their usual forms in whatever an error says.
func TestErrorsShowNoSecret(t *testing.T) {
	v := openVault(t, master)
	s := vault.NewSubject(alice)
	_, opened := v.OpenSubject(s.ID, nil)
	_, keyed := s.Key.Open([]byte("damaged"), 1)
	_, short := vault.Open(master[:31])
	open := keyFile(t, header+base64.StdEncoding.EncodeToString(master), 0o644)
	_, mode := vault.ReadKeyFile(open)
	_, long := vault.ReadKeyFile(keyFile(t, header+base64.StdEncoding.EncodeToString(master)+"AAAA", 0o600))
	for _, err := range []error{opened, keyed, short, mode, long} {
		if err == nil {
			t.Fatal("want an error from each")
		}
		secrets(t, err.Error())
	}
}

func secrets(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{
		string(master[:16]), hex.EncodeToString(master)[:16], base64.StdEncoding.EncodeToString(master)[:16], alice.Digits(), fmt.Sprint([]byte(master))[1:24],
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows a secret", text)
		}
	}
}
