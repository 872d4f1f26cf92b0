import * as React from 'react';

import { Button, useGoverned } from '../parts';
import type { GraphModel, IFilter } from './model';
import { label } from '../labels';

/** Search, filters, and what else can be done with a graph. */
export function Filters(props: {
  model: GraphModel;
  filter: IFilter;
  change: (filter: IFilter) => void;
  isTable: boolean;
  setTable: (isTable: boolean) => void;
  expandAll: () => void;
  collapse: (() => void) | undefined;
  save: (kind: 'svg' | 'png') => void;
  fit: () => void;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { model, filter, change } = props;
  const classes = model.classes();
  const cells = model.cells();
  return (
    <div
      className="gn-Lineage-filters"
      role="toolbar"
      aria-label={trans.__('Lineage')}
    >
      <input
        type="search"
        aria-label={trans.__('Search the graph')}
        placeholder={trans.__('Search')}
        title={trans.__('Names, folders, operations')}
        value={filter.search}
        onChange={event => change({ ...filter, search: event.target.value })}
      />
      {classes.length > 0 && (
        <select
          aria-label={trans.__('Data class')}
          value={filter.dataClass}
          onChange={event =>
            change({ ...filter, dataClass: event.target.value })
          }
        >
          <option value="">{trans.__('All classes')}</option>
          {classes.map(name => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      {cells.length > 1 && (
        <select
          aria-label={trans.__('Cell')}
          value={filter.cell}
          onChange={event => change({ ...filter, cell: event.target.value })}
        >
          <option value="">{trans.__('All cells')}</option>
          {cells.map(cell => (
            <option key={cell.key} value={cell.key}>
              {cell.name}
            </option>
          ))}
        </select>
      )}
      <span className="gn-Lineage-kinds">
        {model.kinds().map(kind => {
          const isOn = !filter.kinds.has(kind);
          return (
            <button
              key={kind}
              type="button"
              className={`gn-Chip gn-kind-${kind}`}
              aria-pressed={isOn}
              onClick={() => {
                const kinds = new Set(filter.kinds);
                if (isOn) {
                  kinds.add(kind);
                } else {
                  kinds.delete(kind);
                }
                change({ ...filter, kinds });
              }}
            >
              {label(kind, trans)}
            </button>
          );
        })}
      </span>
      <span className="gn-Lineage-actions">
        <Button onClick={() => props.setTable(!props.isTable)}>
          {props.isTable ? trans.__('Graph') : trans.__('Table')}
        </Button>
        {props.collapse ? (
          <Button onClick={props.collapse}>{trans.__('Collapse')}</Button>
        ) : (
          <Button onClick={props.expandAll}>{trans.__('Expand all')}</Button>
        )}
        {!props.isTable && (
          <>
            <Button onClick={props.fit}>{trans.__('Fit')}</Button>
            <Button
              label={trans.__('Save as SVG')}
              onClick={() => props.save('svg')}
            >
              {trans.__('SVG')}
            </Button>
            <Button
              label={trans.__('Save as PNG')}
              onClick={() => props.save('png')}
            >
              {trans.__('PNG')}
            </Button>
          </>
        )}
      </span>
    </div>
  );
}
