"""Small programs made by chance, each in pandas, polars and DuckDB, with the origins that are true.

What is true is said twice: by rules of the plan itself (`plans`), and by DuckDB, whose results
change where an origin does.
"""
