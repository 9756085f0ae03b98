package verify

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// The test vectors of RFC 6962's reference implementation: eight leaves and the root of each tree of their first ones.
var (
	vectorLeaves = []string{
		"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
	}
	vectorRoots = []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
)

func vectorHash(t testing.TB, s string) tlog.Hash { return tlog.Hash(unhex(t, s)) }

func TestRootsAreThoseOfRFC6962(t *testing.T) {
	var f Frontier
	for i, want := range vectorRoots {
		if got := f.Root(); got != vectorHash(t, want) {
			t.Errorf("%d leaves: root %x, want %s", i, got, want)
		}
		if i < len(vectorLeaves) {
			f.Append(recordHash(unhex(t, vectorLeaves[i])), nil)
		}
	}
}

func TestConsistencyProofsOfRFC6962(t *testing.T) {
	const (
		n0  = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
		n23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
		n47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
		n4  = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
		n45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
		n67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
		n03 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
	)
	tests := []struct {
		older, newer int
		proof        []string
	}{
		{0, 8, nil},
		{1, 1, nil},
		{1, 8, []string{n0, n23, n47}},
		{6, 8, []string{n45, n67, n03}},
		{2, 5, []string{n23, n4}},
	}
	for _, tt := range tests {
		older := tlog.Tree{N: int64(tt.older), Hash: vectorHash(t, vectorRoots[tt.older])}
		newer := tlog.Tree{N: int64(tt.newer), Hash: vectorHash(t, vectorRoots[tt.newer])}
		var proof tlog.TreeProof
		for _, h := range tt.proof {
			proof = append(proof, vectorHash(t, h))
		}
		if err := CheckConsistency(older, newer, proof); err != nil {
			t.Errorf("%d to %d: %v", tt.older, tt.newer, err)
		}
		if err := CheckConsistency(older, newer, append(proof, tlog.Hash{})); err == nil {
			t.Errorf("%d to %d: a proof with one hash too many passes", tt.older, tt.newer)
		}
		for i := range proof {
			proof[i][7] ^= 1
			if err := CheckConsistency(older, newer, proof); err == nil {
				t.Errorf("%d to %d: passes with hash %d altered", tt.older, tt.newer, i)
			}
			proof[i][7] ^= 1
		}
		older.Hash[0] ^= 1
		if err := CheckConsistency(older, newer, proof); err == nil {
			t.Errorf("%d to %d: passes with another older root", tt.older, tt.newer)
		}
	}
	shrunk := tlog.Tree{N: 3, Hash: vectorHash(t, vectorRoots[3])}
	if err := CheckConsistency(tlog.Tree{N: 8, Hash: vectorHash(t, vectorRoots[8])}, shrunk, nil); err == nil {
		t.Error("a log that shrank passes")
	}
}

func TestFrontierHashesAsPackageTlogDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f Frontier
		var stored []tlog.Hash
		r := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			out := make([]tlog.Hash, len(indexes))
			for i, x := range indexes {
				out[i] = stored[x]
			}
			return out, nil
		})
		n := rapid.IntRange(0, 600).Draw(t, "leaves")
		for i := range n {
			leaf := testLeaf(uint64(i + 1)).RecordHash()
			want, err := tlog.StoredHashesForRecordHash(int64(i), leaf, r)
			if err != nil {
				t.Fatal(err)
			}
			var got []tlog.Hash
			f.Append(leaf, func(height int, h tlog.Hash) {
				if height != len(got) {
					t.Fatalf("leaf %d: height %d told after %d hashes", i, height, len(got))
				}
				got = append(got, h)
			})
			if len(got) != len(want) || got[len(got)-1] != want[len(want)-1] {
				t.Fatalf("leaf %d completes %v, want %v", i, got, want)
			}
			stored = append(stored, want...)
		}
		want, err := tlog.TreeHash(int64(n), r)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Root(); got != want || f.Size() != uint64(n) {
			t.Fatalf("%d leaves: root %s, want %s", f.Size(), got, want)
		}
		back, err := RestoreFrontier(f.Size(), f.Peaks())
		if err != nil || *back != restorable(f) {
			t.Fatalf("%d leaves: restored %v, %v", n, back, err)
		}
		if _, err := RestoreFrontier(f.Size()+1, f.Peaks()); err == nil && n%2 == 0 {
			t.Fatalf("%d leaves: peaks restore to a size that needs more", n)
		}
	})
}

// restorable clears the peaks that are no longer part of the tree.
func restorable(f Frontier) Frontier {
	for h := range f.peaks {
		if f.size>>h&1 == 0 {
			f.peaks[h] = tlog.Hash{}
		}
	}
	return f
}
