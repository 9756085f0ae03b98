package reply
import ("testing";"fmt";"os")
func TestLint(t *testing.T){
 if os.Getenv("LINT")=="" {return}
 s:=Default()
 seen:=map[*pattern]bool{}
 for _,ps:=range s.phrases{for _,p:=range ps{ if seen[p]||p.bare||(p.label!=OptOut&&p.label!=Ambiguous){continue}; seen[p]=true
   req:=0; for _,st:=range p.steps{ if st.op==opWord&&!st.optional&&!st.orEnd{req++}}
   if req<2 {fmt.Println(p.label,p.lang,p.id,"|",p.src)}
  }}
}
