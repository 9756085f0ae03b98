package reply

import (
	"fmt"
	"os"
	"testing"
)

func TestDbg(t *testing.T) {
	s := Default()
	for _, a := range []string{os.Getenv("MSG")} {
		if a == "" {
			return
		}
		txt, _ := s.own(fold(a))
		m := s.tokenise(txt, a)
		for i, tk := range m.tokens {
			fmt.Printf("[%s brk%d n%d st%v en%v] ", tk.word, tk.brk, len(tk.sets), m.starts[i], m.ends[i])
		}
		fmt.Println()
		s.each(s.overrides, m, false, func(p *pattern, a, b int) { fmt.Println("override", p.lang, p.id, a, b) })
		s.each(s.guards, m, true, func(p *pattern, a, b int) { fmt.Println("guard", p.lang, p.id, a, b, p.steps) })
		s.each(s.phrases, m, false, func(p *pattern, a, b int) { fmt.Println("phrase(unmasked)", p.label, p.lang, p.id, a, b) })
		s.each(s.tempers, m, false, func(p *pattern, a, b int) { fmt.Println("temper", p.lang, p.id, a, b) })
		fmt.Println(Classify(Input{Text: a, Pending: true}))
	}
}
