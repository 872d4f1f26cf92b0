"""Facets of OpenLineage's datasets, jobs and runs, from what the store knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from openlineage.client import event_v2 as model
from openlineage.client import facet_v2 as facets
from openlineage.client.generated.base import DatasetFacet, JobFacet, OutputDatasetFacet, RunFacet

from governed_kernel import __version__
from governed_kernel.lineage.openlineage.naming import of_uri
from governed_kernel.lineage.openlineage.recorded import Origin, Place
from governed_kernel.lineage.relations import DIRECT

__all__ = ["PRODUCER", "Catalog", "column_lineage", "job_type", "output", "processing_engine"]

PRODUCER = f"urn:governed-notebooks:{__version__}"
_SOURCE = "governed-notebooks"


class Catalog:
    """What the catalog says of datasets, by name and version."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._versions = {(row["dataset"], row["version"]): row for row in rows}

    def facets(self, place: Place) -> dict[str, DatasetFacet]:
        """Everything that is said of a dataset, besides its columns' origins."""
        made: dict[str, DatasetFacet] = {}
        if place.columns:
            fields = [
                facets.schema_dataset.SchemaDatasetFacetFields(name=name) for name in place.columns
            ]
            made["schema"] = facets.schema_dataset.SchemaDatasetFacet(fields=fields)
        uris = list(place.uris)
        shown = place.dataset or of_uri(uris[0]).namespace
        source = facets.datasource_dataset.DatasourceDatasetFacet(name=shown, uri=uris[0])
        made["dataSource"] = source
        version = ", ".join(sorted(place.versions or place.digests))
        if version:
            made["version"] = facets.dataset_version_dataset.DatasetVersionDatasetFacet(version)
        if place.deleted:
            kind = facets.lifecycle_state_change_dataset
            dropped = kind.LifecycleStateChange.DROP
            made["lifecycleStateChange"] = kind.LifecycleStateChangeDatasetFacet(dropped)
        if place.dataset:
            made |= self._registered(place, uris)
        return made

    def _registered(self, place: Place, uris: list[str]) -> dict[str, DatasetFacet]:
        names = [of_uri(uri) for uri in uris]
        identifier = facets.symlinks_dataset.Identifier
        made: dict[str, DatasetFacet] = {
            "symlinks": facets.symlinks_dataset.SymlinksDatasetFacet(
                [identifier(name.namespace, name.name, "FILE") for name in names]
            )
        }
        known = [self._versions.get((place.dataset, version)) for version in sorted(place.versions)]
        registered = [row for row in known if row is not None]
        if not registered:
            return made
        latest = registered[-1]
        purposes = ", ".join(latest["purposes"] or [])
        text = f"{latest['data_class']} data for {purposes}; {latest['legal_basis']}"
        made["documentation"] = facets.documentation_dataset.DocumentationDatasetFacet(text)
        if latest["owner"]:
            owner = facets.ownership_dataset.Owner(name=latest["owner"], type="OWNER")
            made["ownership"] = facets.ownership_dataset.OwnershipDatasetFacet([owner])
        tag = facets.tags_dataset.TagsDatasetFacetFields
        tags = [tag(key="data_class", value=latest["data_class"], source=_SOURCE)]
        made["tags"] = facets.tags_dataset.TagsDatasetFacet(tags)
        return made


def output(place: Place, catalog: Catalog, origins: list[Origin]) -> model.OutputDataset:
    """A written dataset, with where its columns are from."""
    said = catalog.facets(place)
    lineage = column_lineage([origin for origin in origins if origin.output == place.name])
    if lineage is not None:
        said["columnLineage"] = lineage
    statistics: dict[str, OutputDatasetFacet] = {}
    if place.rows is not None or place.bytes is not None:
        kind = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
        statistics["outputStatistics"] = kind(rowCount=place.rows, size=place.bytes)
    return model.OutputDataset(*place.name, outputFacets=statistics, facets=said)


def column_lineage(
    origins: list[Origin],
) -> facets.column_lineage_dataset.ColumnLineageDatasetFacet | None:
    """The facet of one written dataset; what concerns all of its columns is said once.

    Its transformations have the words of this product, which are OpenLineage's own. A source
    whose columns nobody knows is among the inputs, and can't be named here.
    """
    known = [origin for origin in origins if origin.source_column != "*"]
    columns = {origin.output_column for origin in known} - {"*"}
    by_source: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
    for origin in known:
        key = (origin.source, origin.source_column, origin.relation, origin.evidence)
        by_source[key].add(origin.output_column)
    of_all: defaultdict[tuple[Any, ...], list[tuple[str, str]]] = defaultdict(list)
    of_one: defaultdict[str, defaultdict[tuple[Any, ...], list[tuple[str, str]]]]
    of_one = defaultdict(lambda: defaultdict(list))
    for (source, column, relation, evidence), outputs in by_source.items():
        everywhere = "*" in outputs or (relation not in DIRECT and outputs >= columns)
        if everywhere:
            of_all[source, column].append((relation, evidence))
            continue
        for name in outputs:
            of_one[name][source, column].append((relation, evidence))
    if not of_all and not of_one:
        return None
    kind = facets.column_lineage_dataset
    fields = {name: kind.Fields(_inputs(found)) for name, found in sorted(of_one.items())}
    return kind.ColumnLineageDatasetFacet(fields=fields, dataset=_inputs(of_all))


def _inputs(
    found: dict[tuple[Any, ...], list[tuple[str, str]]],
) -> list[facets.column_lineage_dataset.InputField]:
    kind = facets.column_lineage_dataset
    return [
        kind.InputField(
            namespace=source.namespace,
            name=source.name,
            field=column,
            transformations=[
                kind.Transformation(
                    type="DIRECT" if relation in DIRECT else "INDIRECT",
                    subtype=relation,
                    description=evidence,
                )
                for relation, evidence in sorted(how)
            ],
        )
        for (source, column), how in sorted(found.items())
    ]


def job_type(kind: str) -> dict[str, JobFacet]:
    """What a job is: NOTEBOOK or CELL."""
    said = facets.job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="GOVERNED_NOTEBOOKS", jobType=kind
    )
    return {"jobType": said}


def processing_engine(session: dict[str, Any]) -> dict[str, RunFacet]:
    """What executed a session, and which run of which release it was."""
    engine = facets.processing_engine_run.ProcessingEngineRunFacet(
        version=session["python"] or "unknown",
        name=f"governed-{session['mode']}",
        openlineageAdapterVersion=__version__,
    )
    tag = facets.tags_run.TagsRunFacetFields
    tags = [
        tag(key=key, value=str(session[key]), source=_SOURCE)
        for key in ("session_id", "run_id", "run_kind", "release")
        if session[key]
    ]
    return {"processing_engine": engine, "tags": facets.tags_run.TagsRunFacet(tags)}
