package verify

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func TestTilePathsAreThoseOfTheSpecification(t *testing.T) {
	for path, tile := range map[string]tlog.Tile{
		"tile/0/x001/x234/067":           {H: 8, L: 0, N: 1234067, W: 256},
		"tile/63/000.p/1":                {H: 8, L: 63, N: 0, W: 1},
		"tile/2/x001/000.p/255":          {H: 8, L: 2, N: 1000, W: 255},
		"tile/entries/x001/x234/067":     {H: 8, L: EntryLevel, N: 1234067, W: 256},
		"tile/entries/999.p/17":          {H: 8, L: EntryLevel, N: 999, W: 17},
		"tile/entries/x001/000.p/17":     {H: 8, L: EntryLevel, N: 1000, W: 17},
		"tile/10/x012/x345/x678/901":     {H: 8, L: 10, N: 12345678901, W: 256},
		"tile/entries/x012/x345/678.p/9": {H: 8, L: EntryLevel, N: 12345678, W: 9},
	} {
		if got := TilePath(tile); got != path {
			t.Errorf("%v is %s, want %s", tile, got, path)
		}
		if got, err := ParseTilePath(path); err != nil || got != tile {
			t.Errorf("%s reads as %v, %v", path, got, err)
		}
	}
}

func TestEveryTilePathReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tile := tlog.Tile{
			H: 8, L: rapid.IntRange(-1, 63).Draw(t, "level"), N: rapid.Int64Min(0).Draw(t, "n"), W: rapid.IntRange(1, 256).Draw(t, "w"),
		}
		if got, err := ParseTilePath(TilePath(tile)); err != nil || got != tile {
			t.Fatalf("%s reads as %v, %v; want %v", TilePath(tile), got, err, tile)
		}
	})
}

func TestOtherSpellingsOfTilePathsAreRefused(t *testing.T) {
	for _, path := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/001",
		"tile/0/001.p/0", "tile/0/001.p/256", "tile/0/001.p/01", "tile/0/001.p/+1", "tile/0/001.p", "tile/0/001.p/", "tile/0/001.p/1/",
		"tile/00/001", "tile/+1/001", "tile/-1/001", "tile/64/001", "tile/data/001", "tile/8/0/001", "tile/entries", "tile/entries/1",
		"/tile/0/001", "tile/0/001/", "tile//001", "tile/0//001", "Tile/0/001", "tile/Entries/001", "tile/0/001.P/1", "tile/0/ 01",
		"tile/0/x009/x223/x372/x036/x854/x775/808", "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
	} {
		if tile, err := ParseTilePath(path); err == nil {
			t.Errorf("%q reads as %v", path, tile)
		}
	}
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/0/x001/x234/067.p/8")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := ParseTilePath(path)
		if err != nil {
			return
		}
		if TilePath(tile) != path || tile.L > 63 || tile.L < EntryLevel || tile.N < 0 || tile.W < 1 || tile.W > 256 {
			t.Errorf("%q reads as %+v, which is %q", path, tile, TilePath(tile))
		}
	})
}
