"""The process beside a kernel: witness, reconciliation and the journal's only writer."""
