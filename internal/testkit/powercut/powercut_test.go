package powercut_test

import (
	"testing"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/storetest"
	"github.com/consentline/consentline/internal/testkit/powercut"
)

func TestTheDriverKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.DB {
		disk := powercut.NewDisk(t.TempDir(), 1)
		db, err := powercut.Open(disk)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			disk.Discard()
		})
		return db
	})
}
