package check

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/consentline/consentline/internal/consent"
)

var benchRecords = flag.Int("records", 10_000_000, "how many records the benchmarks of the check hold")

// benchIndex is filled once, with two thirds of its numbers in one scope and a third in three more.
var benchIndex = sync.OnceValues(func() (*Index, float64) {
	before := heap()
	x := New(Config{Seed: 42, Records: *benchRecords})
	setUpWords(x)
	concrete := []consent.Scope{
		{Brand: "default", Purpose: "offers", Channel: consent.SMS},
		{Brand: "default", Purpose: "offers", Channel: consent.VoiceLive},
		{Brand: "default", Purpose: "orders", Channel: consent.SMS},
		{Brand: "other", Purpose: "offers", Channel: consent.SMS},
	}
	var ids []ScopeID
	for _, s := range concrete {
		id, err := x.scopes.Intern(s)
		if err != nil {
			panic(err)
		}
		ids = append(ids, id)
	}
	granted := State{Status: consent.StatusGranted, Level: consent.Express, GrantedAt: 1_700_000_000, ValidUntil: 4_000_000_000}
	for i, n := 0, 0; i < *benchRecords; n++ {
		scopes := ids[:1]
		if n%3 == 2 {
			scopes = ids
		}
		for _, id := range scopes {
			granted.Seq = uint64(i)
			if err := x.table.Put(sample(n), id, granted); err != nil {
				panic(err)
			}
			i++
		}
	}
	return x, float64(heap()-before) / float64(*benchRecords)
})

func setUpWords(x *Index) {
	err := x.Apply(Batch{
		Seq:    1,
		Brands: []BrandChange{{Brand: "default"}, {Brand: "other"}},
		Purposes: []PurposeChange{
			{Purpose: "offers", Class: consent.Marketing},
			{Purpose: "orders", Class: consent.Transactional},
		},
	})
	if err != nil {
		panic(err)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func benchmarkCheck(b *testing.B, from int, want Outcome) {
	x, size := benchIndex()
	q := Question{Brand: []byte("default"), Purpose: []byte("offers"), Channel: consent.SMS}
	random := rand.New(rand.NewPCG(1, 2))
	numbers := *benchRecords / 2
	b.ReportAllocs()
	for b.Loop() {
		q.Number = sample(from + random.IntN(numbers))
		if v := x.Check(q); v.Outcome != want {
			b.Fatalf("%v: %v", v.Outcome, v.Code())
		}
	}
	b.ReportMetric(size, "B/record")
}

func BenchmarkCheckHit(b *testing.B)  { benchmarkCheck(b, 0, Allow) }
func BenchmarkCheckMiss(b *testing.B) { benchmarkCheck(b, *benchRecords, Deny) }

func BenchmarkTableGet(b *testing.B) {
	x, _ := benchIndex()
	random := rand.New(rand.NewPCG(1, 2))
	found := x.scopes.Lookup([]byte("default"), []byte("offers"), consent.SMS)
	id := found.ID()
	for b.Loop() {
		if _, ok := x.table.Get(sample(random.IntN(*benchRecords/2)), id); !ok {
			b.Fatal("not there")
		}
	}
}

func BenchmarkTablePut(b *testing.B) {
	for name, hint := range map[string]int{"growing": 0, "sized": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			table := NewTable(42, hint)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if i == 1_000_000 {
					b.StopTimer()
					table, i = NewTable(42, hint), 0
					b.StartTimer()
				}
				if err := table.Put(sample(i), 8, State{Seq: 1}); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkListsMember(b *testing.B) {
	const members = 1_000_000
	before := heap()
	l := NewLists(42)
	if err := l.Replace(List{ID: "registry"}, l.Stage(samples(0, members))); err != nil {
		b.Fatal(err)
	}
	size := float64(heap()-before) / members
	random := rand.New(rand.NewPCG(1, 2))
	var found suppressions
	b.ReportAllocs()
	for b.Loop() {
		// Every second number is on the list.
		l.find(sample(random.IntN(2*members)), nil, &found)
	}
	b.ReportMetric(size, "B/member")
}

func BenchmarkBootClock(b *testing.B) {
	for b.Loop() {
		BootClock()
	}
}

func BenchmarkEncode(b *testing.B) {
	x := New(Config{})
	setUpWords(x)
	v := x.Check(Question{Number: sample(1), Brand: []byte("default"), Purpose: []byte("offers"), Channel: consent.SMS})
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		AppendJSON(buf, &v, nil)
	}
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(`{"number":"+12025550123","purpose":"offers","channel":"sms"}`)
	var r Request
	b.ReportAllocs()
	for b.Loop() {
		if err := DecodeQuestion(data, &r); err != nil {
			b.Fatal(err)
		}
	}
}
