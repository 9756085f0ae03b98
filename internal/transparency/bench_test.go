package transparency

import (
	"testing"

	"github.com/consentline/consentline/verify"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func BenchmarkAppend(b *testing.B) {
	edge := newBuilder(&verify.Frontier{})
	leaf := verify.Leaf{Kind: 2}
	b.ReportAllocs()
	for b.Loop() {
		leaf.Seq++
		edge.add(leaf.RecordHash())
		if len(edge.full) == 64 {
			edge.saved()
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}

// hashes are the oracle's stored hashes.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = h[x]
	}
	return out, nil
}

func TestTilesThatChangeAreThoseThatPackageTlogPublishes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edge := newBuilder(&verify.Frontier{})
		var all hashes
		for range rapid.IntRange(1, 4).Draw(t, "saves") {
			from := edge.size()
			for range rapid.SampledFrom([]int{0, 1, 3, 255, 256, 1000}).Draw(t, "leaves") {
				h := verify.Leaf{Seq: uint64(edge.size() + 1)}.RecordHash()
				hs, err := tlog.StoredHashesForRecordHash(edge.size(), h, all)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, hs...)
				edge.add(h)
			}
			got := map[tlog.Tile]string{}
			for _, c := range edge.changed() {
				got[tlog.Tile{H: 8, L: c.level, N: c.n, W: len(c.hashes) / 32}] = string(c.hashes)
			}
			want := tlog.NewTiles(8, from, edge.size())
			for _, tile := range want {
				data, err := tlog.ReadTileData(tile, all)
				if err != nil {
					t.Fatal(err)
				}
				if got[tile] != string(data) {
					t.Fatalf("size %d to %d: tile %s differs or is missing", from, edge.size(), verify.TilePath(tile))
				}
			}
			if len(got) != len(want) {
				t.Fatalf("size %d to %d: %d tiles, want %d", from, edge.size(), len(got), len(want))
			}
			edge.saved()
		}
	})
}
