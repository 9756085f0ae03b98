package reply

import (
	"fmt"
	"os"
	"testing"
)

func TestLint(t *testing.T) {
	if os.Getenv("LINT") == "" {
		return
	}
	b := newBuilder()
	_ = b
	s := Default()
	for name, ix := range map[string]map[uint16][]*pattern{"o": s.overrides, "g": s.guards, "p": s.phrases, "t": s.tempers} {
		seen := map[*pattern]bool{}
		for _, ps := range ix {
			for _, p := range ps {
				if seen[p] || p.bare {
					continue
				}
				seen[p] = true
				req := 0
				anch := 0
				for _, st := range p.steps {
					if st.op == opWord && !st.optional && !st.orEnd {
						req++
					}
					if st.op == opEnd || st.op == opStart || st.op == opOpen || st.op == opClose || st.orEnd {
						anch++
					}
				}
				if req < 2 && anch < 1 {
					fmt.Println(name, p.label, p.lang, p.id, p.src)
				}
			}
		}
	}
}
