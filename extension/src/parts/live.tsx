import * as React from 'react';

import { moment } from '../words';
import { Tag, useGoverned } from './index';
import { IColumn, Table } from './table';

/** A bundle that is or was live somewhere. */
interface IInterval {
  environment: string;
  slot: string;
  bundle: string;
  live_from: string;
  live_to: string | null;
  person?: string;
}

/** Where bundles are or were live; who put them there, where that is known. */
export function LiveTable(props: { rows: IInterval[] }): React.ReactElement {
  const { trans } = useGoverned();
  const who: IColumn<IInterval>[] = props.rows.some(row => row.person)
    ? [{ title: trans.__('Person'), cell: row => row.person }]
    : [];
  return (
    <Table
      label={trans.__('Deployments')}
      rows={props.rows}
      keyOf={row => `${row.environment} ${row.slot} ${row.live_from}`}
      columns={[
        {
          title: trans.__('Where'),
          cell: row => `${row.environment}/${row.slot}`,
          isHead: true
        },
        { title: trans.__('Bundle'), cell: row => row.bundle },
        ...who,
        {
          title: trans.__('From'),
          cell: row => moment(row.live_from),
          isTime: true
        },
        {
          title: trans.__('To'),
          cell: row =>
            row.live_to === null ? (
              <Tag tone="good">{trans.__('live')}</Tag>
            ) : (
              moment(row.live_to)
            )
        }
      ]}
    />
  );
}
