"""Export to OpenLineage (https://openlineage.io/spec/2-0-2): what sessions did, as its events.

A session is a run of the job that is its notebook, a cell's execution a run of a job below it.
"""
