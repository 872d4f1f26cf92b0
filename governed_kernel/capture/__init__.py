"""The observers inside a kernel, one file a library; they know no store."""
