package reliability

// Promise is what the product promises, and why one may believe it.
type Promise struct {
	Name    string
	Text    string
	Assumes []string
	Tests   []Test
}

// Test is one test that holds a promise.
type Test struct {
	Folder, Name string
	How          string
	Figures      []string // the names of what it notes
}

// Violation is a case in which a promise did not hold, found by a test or a reading before any release.
type Violation struct {
	Promise string // its name
	What    string // what went wrong, and when
	Fix     string
	Test    string // that would fail again
}

// Promises are all that are made, in the order of the page.
var Promises = []Promise{
	{
		Name: "One place decides",
		Text: "Every fact enters through the ledger's one append, and every verdict comes from the check. No surface has rules of its own.",
		Tests: []Test{
			{Folder: "internal/archtest", Name: "TestEveryImportIsOneThatTheRulesAllow", How: "no surface can reach the store, and only the store speaks SQL"},
			{Folder: "internal/check", Name: "TestIndexEqualsModel", How: "the lock-free index against a plain model, over random batches and questions"},
			{Folder: "internal/check", Name: "TestAllowNeedsEverything", How: "taking any one ground away from an allow makes it a deny"},
		},
	},
	{
		Name: "Nothing acknowledged is lost",
		Text: "An answer of success means committed and on disk. Being killed at any moment loses nothing acknowledged and leaves nothing half-done.",
		Assumes: []string{
			"A disk that says it has written has written; a disk that lies about fsync is outside what software can see.",
			"PostgreSQL with `fsync`, `full_page_writes` and `synchronous_commit` on, which every new connection is asked for; with failover, a synchronous standby, and nobody promoted who lacks its log.",
		},
		Tests: []Test{
			{Folder: "internal/testkit/audit", Name: "TestNothingAcknowledgedIsLostWhenKilled", How: "a writing process is killed at random moments, and every answer it gave is looked for", Figures: []string{"writing processes killed", "acts acknowledged before kills"}},
			{Folder: "internal/testkit/powercut", Name: "TestNothingAcknowledgedIsLostInAPowerCut", How: "a disk in memory that forgets, tears and reorders what was not synced", Figures: []string{"power cuts", "acts told again after power cuts"}},
			{Folder: "internal/testkit/powercut", Name: "TestASettingThatLosesActsIsFoundOut", How: "the test of the test: without a sync at each commit the same cuts are noticed"},
			{Folder: "internal/testkit/powercut", Name: "TestNoFaultMakesTheLedgerLie", How: "each call to the disk fails in turn", Figures: []string{"disk calls failed in turn"}},
			{Folder: "internal/server", Name: "TestNothingAcknowledgedIsLostWhenPostgresIsKilled", How: "PostgreSQL is killed under load, again and again", Figures: []string{"database servers killed", "acts acknowledged before databases were killed"}},
			{Folder: "internal/server", Name: "TestNothingAcknowledgedIsLostWhenTheStandbyTakesOver", How: "the primary is killed under load and its synchronous standby promoted: every act is there, numbers have no gap, the log continues its checkpoint", Figures: []string{"standbys promoted", "acts acknowledged through promotions"}},
			{Folder: "internal/server", Name: "TestACommitWhoseAnswerIsLostIsSettledByItsKey", How: "connections are cut while the server commits", Figures: []string{"commits whose answer was lost"}},
			{Folder: "internal/store/postgres", Name: "TestACommitThatDidNotWaitForItsStandbyIsUnconfirmed", How: "a commit that ceased to wait for its standby is no success"},
			{Folder: "internal/testkit/ha", Name: "TestLeadersAreKilledUnderLoad", How: "the whole cluster of `deploy/ha`: etcd, Patroni and HAProxy, two nodes, the leader killed under load", Figures: []string{"cluster leaders killed", "acts acknowledged by the cluster", "acts lost by the cluster", "seconds to recovery, least", "seconds to recovery, median", "seconds to recovery, most"}},
		},
	},
	{
		Name: "A withdrawal acknowledged is a withdrawal obeyed",
		Text: "Once a withdrawal was answered `effective: \"all\"`, no check sent later, to any node, answers allow from before it. A node that cannot prove that it is fresh answers deny: stale.",
		Assumes: []string{
			"The nodes' clocks run equally fast, but for one part in twenty (at least 10 ms in Δ). They need not agree on the time.",
			"A machine that sleeps counts its sleep (CLOCK_BOOTTIME). A virtual machine that is frozen or moved without its guest noticing is not covered.",
			"All nodes have the same Δ.",
		},
		Tests: []Test{
			{Folder: "internal/freshness", Name: "TestTheProtocolAllowsNothingStale", How: "every state of a model of the lease, with pauses, losses, delays, drift and a second primary", Figures: []string{"states of the lease explored"}},
			{Folder: "internal/freshness", Name: "TestEveryWorseProtocolAllowsSomethingStale", How: "the test of the test: each way to weaken the protocol is found out", Figures: []string{"weaker protocols found out"}},
			{Folder: "internal/freshness", Name: "TestTheWaitIsForDeltaAndTheMarginOnTheNodesOwnClock", How: "the wait before `effective: \"all\"`, to the nanosecond, on a clock that the test steps"},
			{Folder: "internal/freshness", Name: "TestAWaitThatAMachineSleptThroughIsOver", How: "a machine that was suspended: its waits are over, and so is its lease"},
			{Folder: "internal/freshness", Name: "TestAPollThatWasOvertakenIsNoFork", How: "a poll whose snapshot is older than what the node has committed itself"},
			{Folder: "internal/server", Name: "TestNoAllowOutlivesAnAcknowledgedWithdrawal", How: "three nodes that are stopped, killed, cut off and delayed; what they said is judged by porcupine", Figures: []string{"histories judged", "answers in them", "stale denials in them", "allows in them"}},
			{Folder: "internal/server", Name: "TestProvokedNodesKeepTheirWord", How: "nodes led on purpose into what leases are there for: stopped while another records, answered late"},
			{Folder: "internal/server", Name: "TestBrokenLeasesAreCaught", How: "the test of the test: nodes with a worse lease are found out by the same histories", Figures: []string{"broken leases found out"}},
			{Folder: "internal/server", Name: "TestTwoPrimariesAllowNothingStale", How: "the standby is promoted and the old primary lives on for one node, which falls silent within Δ", Figures: []string{"histories judged", "answers in them", "stale denials in them", "allows in them", "standbys promoted"}},
			{Folder: "internal/server", Name: "TestAnOldPrimaryKeepsNobodyFresh", How: "an old primary that gives up waiting for its standby makes no node fresh", Figures: []string{"standbys promoted"}},
			{Folder: "internal/server", Name: "TestALossyFailoverClosesEveryNodeThatKnowsMore", How: "a standby that lacks the last entries is promoted: nodes close, and keep their suppressions", Figures: []string{"standbys promoted"}},
			{Folder: "internal/server", Name: "TestACopyThatWasWrittenToIsNoticed", How: "an older copy that has grown past what the nodes know is told apart by its entries", Figures: []string{"standbys promoted"}},
			{Folder: "internal/server", Name: "TestTwoNodesOverHTTPWaitForARevisionOrSayThatTheyAreBehind", How: "over HTTP: a least revision is waited for, a node that is cut off says so in checks, `/readyz` and `/metrics`"},
			{Folder: "internal/check", Name: "TestClockIsReadAfterTheIndex", How: "a lease that runs out while the check is at work"},
			{Folder: "internal/check", Name: "TestALeaseExtendedMeanwhileDoesNotCoverWhatWasReadBefore", How: "a poll that is applied while the check is at work"},
			{Folder: "internal/testkit/ha", Name: "TestLeadersAreKilledUnderLoad", How: "what the two nodes of the cluster said through all its failovers, judged by porcupine", Figures: []string{"histories judged", "answers in them", "stale denials in them", "allows in them"}},
		},
	},
	{
		Name: "History is never rewritten",
		Text: "Corrections are new entries. Records are versions of a fold over entries; the same set of entries gives the same state in whatever order they arrived.",
		Tests: []Test{
			{Folder: "internal/consent", Name: "TestTheFoldIsTheModel", How: "random acts in random orders against a plain model"},
			{Folder: "internal/ledger", Name: "TestNoEntryCanBeAltered", How: "each stored byte is altered in turn"},
			{Folder: "internal/transparency", Name: "TestNothingInconsistentIsSigned", How: "a log that does not continue what was signed gets no signature"},
		},
	},
	{
		Name: "Silence is no",
		Text: "Unknown number, unknown scope, pending, expired, ambiguous, no rule: deny. The one exception is a class of purpose that the applicable rules exempt, and the verdict names that rule.",
		Tests: []Test{
			{Folder: "internal/consent", Name: "TestSilenceIsNo", How: "no record and no act that is not a yes allows"},
			{Folder: "internal/check", Name: "TestZeroVerdictDenies", How: "a verdict that nobody filled in is a deny"},
			{Folder: "internal/check", Name: "TestExemptionExcusesSilenceNeverANo", How: "an exemption does not reach beyond silence"},
		},
	},
	{
		Name: "An old yes never beats a later no",
		Text: "A re-upload, a late sync, a retry or an import cannot revive a withdrawn consent; only a new act of the person, dated after the withdrawal, can.",
		Tests: []Test{
			{Folder: "internal/consent", Name: "TestAnOldYesNeverBeatsALaterNo", How: "all orders of arrival of random acts"},
			{Folder: "internal/consent", Name: "TestOnlyTheBestRoadsReviveANo", How: "every kind of act, source and date"},
			{Folder: "internal/ledger", Name: "TestAReplayedEventStaysOld", How: "an event that is told again keeps its place"},
			{Folder: "internal/httpapi", Name: "TestAReuploadDoesNotReviveAWithdrawnConsent", How: "through the interface, file after file"},
		},
	},
	{
		Name:    "Provable to an outsider, offline",
		Text:    "Any entry can be shown to be in the log, unchanged since its checkpoint, with `verify` and nothing of ours running.",
		Assumes: []string{"SHA-256 and Ed25519 hold; the outsider has the log's key from its operator, and a checkpoint that others saw too."},
		Tests: []Test{
			{Folder: "verify", Name: "TestProofOfEveryEntryInEverySizeVerifies", How: "all entries of all small logs"},
			{Folder: "verify", Name: "TestNoAlteredByteEscapesAnAudit", How: "each byte of a log is altered in turn"},
			{Folder: "verify", Name: "TestNoAlteredByteEscapesAProof", How: "each byte of a proof is altered in turn"},
			{Folder: "internal/transparency", Name: "TestLogIsThatOfItsLeavesWhateverHappens", How: "restarts, failures and several nodes in any order make the same log"},
		},
	},
	{
		Name:    "Erasable",
		Text:    "Erasing a person makes everything about them unreadable, in backups of the ledger too, leaves the log verifiable, and keeps them suppressed.",
		Assumes: []string{"Backups of the table of subjects end with their own term: whoever has an old copy of a person's key and the master key can read old entries."},
		Tests: []Test{
			{Folder: "internal/ledger", Name: "TestAnErasedSubjectsEntriesStayInTheirPlaces", How: "without the key the entries stay, verifiable and unreadable"},
			{Folder: "internal/check", Name: "TestAGivenRecordDoesNotEscapeListsLeaseOrErasure", How: "what was erased is not answered from the past either"},
		},
	},
	{
		Name: "Every verdict explains itself",
		Text: "Rule, citation, the entry it rests on, and when it would change.",
		Tests: []Test{
			{Folder: "internal/check", Name: "TestCodesAreNamedOnceAndExplained", How: "every code has a name and a sentence"},
			{Folder: "internal/check", Name: "TestReasonsWithoutRoomAreCounted", How: "no reason is dropped in silence"},
		},
	},
	{
		Name: "Partial success is spelled out per item",
		Text: "No 2xx hides a failed item.",
		Tests: []Test{
			{Folder: "internal/httpapi", Name: "TestABatchSaysOfEachItemWhatBecameOfIt", How: "good, doubtful and bad items in one batch"},
			{Folder: "internal/httpapi", Name: "TestAStreamThatBreaksOffLeavesNoHalfAct", How: "a stream that ends in the middle of a line"},
		},
	},
}
