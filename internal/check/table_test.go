package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// sample returns the i-th made-up number. Calling code 999 is not assigned, so that none of them can be anybody's.
func sample(i int) phone.Number { return phone.Number(999_000_000_000 + uint64(i)) }

// crowded returns count made-up numbers whose slots all lie in the same shard of the table.
func crowded(t *Table, count int) []phone.Number {
	var numbers []phone.Number
	for i := 0; len(numbers) < count; i++ {
		if n := sample(i); t.slots.key(n)>>(64-shardBits) == 255 {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func drawState(t *rapid.T) State {
	return State{
		Status:     consent.Status(rapid.IntRange(0, int(consent.StatusExpired)).Draw(t, "status")),
		Level:      consent.Level(rapid.IntRange(0, int(consent.ExpressWritten)).Draw(t, "level")),
		Confirmed:  rapid.Bool().Draw(t, "confirmed"),
		Flags:      Flags(rapid.Byte().Draw(t, "flags")),
		GrantedAt:  Seconds(rapid.Uint32().Draw(t, "granted at")),
		ValidUntil: Seconds(rapid.Uint32().Draw(t, "valid until")),
		Seq:        rapid.Uint64Range(0, MaxSeq).Draw(t, "seq"),

		RestrictedAt: Seconds(rapid.Uint32().Draw(t, "restricted at")),
		RestrictedBy: consent.Status(rapid.IntRange(0, int(consent.StatusExpired)).Draw(t, "restricted by")),
	}
}

func TestStatePacksWithoutLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawState(t)
		if got := unpack(want.pack()); got != want {
			t.Fatalf("unpack(pack(%+v)) = %+v", want, got)
		}
	})
}

type tableKey struct {
	number phone.Number
	scope  ScopeID
}

// checkOrder fails unless every shard is sorted, every slot reachable from its home, and the last slot empty.
func checkOrder(t *rapid.T, s *slots) {
	for i := range s.shards {
		a := s.shards[i].array.Load()
		if len(a.words)%s.stride != 0 || a.words[len(a.words)-s.stride] != 0 || a.words[len(a.words)-s.stride+1] != 0 {
			t.Fatalf("shard %d: the last slot is not empty", i)
		}
		free, count := 0, 0
		for p := 0; p < len(a.words)/s.stride; p++ {
			slot := a.words[p*s.stride:]
			key := uint64(slot[0])<<32 | uint64(slot[1])
			if key == 0 {
				free = p + 1
				continue
			}
			count++
			if home := a.home(key); home > p || home < 0 || home < free {
				t.Fatalf("shard %d: slot %d has home %d beyond the empty slot %d", i, p, home, free-1)
			}
			if p > free && !a.before((p-1)*s.stride, key, slot[2]) {
				t.Fatalf("shard %d: slots %d and %d are out of order", i, p-1, p)
			}
		}
		if count != s.shards[i].count {
			t.Fatalf("shard %d: counts %d slots and has %d", i, s.shards[i].count, count)
		}
	}
}

func TestTableEqualsMap(t *testing.T) {
	numbers := crowded(NewTable(7, 0), 40)
	for i := range 20 {
		numbers = append(numbers, sample(i))
	}
	rapid.Check(t, func(t *rapid.T) {
		table := NewTable(7, rapid.SampledFrom([]int{0, 5000}).Draw(t, "hint"))
		model := map[tableKey]State{}
		number := rapid.SampledFrom(numbers)
		scope := rapid.Map(rapid.IntRange(0, 80), func(i int) ScopeID { return ScopeID(i) })
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k, s := tableKey{number.Draw(t, "number"), scope.Draw(t, "scope")}, drawState(t)
				if err := table.Put(k.number, k.scope, s); err != nil {
					t.Fatal(err)
				}
				model[k] = s
			},
			"put many scopes": func(t *rapid.T) {
				n, from := number.Draw(t, "number"), scope.Draw(t, "from")
				for i := range ScopeID(70) {
					k := tableKey{n, from + i}
					s := State{Seq: uint64(k.scope)}
					if err := table.Put(n, k.scope, s); err != nil {
						t.Fatal(err)
					}
					model[k] = s
				}
			},
			"delete": func(t *rapid.T) {
				k := tableKey{number.Draw(t, "number"), scope.Draw(t, "scope")}
				_, want := model[k]
				if got := table.Delete(k.number, k.scope); got != want {
					t.Fatalf("Delete(%v) = %v, want %v", k.scope, got, want)
				}
				delete(model, k)
			},
			"delete number": func(t *rapid.T) {
				n := number.Draw(t, "number")
				for _, id := range table.Scopes(n, nil) {
					if _, ok := model[tableKey{n, id}]; !ok || !table.Delete(n, id) {
						t.Fatalf("scope %d is not in the model, or cannot be deleted", id)
					}
					delete(model, tableKey{n, id})
				}
				for k := range model {
					if k.number == n {
						t.Fatalf("Scopes left out %d", k.scope)
					}
				}
			},
			"get": func(t *rapid.T) {
				k := tableKey{number.Draw(t, "number"), scope.Draw(t, "scope")}
				want, there := model[k]
				if got, ok := table.Get(k.number, k.scope); got != want || ok != there {
					t.Fatalf("Get = %+v, %v; want %+v, %v", got, ok, want, there)
				}
			},
			"": func(t *rapid.T) {
				slots := len(model)
				for _, s := range model {
					if s.GrantedAt != 0 && s.RestrictedAt != 0 {
						slots++
					}
				}
				if table.Len() != slots {
					t.Fatalf("Len() = %d, want %d", table.Len(), slots)
				}
			},
		})
		for k, want := range model {
			if got, ok := table.Get(k.number, k.scope); !ok || got != want {
				t.Fatalf("Get(scope %d) = %+v, %v; want %+v", k.scope, got, ok, want)
			}
		}
		checkOrder(t, &table.slots)
	})
}

