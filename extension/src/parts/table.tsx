import * as React from 'react';

import { Button, useGoverned } from './index';

/** One column of a table: its heading, and what a row shows there. */
export interface IColumn<Row> {
  title: string;
  cell: (row: Row) => React.ReactNode;
  isNumber?: boolean;
  /** Whether it stays on one line. */
  isTime?: boolean;
  /** What is told on hover. */
  hint?: (row: Row) => string;
  /** Whether the cell names the row. */
  isHead?: boolean;
}

const MOST_ROWS = 200;

/** Rows of one kind; many are shown a page at a time. */
export function Table<Row>(props: {
  columns: IColumn<Row>[];
  rows: Row[];
  keyOf: (row: Row) => string;
  label?: string;
  classOf?: (row: Row) => string;
  /** What stands above the rows that follow each other and have it in common. */
  groupOf?: (row: Row) => string;
  groupTitle?: (group: string) => React.ReactNode;
  /** What is said where there is no row. */
  none?: string;
}): React.ReactElement {
  const { trans } = useGoverned();
  const [most, setMost] = React.useState(MOST_ROWS);
  const box = React.useRef<HTMLDivElement>(null);
  const { columns, rows } = props;
  const shown = rows.slice(0, most);
  if (!rows.length && props.none) {
    return <p role="status">{props.none}</p>;
  }
  const groups = [...new Set(shown.map(row => props.groupOf?.(row) ?? ''))];
  return (
    // who has no mouse scrolls a wide table with the arrow keys
    <div
      ref={box}
      className="gn-Table-scroll"
      role="group"
      aria-label={props.label}
      tabIndex={0}
    >
      <table className="gn-Table" aria-label={props.label}>
        <thead>
          <tr>
            {columns.map(column => (
              <th
                key={column.title}
                scope="col"
                className={column.isNumber ? 'gn-mod-number' : undefined}
              >
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        {groups.map(group => (
          <tbody key={group}>
            {group && (
              <tr>
                <th
                  scope="rowgroup"
                  colSpan={columns.length}
                  className="gn-Table-group"
                >
                  {props.groupTitle?.(group) ?? group}
                </th>
              </tr>
            )}
            {shown
              .filter(row => (props.groupOf?.(row) ?? '') === group)
              .map(row => (
                <tr key={props.keyOf(row)} className={props.classOf?.(row)}>
                  {columns.map(column => (
                    <Cell key={column.title} column={column} row={row} />
                  ))}
                </tr>
              ))}
          </tbody>
        ))}
      </table>
      {rows.length > most && (
        <p>
          {trans.__('%1 of %2 are shown.', most, rows.length)}{' '}
          <Button
            kind="link"
            onClick={() => {
              setMost(most + MOST_ROWS);
              if (rows.length <= most + MOST_ROWS) {
                box.current?.focus({ preventScroll: true }); // the button goes
              }
            }}
          >
            {trans.__('Show more')}
          </Button>
        </p>
      )}
    </div>
  );
}

function Cell<Row>(props: {
  column: IColumn<Row>;
  row: Row;
}): React.ReactElement {
  const { column, row } = props;
  const content = column.cell(row);
  const said = {
    title: column.hint?.(row) || undefined,
    className:
      (column.isNumber && 'gn-mod-number') ||
      (column.isTime && 'gn-mod-time') ||
      undefined
  };
  return column.isHead ? (
    <th scope="row" {...said}>
      {content}
    </th>
  ) : (
    <td {...said}>{content}</td>
  );
}
