package reliability

// The promises that were broken at some time, by name.
const (
	lost   = "Nothing acknowledged is lost"
	obeyed = "A withdrawal acknowledged is a withdrawal obeyed"
)

// Violations are the cases in which a promise did not hold, or in which a node refused to serve for no reason, found
// by the tests before any release. Each has a test that would find it again.
var Violations = []Violation{
	{
		Promise: lost,
		What:    "After an fsync that failed, the kernel counts pages as written that are not. The next commit was acknowledged on top of them, and a power cut took both.",
		Fix:     "After a failed commit the write-ahead log is written and synced again, byte by byte, before anything relies on it.",
		Test:    "TestSettlingWritesEveryByteAgain",
	},
	{
		Promise: obeyed,
		What:    "A commit whose answer was lost on the way was in the ledger but not in the node's index: a withdrawal that nobody was told of stood, and the node went on allowing.",
		Fix:     "Each commit makes up for all entries that the index has not heard of, whoever wrote them.",
		Test:    "TestEveryEntryWhoseAnswerWasLostIsHeardOf",
	},
	{
		Promise: obeyed,
		What:    "A poll that was applied between reading the index and comparing the clock extended the lease, which then vouched for what had been read before the poll.",
		Fix:     "A check is judged by the lease as it stood before it read. The model of the protocol finds the fault when this is undone.",
		Test:    "TestALeaseExtendedMeanwhileDoesNotCoverWhatWasReadBefore",
	},
	{
		Promise: obeyed,
		What:    "A stop that was told live by a caller whose clock was slow counted as older than the yes before it, and did not take effect.",
		Fix:     "What is told live counts from when the ledger hears of it, if the caller's clock explains the difference.",
		Test:    "TestAStopOfASlowClockCounts",
	},
	{
		Promise: obeyed,
		What:    "A stop under an event id that a yes had used was taken for a repetition of the yes, and dropped.",
		Fix:     "Of what restricts, the scope and the kind are part of what makes a repetition.",
		Test:    "TestEventIDsAreEachSourcesOwn",
	},
	{
		Promise: obeyed,
		What:    "A no at a number did not hold for the same number with an extension.",
		Fix:     "Restrictions of a number are looked up behind its extensions too.",
		Test:    "TestANoAtTheNumberHoldsBehindItsExtensions",
	},
	{
		Promise: obeyed,
		What:    "No promise was broken, but a node went silent for good: a poll that had to wait while the node itself committed found the newest entries missing from its older snapshot, and took the database for another's. Killing the leader of a cluster under load found it.",
		Fix:     "A log is held against the place that the node had reached before the snapshot was taken.",
		Test:    "TestAPollThatWasOvertakenIsNoFork",
	},
}