func TestTableGrowsAndShrinks(t *testing.T) {
	const records = 100_000
	for _, hint := range []int{0, records} {
		t.Run(fmt.Sprint("hint ", hint), func(t *testing.T) {
			table := NewTable(rand.Uint64(), hint)
			for i := range records {
				if err := table.Put(sample(i/2), ScopeID(8+i%2), State{Seq: uint64(i)}); err != nil {
					t.Fatal(err)
				}
				if size := table.Bytes(); i > 60_000 && i%1_000 == 0 && hint == 0 && size > 40*i {
					t.Fatalf("%d records take %d bytes, more than 40 each", i, size)
				}
			}
			if size := table.Bytes(); size > 40*records {
				t.Fatalf("%d bytes for %d records, more than 40 each", size, records)
			}
			for i := range records {
				if s, ok := table.Get(sample(i/2), ScopeID(8+i%2)); !ok || s.Seq != uint64(i) {
					t.Fatalf("record %d: got %+v, %v", i, s, ok)
				}
				if _, ok := table.Get(sample(i/2), ScopeID(10)); ok {
					t.Fatalf("record %d: found in a scope that it is not in", i)
				}
			}
			full := table.Bytes()
			for i := range records {
				if !table.Delete(sample(i/2), ScopeID(8+i%2)) {
					t.Fatalf("record %d: not there to delete", i)
				}
			}
			if table.Len() != 0 || table.Bytes() > full/3 {
				t.Fatalf("emptied, %d records take %d bytes of %d", table.Len(), table.Bytes(), full)
			}
		})
	}
}

func TestTableHoldsNumberWithVeryManyScopes(t *testing.T) {
	table := NewTable(3, 0)
	const scopes = 800
	numbers := crowded(table, 3)
	order := rand.New(rand.NewPCG(1, 2)).Perm(scopes)
	for _, id := range order {
		for _, n := range numbers {
			if err := table.Put(n, ScopeID(id), State{Seq: uint64(id) + 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range numbers {
		for id := range scopes {
			if s, ok := table.Get(n, ScopeID(id)); !ok || s.Seq != uint64(id)+1 {
				t.Fatalf("scope %d: got %+v, %v", id, s, ok)
			}
		}
		if got := table.Scopes(n, nil); len(got) != scopes || !slices.IsSorted(got) {
			t.Fatalf("Scopes: %d of %d, or out of order", len(got), scopes)
		}
	}
}

func TestTableRefusesWhatDoesNotFit(t *testing.T) {
	table := NewTable(1, 0)
	for name, put := range map[string]func() error{
		"number zero": func() error { return table.Put(0, 8, State{}) },
		"seq":         func() error { return table.Put(sample(1), 8, State{Seq: MaxSeq + 1}) },
		"status":      func() error { return table.Put(sample(1), 8, State{Status: consent.StatusExpired + 1}) },
		"level":       func() error { return table.Put(sample(1), 8, State{Level: consent.ExpressWritten + 1}) },
	} {
		if put() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := table.Put(sample(1), 8, State{Seq: MaxSeq, Status: consent.StatusExpired, Level: consent.ExpressWritten}); err != nil {
		t.Errorf("the highest values: %v", err)
	}
	if _, ok := table.Get(0, 8); ok || table.Delete(0, 8) || table.Len() != 1 {
		t.Error("number zero is there, or what was refused is")
	}
}

// agreeing returns a state all of whose fields follow from one draw, so that a mixture of two is recognised.
func agreeing(k tableKey, draw uint32) State {
	return State{
		Status: consent.Status(draw % 7), Level: consent.Level(draw % 5), Confirmed: draw%2 == 1, Flags: Flags(draw),
		GrantedAt: Seconds(draw), ValidUntil: Seconds(^draw),
		Seq: (uint64(draw)*0x9e3779b1 ^ uint64(k.number) ^ uint64(k.scope)) & MaxSeq,
	}
}

func TestReadersNeverSeeTornStates(t *testing.T) {
	table := NewTable(11, 0)
	numbers := crowded(table, 60)
	const stable, volatile = ScopeID(40), ScopeID(41)
	for _, n := range numbers {
		if err := table.Put(n, stable, agreeing(tableKey{n, stable}, 1)); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 9))
			for range 6_000 {
				n := numbers[random.IntN(len(numbers))]
				// Other scopes come and go on both sides, so that the stable and the volatile ones move all the time.
				id := ScopeID(random.IntN(82))
				switch {
				case id == stable || random.IntN(3) > 0:
					if err := table.Put(n, id, agreeing(tableKey{n, id}, random.Uint32())); err != nil {
						t.Error(err)
					}
				default:
					table.Delete(n, id)
				}
			}
		})
	}
	for r := range 2 {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(r), 8))
			for !stop.Load() {
				n := numbers[random.IntN(len(numbers))]
				for _, id := range []ScopeID{stable, volatile, 90} {
					s, ok := table.Get(n, id)
					if ok && s != agreeing(tableKey{n, id}, uint32(s.GrantedAt)) {
						t.Errorf("torn state in scope %d: %+v", id, s)
						return
					}
					if (id == stable && !ok) || (id == 90 && ok) {
						t.Errorf("scope %d: found is %v", id, ok)
						return
					}
				}
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	readers.Wait()
}
