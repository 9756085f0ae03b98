package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/store/storetest"
)

func open(t *testing.T) store.DB {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestSQLiteKeepsTheContract(t *testing.T) { storetest.Run(t, open) }
