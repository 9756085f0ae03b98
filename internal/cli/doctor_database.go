package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/server"
)

// database looks at a PostgreSQL database that no server of this data directory runs on. It writes nothing.
func (e *examination) database(ctx context.Context) {
	const name = "database"
	x, err := server.Examine(ctx, server.Config{DataDir: e.dir, Database: e.cmd.Database, MasterKeyFile: e.cmd.MasterKey})
	if err != nil {
		e.add(wrong(name, err, ""))
		return
	}
	e.add(good(name, "%s; it keeps what it acknowledges: fsync, full_page_writes and synchronous_commit are on", x.Database), schemaToBe(x.Migration))
	switch whole := x.Current() && x.Deployment != ""; {
	case !whole && x.Lost != nil:
		e.add(continuity(x))
		return
	case !x.Current():
		return
	case !whole:
		e.add(finding{Name: "ledger", State: stateWarning, Detail: "there is none yet", Remedy: "start a server on it, or transfer one into it"})
		return
	}
	e.add(good("ledger", "%s with %s entries, %d nodes", x.Deployment, count(x.Head), x.Nodes), ofKey(x.KeyError), continuity(x), coverage(x))
	if x.Moved != nil {
		e.add(wrong("transfer", x.Moved, ""))
	}
}

func schemaToBe(m server.Migration) finding {
	if !m.Current() {
		return finding{"schema", stateWarning, fmt.Sprintf("%d, and this program needs %d", m.From, m.To), "run consentline migrate, or start a server whose role may create tables"}
	}
	return good("schema", "%d", m.To)
}

func ofKey(err error) finding {
	const name = "key and data"
	if err != nil {
		return wrong(name, err, "name the deployment's key file with --master-key")
	}
	return good(name, "they belong together")
}

// continuity tells whether the database still has all that this node has seen of it.
func continuity(x server.Examination) finding {
	const name = "continuity"
	var lost *server.LostEntriesError
	var other *server.OtherLedgerError
	switch {
	case errors.As(x.Lost, &lost):
		return wrong(name, fmt.Sprintf("entry %d, which this node had applied, is missing or another; the database ends at entry %d", lost.Entry, lost.Head), lost.Remedy())
	case errors.As(x.Lost, &other):
		return wrong(name, fmt.Sprintf("it is not ledger %s, which this data directory has served up to entry %d", other.Known, other.Entry), other.Remedy())
	case x.Lost != nil:
		return wrong(name, x.Lost, "")
	}
	return good(name, "the database has every entry that this node knows of")
}

// coverage holds the public log against the ledger: it may be behind, never ahead.
func coverage(x server.Examination) finding {
	const name = "log and ledger"
	if x.LogSize > x.Head || x.Checkpoint > x.Head {
		return wrong(name, fmt.Sprintf("the ledger ends at entry %d, and a checkpoint over %d entries was signed", x.Head, max(x.LogSize, x.Checkpoint)),
			"entries are gone from the database: restore it from a copy that has them, or fail over to one")
	}
	return good(name, "the newest checkpoint covers %s of %s entries", count(x.Checkpoint), count(x.Head))
}
