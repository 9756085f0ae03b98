package transparency_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/consentline/consentline/internal/transparency"
	"github.com/consentline/consentline/verify"
)

func TestRebuiltLogMustBeTheOneThatWasSigned(t *testing.T) {
	f := newFixture(t)
	f.append(10)
	f.catchUp()
	f.exec("DELETE FROM log_tiles")
	f.exec("DELETE FROM log_state")
	f.exec("UPDATE ledger SET kind = 77 WHERE seq = 3")
	f.log = f.open()
	var inconsistent *verify.InconsistentError
	if _, err := f.log.RunOnce(t.Context()); !errors.As(err, &inconsistent) {
		t.Errorf("got %v", err)
	}
}

func TestAlteredEdgeIsNotExtended(t *testing.T) {
	f := newFixture(t)
	f.append(300)
	f.catchUp()
	f.append(1)
	f.exec("UPDATE log_tiles SET hashes = (SELECT hashes FROM log_tiles WHERE level = 0 AND n = 0) WHERE level = 0 AND n = 1")
	f.log = f.open()
	var damaged *transparency.DamagedError
	if _, err := f.log.RunOnce(t.Context()); !errors.As(err, &damaged) || damaged.What != "tile/0/001.p/44" {
		t.Errorf("got %v", err)
	}
	if n := f.count("log_state WHERE size = 300"); n != 1 {
		t.Error("the log was extended")
	}
}

func TestNothingInconsistentIsSigned(t *testing.T) {
	tests := []struct {
		name   string
		damage func(f *fixture)
	}{
		{"last tile altered", func(f *fixture) {
			f.exec("UPDATE log_tiles SET hashes = (SELECT hashes FROM log_tiles WHERE level = 0 AND n = 1) WHERE level = 0 AND n = 2")
		}},
		{"last tile lost", func(f *fixture) { f.exec("DELETE FROM log_tiles WHERE level = 0 AND n = 2") }},
		{"edge altered", func(f *fixture) {
			f.exec("UPDATE log_tiles SET hashes = $1 WHERE level = 1", bytes.Repeat([]byte{1}, 64))
		}},
		{"state lost, entry altered, rebuilt", func(f *fixture) {
			f.exec("DELETE FROM log_tiles")
			f.exec("DELETE FROM log_state")
			f.exec("UPDATE ledger SET kind = 77 WHERE seq = 3")
		}},
		{"frontier and size of another time", func(f *fixture) {
			f.exec("UPDATE log_state SET size = size - 1, frontier = $1", bytes.Repeat([]byte{1}, 64))
		}},
		{"checkpoint of somebody else", func(f *fixture) {
			f.exec("UPDATE checkpoints SET note = replace(note, 'consentline', 'other')")
		}},
		{"ledger cut short and grown anew", func(f *fixture) {
			f.exec("DELETE FROM log_tiles")
			f.exec("DELETE FROM log_state")
			f.exec("DELETE FROM ledger WHERE seq > 500")
		}},
		{"gap", func(f *fixture) { f.exec("DELETE FROM ledger WHERE seq = 601") }},
		{"no leaf", func(f *fixture) { f.exec("UPDATE ledger SET leaf = $1 WHERE seq = 601", []byte{1}) }},
		{"no kind", func(f *fixture) { f.exec("UPDATE ledger SET kind = 300 WHERE seq = 601") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.append(600)
			f.catchUp()
			f.append(5)
			tt.damage(f)
			f.log = f.open()
			var err error
			for done := 1; err == nil && done > 0; {
				done, err = f.log.RunOnce(t.Context())
			}
			if err == nil {
				t.Errorf("the log went on, to size %d", f.checkpoint().Size)
			}
			if n := f.count("checkpoints WHERE size > 600"); n != 0 {
				t.Errorf("%d checkpoints were signed", n)
			}
		})
	}
}

func TestLostCheckpointStopsTheLog(t *testing.T) {
	f := newFixture(t)
	f.append(10)
	f.catchUp()
	f.append(10)
	f.catchUp()
	f.exec("DELETE FROM checkpoints WHERE size = 20")
	var damaged *transparency.DamagedError
	if _, err := f.log.RunOnce(t.Context()); !errors.As(err, &damaged) {
		t.Errorf("run: %v", err)
	}
	if _, _, _, err := f.log.Resource(t.Context(), "checkpoint"); !errors.As(err, &damaged) {
		t.Errorf("resource: %v", err)
	}
	f.exec("DELETE FROM checkpoints")
	if _, err := f.log.RunOnce(t.Context()); !errors.As(err, &damaged) {
		t.Errorf("run without any checkpoint: %v", err)
	}
}

func TestDroppedTilesAreRebuilt(t *testing.T) {
	f := newFixture(t)
	f.append(2600)
	f.catchUp()
	want := f.checkpoint()
	f.exec("DELETE FROM log_tiles")
	f.exec("DELETE FROM log_state")
	f.log = f.open()
	f.catchUp()
	if got := f.checkpoint(); got.Tree() != want.Tree() {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := f.audit(); err != nil {
		t.Error(err)
	}
}
