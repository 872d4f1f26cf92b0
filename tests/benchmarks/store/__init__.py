"""What the lineage store costs at the size of a team: each figure beside its limit."""
